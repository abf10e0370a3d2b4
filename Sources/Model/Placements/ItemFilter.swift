internal import Bytes

/// Which items a request or a placement lets through: in one of some categories, in none of others.
///
/// Categories are kept as hashes of their names, so a filter is a plain value that never allocates, compares in any
/// order of writing, and means the same in every snapshot. An unknown category is legal: nothing is in it.
public struct ItemFilter: Sendable {
  /// Conditions in one filter, a placement's and a request's together.
  public static let conditionsMax = 32

  /// XXH3 of category names, ascending: `includes` first, then `excludes`.
  private var names = InlineArray<32, UInt64>(repeating: 0)
  public private(set) var includeCount = 0
  public private(set) var excludeCount = 0

  /// Lets everything through.
  public static let none = ItemFilter()

  public init() {}

  public var isEmpty: Bool { includeCount + excludeCount == 0 }

  /// Reads the form of a query: conditions `category:shoes` or `-category:sale` with commas between them, spaces around
  /// them allowed. Several included categories widen the filter, excluded ones narrow it.
  public init(query text: RawSpan) throws(ItemFilterError) {
    var start = 0
    for end in 0...text.byteCount where end == text.byteCount || text.byte(end) == UInt8(ascii: ",") {
      try add(condition: text.extracting(trimmed(text, start..<end)))
      start = end + 1
    }
  }

  /// Adds one condition in the form of a body: `{"category":["shoes"],"not":{"category":["sale"]}}`, value by value.
  public mutating func add(field: RawSpan, value: RawSpan, excluded: Bool) throws(ItemFilterError) {
    guard equal(field, "category".utf8.span.bytes) else { throw .unsupportedField(String(copying: field)) }
    guard value.byteCount > 0 else { throw .noValue(String(copying: field)) }
    try insert(xxh3(value), excluded: excluded)
  }

  /// Both filters: what the placement always asks for and what the request adds. Included categories of both widen.
  public mutating func formUnion(_ other: ItemFilter) throws(ItemFilterError) {
    for index in 0..<other.includeCount { try insert(other.names[index], excluded: false) }
    for index in 0..<other.excludeCount { try insert(other.names[other.includeCount + index], excluded: true) }
  }

  /// Of the conditions, in canonical order; 0 for none. The same for `a,b` and `b,a`.
  public var hash: UInt64 {
    guard !isEmpty else { return 0 }
    let count = includeCount + excludeCount
    return names.span.extracting(0..<count).withUnsafeBytes { bytes in
      xxh3(RawSpan(_unsafeBytes: bytes), seed: UInt64(includeCount))
    }
  }

  func include(_ index: Int) -> UInt64 { names[index] }
  func exclude(_ index: Int) -> UInt64 { names[includeCount + index] }

  private mutating func add(condition: RawSpan) throws(ItemFilterError) {
    guard condition.byteCount > 0 else { throw .malformed("an empty condition") }
    let excluded = condition.byte(0) == UInt8(ascii: "-")
    let positive = condition.extracting((excluded ? 1 : 0)..<condition.byteCount)
    var colon = 0
    while colon < positive.byteCount && positive.byte(colon) != UInt8(ascii: ":") { colon += 1 }
    guard colon > 0, colon < positive.byteCount else { throw .malformed(String(copying: condition)) }
    try add(
      field: positive.extracting(0..<colon), value: positive.extracting(colon + 1..<positive.byteCount),
      excluded: excluded)
  }

  /// Into its place among its kind; twice is once.
  private mutating func insert(_ name: UInt64, excluded: Bool) throws(ItemFilterError) {
    let (from, to) = excluded ? (includeCount, includeCount + excludeCount) : (0, includeCount)
    var place = from
    while place < to && names[place] < name { place += 1 }
    if place < to && names[place] == name { return }
    var last = includeCount + excludeCount
    guard last < Self.conditionsMax else { throw .tooManyConditions }
    while last > place {
      names[last] = names[last - 1]
      last -= 1
    }
    names[place] = name
    if excluded { excludeCount += 1 } else { includeCount += 1 }
  }
}

extension ItemFilter: Hashable {
  public static func == (left: ItemFilter, right: ItemFilter) -> Bool {
    guard left.includeCount == right.includeCount, left.excludeCount == right.excludeCount else { return false }
    return (0..<left.includeCount + left.excludeCount).allSatisfy { left.names[$0] == right.names[$0] }
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

/// What is wrong with a filter: the client's fault, 400.
public enum ItemFilterError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Only `category` can be filtered by.
  case unsupportedField(String)
  case noValue(String)
  case malformed(String)
  case tooManyConditions

  public var description: String {
    switch self {
    case .unsupportedField(let field): "filter by \"\(field)\" is not supported, only by \"category\""
    case .noValue(let field): "the filter by \"\(field)\" has no value"
    case .malformed(let text): "\"\(text)\" is no condition like category:shoes or -category:shoes"
    case .tooManyConditions: "a filter has at most \(ItemFilter.conditionsMax) conditions"
    }
  }
}

/// The range without the spaces at its ends.
private func trimmed(_ text: RawSpan, _ range: Range<Int>) -> Range<Int> {
  var (start, end) = (range.lowerBound, range.upperBound)
  while start < end && text.byte(start) == UInt8(ascii: " ") { start += 1 }
  while end > start && text.byte(end - 1) == UInt8(ascii: " ") { end -= 1 }
  return start..<end
}
