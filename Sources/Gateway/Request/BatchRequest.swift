import Bytes
import Configuration
import HTTP
import JSON

/// The body of `POST /v1/recommendations:batch`: the shelves of one page, asked for at once.
///
///     {"requests":[{"placement":"home","userId":"u1","numResults":12},{"placement":"detail","itemId":"i7"},…]}
///
/// Each request has the members of a single one's body, and its placement. What is wrong with one of them is answered in
/// its place; what is wrong with the whole is one error answer.
enum BatchRequest {
  /// Requests of one batch. A page has a dozen shelves; were all lists to be computed, 16 × some 250 µs = 4 ms of the
  /// worker's loop.
  static let requestsMax = 16
  /// Items that a batch may be answered with: 400 × some 300 B = 120 KB, less than `Connection.outboxBytesMax`, from
  /// which on answers are sent; and 16 shelves of 25.
  static let itemsMax = 400
  /// A batch's body may be this many times as long as a single request's.
  static let bodyFactor = 4

  static func bodyBytesMax(_ settings: HTTPSettings) -> Int { settings.bodyBytes * bodyFactor }

  /// Calls `body` with each request and its place. The values are valid until the next body is parsed. Throws what makes
  /// the whole no batch, before the first call. O(bytes).
  static func forEachRequest(
    in bytes: RawSpan, _ reader: borrowing RequestBody, _ body: (Int, JSONValue) -> Void
  ) throws(RequestProblem) {
    let root = try reader.parse(bytes)
    guard root.kind == .object, let requests = root["requests"], requests.kind == .array else {
      throw .bad("requests", "The body must be an object with a list \"requests\".")
    }
    let count = requests.count
    guard count > 0 else { throw .bad("requests", "The list holds no request.") }
    guard count <= requestsMax else { throw .tooLong("requests", "More than \(requestsMax) requests in one batch.") }
    for (place, request) in requests.elements(max: requestsMax).enumerated() { body(place, request) }
  }

  /// The number of the placement that a request names.
  static func placement(of request: JSONValue, in placements: borrowing Placements) throws(RequestProblem) -> Int {
    guard request.kind == .object else {
      throw RequestProblem(status: 400, parameter: nil, detail: "A request must be an object.")
    }
    guard let member = request["placement"], let name = member.string else {
      throw .bad("placement", "This must be the name of a placement.")
    }
    guard let placement = placements.index(of: name) else {
      throw RequestProblem(
        status: 404, parameter: "placement",
        detail: "There is no placement of this name: \(placements.names.joined(separator: ", ")).")
    }
    return placement
  }

  /// Refuses what would be too large an answer.
  static func check(itemCount: Int) throws(RequestProblem) {
    guard itemCount <= itemsMax else {
      throw .tooLong("requests", "The requests ask for \(itemCount) items together, more than \(itemsMax).")
    }
  }
}

extension Problem {
  /// A mistake in one request of a batch, named where the client wrote it: `/requests/2/numResults`.
  init(_ problem: RequestProblem, ofRequest place: Int) {
    self.init(status: problem.status, detail: problem.detail)
    let member = problem.parameter.map { Parameter(rawValue: $0)?.pointer ?? "/" + $0 } ?? ""
    faults = [Fault(.pointer("/requests/\(place)" + member), problem.detail)]
  }
}
