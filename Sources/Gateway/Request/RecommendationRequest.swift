import Bytes

/// The parameters of a recommendation request, decoded and checked one by one, from a query or a JSON body.
///
/// One a connection, emptied between requests: its buffers grow to the largest request met and then allocate no more.
struct RecommendationRequest: ~Copyable {
  /// Bytes of one id, as in rendered lists and windows.
  static let idBytesMax = 255
  /// Items that a request may exclude: what a page shows and has shown. A hash set of them stays in the L1 data cache
  /// (1,000 × 16 bytes at half load = 32 KiB).
  static let excludedMax = 1_000
  static let fieldsMax = 16
  static let filterBytesMax = 2_048

  /// Decoded texts, one after the other; the ranges below lie in it.
  private(set) var text = ByteBuffer(capacity: 512)
  private(set) var userID: Range<Int>?
  private(set) var sessionID: Range<Int>?
  private(set) var itemID: Range<Int>?
  private(set) var segment: Range<Int>?
  private(set) var filter: Range<Int>?
  private(set) var arm: Range<Int>?
  private(set) var device: Range<Int>?
  private(set) var locale: Range<Int>?
  private(set) var hour: Int?
  private(set) var time: Range<Int>?
  private(set) var timeZone: Range<Int>?
  private(set) var numResults: Int?
  private(set) var timeoutMilliseconds: Int?
  /// XXH3 of each id to leave out.
  private(set) var excluded: [UInt64] = []
  private(set) var fields: [Range<Int>] = []
  private(set) var strictFiltering = false
  private(set) var explain = false

  mutating func removeAll() {
    text.removeAll()
    userID = nil
    sessionID = nil
    itemID = nil
    segment = nil
    filter = nil
    arm = nil
    device = nil
    locale = nil
    hour = nil
    time = nil
    timeZone = nil
    numResults = nil
    timeoutMilliseconds = nil
    excluded.removeAll(keepingCapacity: true)
    fields.removeAll(keepingCapacity: true)
    strictFiltering = false
    explain = false
  }

  /// Forgets the texts, and what they took beyond the given bytes.
  mutating func release(keepingCapacity: Int) {
    guard text.capacity > keepingCapacity else { return }
    removeAll()
    text.removeAll(keepingCapacity: keepingCapacity)
  }

  @_lifetime(borrow self)
  borrowing func bytes(_ range: Range<Int>) -> RawSpan { text.bytes.extracting(range) }

  @_lifetime(borrow self)
  borrowing func bytes(ifAny range: Range<Int>?) -> RawSpan? {
    guard let range else { return nil }
    return text.bytes.extracting(range)
  }

  /// Takes in one parameter. An unknown name is ignored, so that a client may be newer than the gateway; an empty value
  /// is an absent one; the last of several wins, but those of a list add up.
  mutating func take(_ name: Parameter, _ value: RawSpan, listItemsMax: Int) throws(RequestProblem) {
    guard value.byteCount > 0 else { return }
    switch name {
    case .userId: userID = try keep(id: value, name)
    case .sessionId: sessionID = try keep(id: value, name)
    case .itemId: itemID = try keep(id: value, name)
    case .segment: segment = try keep(id: value, name)
    case .arm: arm = try keep(id: value, name)
    case .device: device = try keep(id: value, name)
    case .locale: locale = try keep(id: value, name)
    case .time: time = try keep(id: value, name)
    case .timeZone: timeZone = try keep(id: value, name)
    case .hour: hour = try whole(value, name, 0...23)
    case .numResults: numResults = try whole(value, name, 1...listItemsMax)
    case .timeoutMs: timeoutMilliseconds = try whole(value, name, 1...60_000)
    case .strictFiltering: strictFiltering = try flag(value, name)
    case .explain: explain = try flag(value, name)
    case .exclude: try exclude(list: value)
    case .fields: try take(fields: value)
    case .filter: try take(filter: value)
    }
  }

  /// One id to leave out.
  mutating func exclude(_ id: RawSpan) throws(RequestProblem) {
    guard id.byteCount > 0 else { return }
    guard id.byteCount <= RecommendationRequest.idBytesMax else {
      throw .tooLong("exclude", "An id has more than \(RecommendationRequest.idBytesMax) bytes.")
    }
    guard excluded.count < RecommendationRequest.excludedMax else {
      throw .tooLong("exclude", "More than \(RecommendationRequest.excludedMax) items are excluded.")
    }
    excluded.append(xxh3(id))
  }

  /// One field of the metadata to answer with.
  mutating func add(field: RawSpan) throws(RequestProblem) {
    guard field.byteCount > 0 else { return }
    guard fields.count < RecommendationRequest.fieldsMax else {
      throw .tooLong("fields", "More than \(RecommendationRequest.fieldsMax) fields are asked for.")
    }
    fields.append(try keep(id: field, .fields))
  }

  /// Adds conditions to the filter, in the form of the query: `category:shoes,-category:sale`.
  mutating func take(filter value: RawSpan) throws(RequestProblem) {
    let start = filter?.lowerBound ?? text.count
    if filter != nil {
      // Conditions of a repeated filter are joined; the earlier ones are moved behind what came since.
      let earlier = String(copying: text.bytes.extracting(filter!))
      let begin = text.count
      text.append(earlier)
      text.append(UInt8(ascii: ","))
      text.append(value)
      filter = begin..<text.count
    } else {
      text.append(value)
      filter = start..<text.count
    }
    guard filter!.count <= RecommendationRequest.filterBytesMax else {
      throw .tooLong("filter", "The filter has more than \(RecommendationRequest.filterBytesMax) bytes.")
    }
  }

  private mutating func exclude(list: RawSpan) throws(RequestProblem) {
    try forEachElement(of: list) { (request: inout RecommendationRequest, id) throws(RequestProblem) in
      try request.exclude(id)
    }
  }

  private mutating func take(fields list: RawSpan) throws(RequestProblem) {
    try forEachElement(of: list) { (request: inout RecommendationRequest, field) throws(RequestProblem) in
      try request.add(field: field)
    }
  }

  private mutating func forEachElement(
    of list: RawSpan, _ body: (inout RecommendationRequest, RawSpan) throws(RequestProblem) -> Void
  ) throws(RequestProblem) {
    var start = 0
    for offset in 0...list.byteCount {
      guard
        offset == list.byteCount || list.unsafeLoad(fromByteOffset: offset, as: UInt8.self) == UInt8(ascii: ",")
      else { continue }
      try body(&self, list.extracting(start..<offset))
      start = offset + 1
    }
  }

  private mutating func keep(id: RawSpan, _ name: Parameter) throws(RequestProblem) -> Range<Int> {
    guard id.byteCount <= RecommendationRequest.idBytesMax else {
      throw .tooLong(name.rawValue, "The value has more than \(RecommendationRequest.idBytesMax) bytes.")
    }
    let start = text.count
    text.append(id)
    return start..<text.count
  }

  private func whole(_ value: RawSpan, _ name: Parameter, _ range: ClosedRange<Int>) throws(RequestProblem) -> Int {
    var number = 0
    for offset in 0..<value.byteCount {
      let digit = Int(value.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) - Int(UInt8(ascii: "0"))
      guard (0...9).contains(digit), number <= range.upperBound else {
        throw .bad(name.rawValue, "This must be a whole number from \(range.lowerBound) to \(range.upperBound).")
      }
      number = number * 10 + digit
    }
    guard range.contains(number) else {
      throw .bad(name.rawValue, "This must be a whole number from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }

  private func flag(_ value: RawSpan, _ name: Parameter) throws(RequestProblem) -> Bool {
    switch value.byteCount {
    case 4 where equal(value, "true".utf8.span.bytes): return true
    case 5 where equal(value, "false".utf8.span.bytes): return false
    case 1 where equal(value, "1".utf8.span.bytes): return true
    case 1 where equal(value, "0".utf8.span.bytes): return false
    default: throw .bad(name.rawValue, "This must be true or false.")
    }
  }
}

/// The parameters of a recommendation request, as the query spells them; a body has those of a context under `context`.
enum Parameter: String, CaseIterable, Sendable {
  case userId, sessionId, itemId, segment, numResults, exclude, filter, fields, timeoutMs, strictFiltering, explain, arm
  case device, locale, hour, time, timeZone

  /// Where a body has it (RFC 6901).
  var pointer: String {
    switch self {
    case .device, .locale, .hour, .time, .timeZone: "/context/" + rawValue
    case .arm: "/experiment/arm"
    default: "/" + rawValue
    }
  }

  var spelling: StaticString {
    switch self {
    case .userId: "userId"
    case .sessionId: "sessionId"
    case .itemId: "itemId"
    case .segment: "segment"
    case .numResults: "numResults"
    case .exclude: "exclude"
    case .filter: "filter"
    case .fields: "fields"
    case .timeoutMs: "timeoutMs"
    case .strictFiltering: "strictFiltering"
    case .explain: "explain"
    case .arm: "arm"
    case .device: "device"
    case .locale: "locale"
    case .hour: "hour"
    case .time: "time"
    case .timeZone: "timeZone"
    }
  }

  /// Finds a parameter by its bytes without making a `String`.
  init?(_ name: RawSpan) {
    for index in 0..<Parameter.table.count where same(name, Parameter.table[index].spelling) {
      self = Parameter.table[index]
      return
    }
    return nil
  }

  private static let table = Parameter.allCases
}
