internal import Bytes

/// Which items a request or a placement lets through: in one of some categories, in none of others.
///
/// Categories are kept as hashes of their names, so a filter is a plain value that never allocates, compares in any
/// order of writing, and means the same in every snapshot. An unknown category is legal: nothing is in it.
public struct ItemFilter: Sendable {
  /// Conditions in one filter, a placement's and a request's together.
  public static let conditionsMax = 32

  /// XXH3 of category names, each kind ascending: includes, further includes, excludes.
  private var names = InlineArray<32, UInt64>(repeating: 0)
  public private(set) var includeCount = 0
  /// Includes of a second filter that applies as well: an item must be in a category of either kind.
  public private(set) var furtherCount = 0
  public private(set) var excludeCount = 0

  /// Lets everything through.
  public static let none = ItemFilter()

  public init() {}

  public var isEmpty: Bool { count == 0 }
  private var count: Int { includeCount + furtherCount + excludeCount }

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

  /// Both filters: what the placement always asks for, and what the request adds. A request can narrow what a placement
  /// shows, never widen it. Neither may be such a pair already.
  public mutating func formIntersection(_ other: ItemFilter) throws(ItemFilterError) {
    precondition(furtherCount == 0 && other.furtherCount == 0, "a pair of filters cannot be narrowed again")
    for index in 0..<other.excludeCount { try insert(other.exclude(index), excluded: true) }
    let isSame = includeCount == other.includeCount && (0..<includeCount).allSatisfy { include($0) == other.include($0) }
    guard !isSame else { return }
    guard includeCount > 0 else {
      for index in 0..<other.includeCount { try insert(other.include(index), excluded: false) }
      return
    }
    for index in 0..<other.includeCount {
      let end = includeCount + furtherCount
      if try insert(other.include(index), among: includeCount..<end) { furtherCount += 1 }
    }
  }

  /// Of the conditions, in canonical order; 0 for none. The same for `a,b` and `b,a`.
  public var hash: UInt64 {
    guard !isEmpty else { return 0 }
    return names.span.extracting(0..<count).withUnsafeBytes { bytes in
      xxh3(RawSpan(_unsafeBytes: bytes), seed: UInt64(includeCount) | UInt64(furtherCount) << 8)
    }
  }

  func include(_ index: Int) -> UInt64 { names[index] }
  func further(_ index: Int) -> UInt64 { names[includeCount + index] }
  func exclude(_ index: Int) -> UInt64 { names[includeCount + furtherCount + index] }

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

  private mutating func insert(_ name: UInt64, excluded: Bool) throws(ItemFilterError) {
    let excludes = includeCount + furtherCount..<count
    guard try insert(name, among: excluded ? excludes : 0..<includeCount) else { return }
    if excluded { excludeCount += 1 } else { includeCount += 1 }
  }

  /// Into its place among its kind; twice is once, and false.
  private mutating func insert(_ name: UInt64, among kind: Range<Int>) throws(ItemFilterError) -> Bool {
    var place = kind.lowerBound
    while place < kind.upperBound && names[place] < name { place += 1 }
    if place < kind.upperBound && names[place] == name { return false }
    var last = count
    guard last < Self.conditionsMax else { throw .tooManyConditions }
    while last > place {
      names[last] = names[last - 1]
      last -= 1
    }
    names[place] = name
    return true
  }
}

extension ItemFilter: Hashable {
  public static func == (left: ItemFilter, right: ItemFilter) -> Bool {
    guard left.includeCount == right.includeCount, left.furtherCount == right.furtherCount,
      left.excludeCount == right.excludeCount
    else { return false }
    return (0..<left.count).allSatisfy { left.names[$0] == right.names[$0] }
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
