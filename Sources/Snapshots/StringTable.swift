/// Many strings of bytes in one section: a count, a column of offsets, one more than there are strings, and the bytes.
///
/// Borrows from the mapping like a `Column`. The offsets are checked once, when the table is read, so that `bytes(at:)`
/// needs no check but that of its index.
public struct StringTable: Sendable {
  /// 64 bits, so that no catalogue is too large to be written; 8 bytes an item are little beside its metadata.
  private let offsets: Column<UInt64>
  private let content: Column<UInt8>

  public var count: Int { offsets.count - 1 }
  public var isEmpty: Bool { count == 0 }
  /// Bytes of all strings together.
  public var byteCount: Int { content.count }

  /// Reads what `write` wrote. O(strings): the offsets are checked to begin at 0 and never to fall.
  public init(from section: inout SectionReader) throws(SnapshotError) {
    let countedAt = section.position
    let count = try section.count(max: section.remainingBytes / MemoryLayout<UInt64>.stride)
    offsets = try section.column(of: UInt64.self, count: count + 1)
    var last: UInt64 = 0
    var falls = offsets[0] != 0
    for offset in offsets.span.indices {
      let next = offsets[offset]
      falls = falls || next < last
      last = next
    }
    guard !falls else { throw section.invalid("has a table of strings whose offsets fall", at: countedAt) }
    guard last <= UInt64(section.remainingBytes) else {
      throw section.invalid("has a table of strings that reaches beyond the section", at: countedAt)
    }
    content = try section.column(of: UInt8.self, count: Int(last))
  }

  /// The bytes of string `index`, which must be below `count`. O(1).
  @_lifetime(borrow self)
  public func bytes(at index: Int) -> RawSpan {
    let start = Int(offsets[index])
    let end = Int(offsets[index + 1])
    let span = RawSpan(_unsafeStart: content.base + start, byteCount: end - start)
    return _overrideLifetime(span, borrowing: self)
  }

  /// Where string `index` begins, which must be below `count`. O(1).
  public func start(of index: Int) -> UInt64 { offsets[index] }

  /// Reads a byte of each of the first cache lines of string `index` and returns their sum, which says nothing: whoever
  /// is about to read many strings touches them all before, so that the waits for memory overlap.
  public func touch(_ index: Int) -> UInt64 {
    let end = Int(offsets[index + 1])
    var at = Int(offsets[index])
    let last = min(end, at + Self.touchedBytesMax) - 1
    guard at <= last else { return 0 }
    var sum = UInt64(content.base[last])
    while at < last {
      sum &+= UInt64(content.base[at])
      at += 64
    }
    return sum
  }

  /// What follows the first four lines the processor's own prefetching has seen coming.
  private static let touchedBytesMax = 256

  /// A copy of string `index` as text; bytes that are not UTF-8 become U+FFFD.
  public func string(at index: Int) -> String {
    let range = Int(offsets[index])..<Int(offsets[index + 1])
    return content.extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  /// The first string that is not UTF-8, if there is one. O(bytes).
  public func firstInvalidUTF8() -> Int? {
    (0..<count).first { index in
      let range = Int(offsets[index])..<Int(offsets[index + 1])
      return !content.extracting(range).withUnsafeBufferPointer { isUTF8($0) }
    }
  }

  public static func write(into section: inout SectionBuilder, _ strings: [String]) {
    write(into: &section, count: strings.count, lengths: { strings[$0].utf8.count }) { section in
      for string in strings { section.append(contentsOf: string.utf8) }
    }
  }

  public static func write(into section: inout SectionBuilder, _ strings: [[UInt8]]) {
    write(into: &section, count: strings.count, lengths: { strings[$0].count }) { section in
      for string in strings { section.append(contentsOf: string) }
    }
  }

  private static func write(
    into section: inout SectionBuilder, count: Int, lengths: (Int) -> Int, content: (inout [UInt8]) -> Void
  ) {
    var offsets: [UInt64] = [0]
    offsets.reserveCapacity(count + 1)
    for index in 0..<count { offsets.append(offsets[index] + UInt64(lengths(index))) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(offsets[count]))
    content(&bytes)
    section.count(count)
    section.column(offsets)
    section.column(bytes)
  }
}

/// Whether some bytes are UTF-8. O(bytes); runs of ASCII go eight at a time.
private func isUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
  let raw = UnsafeRawBufferPointer(bytes)
  var at = 0
  while at + 8 <= raw.count, raw.loadUnaligned(fromByteOffset: at, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
    at += 8
  }
  guard at < raw.count else { return true }
  return String(validating: raw[at...], as: UTF8.self) != nil
}
