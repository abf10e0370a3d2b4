/// Reads a section from its start to its end, checking every step against what is left.
///
/// What it hands out borrows from the mapping: keep the `Snapshot`.
public struct SectionReader {
  private let base: UnsafeRawPointer
  public let byteCount: Int
  public private(set) var position = 0
  public let tag: SectionTag
  private let file: String

  init(base: UnsafeRawPointer, byteCount: Int, tag: SectionTag, file: String) {
    self.base = base
    self.byteCount = byteCount
    self.tag = tag
    self.file = file
  }

  public var remainingBytes: Int { byteCount - position }

  /// The next number. Scalars are packed: they are not aligned.
  public mutating func scalar<T: FixedWidthInteger & BitwiseCopyable>(of type: T.Type = T.self) throws(SnapshotError)
    -> T
  {
    try T(littleEndian: take(type))
  }

  public mutating func float() throws(SnapshotError) -> Float { try take(Float.self) }
  public mutating func double() throws(SnapshotError) -> Double { try take(Double.self) }

  /// A 64-bit count that is at most `max`. Read a count with this, and it is safe to multiply.
  public mutating func count(max: Int) throws(SnapshotError) -> Int {
    let start = position
    let value = try take(UInt64.self)
    guard value <= UInt64(Swift.max(0, max)) else {
      throw invalid("counts \(value) where at most \(max) can be", at: start)
    }
    return Int(value)
  }

  /// `count` elements, which begin at the next multiple of 64 bytes.
  ///
  /// `T` must be a type that every bit pattern is a value of, without padding: an integer, a float, a struct or inline
  /// array of them. O(1).
  public mutating func column<T: BitwiseCopyable>(of type: T.Type, count: Int) throws(SnapshotError) -> Column<T> {
    // An empty column leaves no bytes, not even padding.
    guard count != 0 else { return Column(base: base.assumingMemoryBound(to: T.self), count: 0) }
    guard count > 0 else { throw invalid("counts \(count) elements") }
    let start = try skipPadding()
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<T>.stride)
    guard !overflow, bytes <= byteCount - start else {
      throw invalid("needs \(count) × \(MemoryLayout<T>.stride) bytes and has \(byteCount - start)", at: start)
    }
    position = start + bytes
    return Column(base: (base + start).assumingMemoryBound(to: T.self), count: count)
  }

  /// UTF-8 text behind its length, as `SectionBuilder.text` writes it.
  public mutating func text() throws(SnapshotError) -> String {
    let start = position
    let length = Int(try take(UInt32.self))
    guard length <= remainingBytes else {
      throw invalid("needs \(length) bytes of text and has \(remainingBytes)", at: start)
    }
    let bytes = UnsafeRawBufferPointer(start: base + position, count: length)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw invalid("has text that is not UTF-8", at: start)
    }
    position += length
    return text
  }

  /// Ends the reading: a section that goes on was written by someone who meant more.
  public func finish() throws(SnapshotError) {
    guard position == byteCount else { throw invalid("goes on for \(remainingBytes) bytes after its end") }
  }

  /// The error of what was just read; `at` in bytes from the section's start, by default where reading stands.
  public func invalid(_ detail: String, code: SnapshotError.Code = .tensorInvalid, at offset: Int? = nil)
    -> SnapshotError
  {
    SnapshotError(code, detail, file: file, section: tag, offset: offset ?? position)
  }

  private mutating func take<T: BitwiseCopyable>(_ type: T.Type) throws(SnapshotError) -> T {
    guard MemoryLayout<T>.size <= remainingBytes else {
      throw invalid("ends where \(MemoryLayout<T>.size) more bytes should be")
    }
    defer { position += MemoryLayout<T>.size }
    return base.loadUnaligned(fromByteOffset: position, as: type)
  }

  /// Where the next column starts; the bytes up to there must be zero.
  private func skipPadding() throws(SnapshotError) -> Int {
    let start = aligned(position)
    guard start <= byteCount else { throw invalid("ends before a column") }
    for offset in position..<start where base.load(fromByteOffset: offset, as: UInt8.self) != 0 {
      throw invalid("has bytes in the gap before a column", at: offset)
    }
    return start
  }
}
