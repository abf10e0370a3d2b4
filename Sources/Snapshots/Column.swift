/// A run of numbers inside a snapshot, read where it lies.
///
/// A column borrows from the mapping and does not keep it alive: whoever stores columns stores their `Snapshot` beside
/// them. Reading is bounds-checked and O(1); nothing is copied. The first element is 64-byte aligned unless the column
/// was cut by `extracting`.
///
/// Everything is inlinable because a generic that is not specialised in its reader's module costs a witness call an
/// element.
@frozen
public struct Column<Element: BitwiseCopyable>: @unchecked Sendable, RandomAccessCollection {
  @usableFromInline let base: UnsafePointer<Element>
  public let count: Int

  /// `base` is valid for `count` elements as long as the owner of the memory lives.
  @inlinable
  package init(base: UnsafePointer<Element>, count: Int) {
    self.base = base
    self.count = count
  }

  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { count }
  @inlinable public var isEmpty: Bool { count == 0 }

  @inlinable
  public subscript(index: Int) -> Element {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "column index out of range")
    return base[index]
  }

  /// The same numbers as a span. Valid as long as the snapshot is.
  public var span: Span<Element> {
    @inlinable
    @_lifetime(borrow self)
    get {
      let span = Span(_unsafeStart: base, count: count)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  /// A part of the column; the range must lie inside.
  @inlinable
  public func extracting(_ range: Range<Int>) -> Column {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "column range out of bounds")
    return Column(base: base + range.lowerBound, count: range.count)
  }

  /// For kernels that take pointers. The pointer must not leave `body`.
  @inlinable
  public func withUnsafeBufferPointer<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<Element>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeBufferPointer(start: base, count: count))
  }
}

extension Column where Element == Float {
  /// Whether no value is infinite or not a number. O(count).
  public var allFinite: Bool {
    // An exponent of all ones is the infinite and the not-a-number; a maximum over the exponents has no branch.
    var largest: UInt32 = 0
    for index in 0..<count { largest = Swift.max(largest, base[index].bitPattern & 0x7F80_0000) }
    return largest != 0x7F80_0000
  }
}
