internal import Glibc

/// A growable run of bytes that one owner fills, sends and fills again.
///
/// `removeAll` keeps the storage, so a buffer reused between requests allocates only until it has met its largest
/// content. Appending is amortised O(bytes appended).
///
/// What is generic here is `@inlinable`: a generic function of another module is not specialised otherwise, and writing
/// one number through witness tables took 72 ns instead of some 10.
public struct ByteBuffer: ~Copyable {
  private var storage: UnsafeMutableRawBufferPointer
  public private(set) var count = 0

  public init(capacity: Int = 256) {
    storage = .allocate(byteCount: max(capacity, 16), alignment: 16)
  }

  deinit { storage.deallocate() }

  public var capacity: Int { storage.count }
  public var isEmpty: Bool { count == 0 }

  /// The content. Valid until the buffer is next changed.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    borrowing get {
      let span = RawSpan(_unsafeStart: UnsafeRawPointer(storage.baseAddress!), byteCount: count)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  public mutating func removeAll() { count = 0 }

  /// Forgets everything, and gives the storage back if it has grown beyond `keepingCapacity` bytes.
  public mutating func removeAll(keepingCapacity: Int) {
    count = 0
    guard storage.count > keepingCapacity else { return }
    storage.deallocate()
    storage = .allocate(byteCount: max(keepingCapacity, 16), alignment: 16)
  }

  /// Forgets everything after the first `length` bytes.
  public mutating func truncate(to length: Int) {
    precondition(length >= 0 && length <= count)
    count = length
  }

  /// Forgets the first `length` bytes and moves the rest to the front. O(bytes kept).
  public mutating func removeFirst(_ length: Int) { remove(0..<length) }

  /// Forgets some bytes and closes the gap. O(bytes after them).
  public mutating func remove(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    guard !range.isEmpty else { return }
    memmove(
      storage.baseAddress! + range.lowerBound, storage.baseAddress! + range.upperBound, count - range.upperBound)
    count -= range.count
  }

  @inline(__always)
  public mutating func reserve(_ extra: Int) {
    if count + extra > storage.count { grow(by: extra) }
  }

  @inline(never)
  private mutating func grow(by extra: Int) {
    let grown = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(count + extra, storage.count * 2), alignment: 16)
    memcpy(grown.baseAddress!, storage.baseAddress!, count)
    storage.deallocate()
    storage = grown
  }

  /// Lends the unused storage, at least `atLeast` bytes of it, and takes in as many as `body` says it wrote.
  public mutating func appendInPlace(atLeast: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
    reserve(atLeast)
    let room = UnsafeMutableRawBufferPointer(rebasing: storage[count...])
    let written = body(room)
    precondition(written >= 0 && written <= room.count)
    count += written
  }

  public mutating func append(_ byte: UInt8) {
    reserve(1)
    storage[count] = byte
    count += 1
  }

  public mutating func append(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { append(unsafe: $0) }
  }

  public mutating func append(_ text: StaticString) {
    append(unsafe: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  public mutating func append(_ text: String) {
    append(text.utf8.span.bytes)
  }

  public mutating func append(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { append(unsafe: $0) }
  }

  /// Copies bytes that the caller vouches for.
  public mutating func append(unsafe bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    reserve(bytes.count)
    memcpy(storage.baseAddress! + count, start, bytes.count)
    count += bytes.count
  }

  @inlinable
  public mutating func append(littleEndian value: some FixedWidthInteger) {
    var value = value.littleEndian
    withUnsafeBytes(of: &value) { append(unsafe: $0) }
  }

  /// Writes over bytes that are already there.
  public mutating func replace(at offset: Int, with bytes: RawSpan) {
    precondition(offset >= 0 && offset + bytes.byteCount <= count)
    bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      memcpy(storage.baseAddress! + offset, start, source.count)
    }
  }

  @inlinable
  public mutating func replace(at offset: Int, littleEndian value: some FixedWidthInteger) {
    var value = value.littleEndian
    withUnsafeBytes(of: &value) { replace(at: offset, with: RawSpan(_unsafeBytes: $0)) }
  }
}

// Lending through a closure, for buffers that are properties of classes: a span of one may not leave the statement that
// reads the property, but it may be lent for the length of a call.
extension ByteBuffer {
  /// Lends the content.
  @inlinable
  public borrowing func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(bytes)
  }

  /// Lends a part of the content.
  @inlinable
  public borrowing func withBytes<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(bytes.extracting(range))
  }
}

extension [UInt8] {
  /// Lends the elements.
  @inlinable
  public func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(span.bytes)
  }
}
