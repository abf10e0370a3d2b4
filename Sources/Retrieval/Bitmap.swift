public import Snapshots

/// A set of items: one bit per item of the catalogue, in item order.
///
/// As a filter, a set bit means "may be answered". The number of set bits is kept, because the search chooses its way
/// by it. Copies share storage until one is changed; `assign` reuses storage.
public struct Bitmap: Sendable, Equatable {
  /// Items that the bitmap is over.
  public let count: Int
  /// Items in the set.
  public private(set) var ones: Int
  /// Bit `item % 64` of word `item / 64`; zero beyond `count`.
  private(set) var words: [UInt64]

  public init(count: Int, filled: Bool = false) {
    precondition(count >= 0)
    self.count = count
    words = Array(repeating: filled ? ~0 : 0, count: (count + 63) / 64)
    ones = filled ? count : 0
    clearPadding()
  }

  /// From stored words, `(count + 63) / 64` of them; nil when there are fewer or more. Bits beyond `count` are dropped.
  public init?(count: Int, words: [UInt64]) {
    guard count >= 0, words.count == (count + 63) / 64 else { return nil }
    self.count = count
    self.words = words
    ones = 0
    clearPadding()
    recount()
  }

  public subscript(item: Int) -> Bool {
    get {
      precondition(item >= 0 && item < count)
      return words[item >> 6] >> UInt64(item & 63) & 1 == 1
    }
    set {
      precondition(item >= 0 && item < count)
      let bit: UInt64 = 1 << UInt64(item & 63)
      let before = words[item >> 6]
      let after = newValue ? before | bit : before & ~bit
      guard before != after else { return }
      words[item >> 6] = after
      ones += newValue ? 1 : -1
    }
  }

  public func contains(_ item: UInt32) -> Bool { self[Int(item)] }
  public mutating func insert(_ item: UInt32) { self[Int(item)] = true }
  public mutating func remove(_ item: UInt32) { self[Int(item)] = false }

  /// The set of both. All of these: O(count / 64), no allocation when the storage is not shared.
  public mutating func formIntersection(_ other: borrowing Bitmap) { combine(other) { $0 & $1 } }
  public mutating func formUnion(_ other: borrowing Bitmap) { combine(other) { $0 | $1 } }
  public mutating func subtract(_ other: borrowing Bitmap) { combine(other) { $0 & ~$1 } }
  /// Becomes a copy of `other` without giving up its own storage.
  public mutating func assign(_ other: borrowing Bitmap) {
    precondition(other.count == count, "bitmaps over different catalogues")
    ones = other.ones
    words.withUnsafeMutableBufferPointer { words in
      other.words.withUnsafeBufferPointer { if let first = $0.baseAddress { words.baseAddress!.update(from: first, count: $0.count) } }
    }
  }

  public mutating func removeAll() {
    ones = 0
    words.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
  }

  /// Items of a column, which must be below `count`. O(items): about a nanosecond each.
  public mutating func insert(_ items: Column<UInt32>) { change(items) { $0 | $1 } }
  public mutating func remove(_ items: Column<UInt32>) { change(items) { $0 & ~$1 } }

  @inline(__always)
  private mutating func change(_ items: Column<UInt32>, _ operation: (_ word: UInt64, _ bit: UInt64) -> UInt64) {
    var total = ones
    let count = UInt32(clamping: count)
    words.withUnsafeMutableBufferPointer { words in
      for place in 0..<items.count {
        let item = items[place]
        precondition(item < count, "an item beyond the catalogue")
        let before = words[Int(item >> 6)]
        let after = operation(before, 1 << UInt64(item & 63))
        words[Int(item >> 6)] = after
        // One bit more, one less, or none.
        total += Int(after > before ? 1 : 0) - Int(after < before ? 1 : 0)
      }
    }
    ones = total
  }

  private mutating func combine(_ other: borrowing Bitmap, _ operation: (UInt64, UInt64) -> UInt64) {
    precondition(other.count == count, "bitmaps over different catalogues")
    var total = 0
    words.withUnsafeMutableBufferPointer { words in
      other.words.withUnsafeBufferPointer { others in
        for index in words.indices {
          let word = operation(words[index], others[index])
          words[index] = word
          total += word.nonzeroBitCount
        }
      }
    }
    ones = total
  }

  private mutating func recount() { ones = words.reduce(0) { $0 + $1.nonzeroBitCount } }

  private mutating func clearPadding() {
    guard count & 63 != 0 else { return }
    words[words.count - 1] &= (1 << UInt64(count & 63)) - 1
  }
}
