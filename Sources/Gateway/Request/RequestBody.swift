import Bytes
import JSON
import Model

/// Reads the JSON bodies of requests into what the query would have said. One a worker.
struct RequestBody: ~Copyable {
  private let parser: JSONParser

  init(bytesMax: Int) { parser = JSONParser(maximumBytes: bytesMax) }

  /// Parses a body; the value is valid until the next one.
  func parse(_ bytes: RawSpan) throws(RequestProblem) -> JSONValue {
    do { return try parser.parse(bytes) } catch {
      throw RequestProblem(status: 400, parameter: nil, detail: "The body is not JSON: \(error)")
    }
  }

  /// Takes in the members of a recommendation request. Unknown ones are ignored, null is absence.
  func read(
    _ bytes: RawSpan, into request: inout RecommendationRequest, listItemsMax: Int
  ) throws(RequestProblem) {
    let root = try parse(bytes)
    guard root.kind == .object else {
      throw RequestProblem(status: 400, parameter: nil, detail: "The body must be a JSON object.")
    }
    try read(root, into: &request, listItemsMax: listItemsMax)
  }

  /// The same from an object that has been parsed already, as one request of a batch.
  func read(
    _ root: JSONValue, into request: inout RecommendationRequest, listItemsMax: Int
  ) throws(RequestProblem) {
    for name in [Parameter.userId, .sessionId, .itemId, .segment, .numResults, .timeoutMs, .strictFiltering, .explain] {
      try take(root[name.spelling], name, into: &request, listItemsMax)
    }
    if let context = try object(root["context"], "context") {
      for name in [Parameter.device, .locale, .hour, .time, .timeZone] {
        try take(context[name.spelling], name, into: &request, listItemsMax)
      }
    }
    if let experiment = try object(root["experiment"], "experiment") {
      try take(experiment["arm"], .arm, into: &request, listItemsMax)
    }
    try forEachText(root["exclude"], "exclude", max: RecommendationRequest.excludedMax) {
      (text) throws(RequestProblem) in try request.exclude(text)
    }
    try forEachText(root["fields"], "fields", max: RecommendationRequest.fieldsMax) { (text) throws(RequestProblem) in
      try request.add(field: text)
    }
    try readFilter(root["filter"], into: &request)
  }

  private func take(
    _ value: JSONValue?, _ name: Parameter, into request: inout RecommendationRequest, _ listItemsMax: Int
  ) throws(RequestProblem) {
    guard let value, value.kind != .null else { return }
    var text = ByteBuffer(capacity: 64)
    switch value.kind {
    case .string: text.append(value.string!)
    case .bool: text.append(value.bool! ? "true" : "false" as StaticString)
    case .number:
      guard let whole = value.int64 else { throw .bad(name.rawValue, "This must be a whole number.") }
      text.append(decimal: whole)
    default: throw .bad(name.rawValue, "This must be a single value.")
    }
    try request.take(name, text.bytes, listItemsMax: listItemsMax)
  }

  private func object(_ value: JSONValue?, _ name: String) throws(RequestProblem) -> JSONValue? {
    guard let value, value.kind != .null else { return nil }
    guard value.kind == .object else { throw .bad(name, "This must be an object.") }
    return value
  }

  /// Calls `body` with each text of a list; a single text is a list of one.
  private func forEachText(
    _ value: JSONValue?, _ name: String, max: Int, _ body: (RawSpan) throws(RequestProblem) -> Void
  ) throws(RequestProblem) {
    guard let value, value.kind != .null else { return }
    if let text = value.string { return try body(text) }
    guard value.kind == .array else { throw .bad(name, "This must be a list of strings.") }
    guard value.count <= max else { throw .tooLong(name, "The list has more than \(max) elements.") }
    for (index, element) in value.elements(max: max).enumerated() {
      guard let text = element.string else { throw .bad(name, "Element \(index) must be a string.") }
      try body(text)
    }
  }

  /// `{"category":["shoes"],"not":{"brand":["acme"]}}`, or the text of a query.
  private func readFilter(_ value: JSONValue?, into request: inout RecommendationRequest) throws(RequestProblem) {
    guard let value, value.kind != .null else { return }
    if let text = value.string { return try request.take(filter: text) }
    guard value.kind == .object else { throw .bad("filter", "This must be an object or a text.") }
    try readConditions(value, isExcluded: false, into: &request)
    if let not = value["not"], not.kind == .object { try readConditions(not, isExcluded: true, into: &request) }
  }

  private func readConditions(
    _ value: JSONValue, isExcluded: Bool, into request: inout RecommendationRequest
  ) throws(RequestProblem) {
    let max = ItemFilter.conditionsMax
    guard value.count <= max else { throw .tooLong("filter", "The filter has more than \(max) members.") }
    for index in 0..<value.count {
      let name = value.name(index)
      if !isExcluded && name == "not" { continue }
      try forEachText(value[index], "filter", max: max) { (text) throws(RequestProblem) in
        guard !String(copying: text).contains(",") else { throw .bad("filter", "A value must not hold a comma.") }
        try request.take(filter: "\(isExcluded ? "-" : "")\(name):\(String(copying: text))".utf8.span.bytes)
      }
    }
  }
}
