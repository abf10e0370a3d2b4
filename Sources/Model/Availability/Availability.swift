internal import Retrieval
internal import Synchronization

/// Which items of one snapshot cannot be shown now, because they are sold out: one bit an item, beside the mapped file,
/// which never changes.
///
/// One thread writes: `set` for each item, then `publish`. All workers read without locks. A reader that asks for single
/// items sees a change at once; one that wants the whole set copies it anew when its stamp has changed. A writer that
/// must know that nobody goes by the old bits any more has the readers say so: what they do after that sees the new ones.
///
/// 8 bytes for 64 items: 125 KB for a million.
public final class Availability: @unchecked Sendable {
  public let itemCount: Int
  /// Bit `item % 64` of word `item / 64` is set while the item is unavailable; zero beyond `itemCount`.
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  private let wordCount: Int
  private let unavailable = Atomic<Int>(0)
  private let published = Atomic<UInt64>(0)

  /// Unlike any other of this process, so that copies of two snapshots' sets are never taken for each other.
  private static let lastStamp = Atomic<UInt64>(0)

  /// Everything is available. O(items / 64).
  public init(itemCount: Int) {
    precondition(itemCount >= 0)
    self.itemCount = itemCount
    wordCount = (itemCount + 63) / 64
    words = .allocate(capacity: wordCount)
    for index in 0..<wordCount { (words + index).initialize(to: Atomic(0)) }
  }

  deinit {
    words.deinitialize(count: wordCount)
    words.deallocate()
  }

  /// Items that are unavailable.
  public var unavailableCount: Int { unavailable.load(ordering: .relaxed) }
  /// Nothing is unavailable: one load, and nobody need look any further.
  public var isComplete: Bool { unavailableCount == 0 }

  /// O(1).
  public func isUnavailable(_ item: UInt32) -> Bool {
    precondition(Int(item) < itemCount)
    return bits.contains(item)
  }

  // MARK: The writer's side.

  /// Whether this changed anything. Of one thread only.
  @discardableResult
  public func set(_ item: UInt32, unavailable isUnavailable: Bool) -> Bool {
    precondition(Int(item) < itemCount)
    let word = words + Int(item >> 6)
    let bit: UInt64 = 1 << UInt64(item & 63)
    let before = word.pointee.load(ordering: .relaxed)
    guard (before & bit != 0) != isUnavailable else { return false }
    word.pointee.store(before ^ bit, ordering: .relaxed)
    // After the bit: who reads that nothing is unavailable before this, reads so for the last time.
    unavailable.add(isUnavailable ? 1 : -1, ordering: .releasing)
    return true
  }

  /// Has readers copy the set anew. Of the same thread, after its changes.
  public func publish() {
    let stamp = Availability.lastStamp.add(1, ordering: .relaxed).newValue
    published.store(stamp, ordering: .releasing)
  }

  // MARK: The readers' side.

  /// Changes with every `publish`; 0 before the first.
  var stamp: UInt64 { published.load(ordering: .acquiring) }

  /// The items that are available, as of a stamp that was read before. O(items / 64), and it allocates: once a change.
  func availableItems() -> Bitmap {
    let copy = (0..<wordCount).map { ~words[$0].load(ordering: .relaxed) }
    return Bitmap(count: itemCount, words: copy)!
  }

  /// To look items up without holding the object: valid as long as it is.
  var bits: Bits { Bits(words: words) }

  struct Bits {
    fileprivate let words: UnsafeMutablePointer<Atomic<UInt64>>

    /// `item` is one of the snapshot.
    func contains(_ item: UInt32) -> Bool {
      words[Int(item >> 6)].load(ordering: .relaxed) >> UInt64(item & 63) & 1 == 1
    }
  }
}
