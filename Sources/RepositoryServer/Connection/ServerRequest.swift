internal import Bytes
public import HTTP
internal import Publishing

/// The head of a request, as text: this server may allocate.
public struct ServerRequest: Sendable {
  public let method: HTTPMethod
  /// As it was sent, percent escapes and all.
  public let path: String
  public let query: String?
  /// Whether it carries the token that changes are asked for.
  public internal(set) var isAuthorised = false
  let token: String?
  let origin: String?
  let conditions: Conditions
  let copyFrom: String?
  let contentLength: Int?
  let hasBody: Bool
  let expectsContinue: Bool

  /// `bytes`: those that the head was parsed from.
  init(_ head: borrowing RequestHead, in bytes: RawSpan) {
    method = head.method
    path = String(copying: bytes.extracting(head.path))
    query = head.query.map { String(copying: bytes.extracting($0)) }
    let authorization = joined("authorization", head, bytes)
    token = authorization.flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
    origin = joined("origin", head, bytes)
    conditions = Conditions(
      ifMatch: joined("if-match", head, bytes), ifNoneMatch: joined("if-none-match", head, bytes),
      ifRange: joined("if-range", head, bytes), range: joined("range", head, bytes))
    copyFrom = joined("needletail-copy-from", head, bytes)
    contentLength = head.contentLength
    hasBody = head.hasBody
    expectsContinue = head.expectContinue
  }
}

/// All lines of a field as one, as RFC 9110 §5.2 has it; nil without any.
private func joined(_ name: StaticString, _ head: borrowing RequestHead, _ bytes: RawSpan) -> String? {
  var value: String?
  var next = head.index(of: name, from: 0, in: bytes)
  while let line = next {
    let text = String(copying: bytes.extracting(head.field(line).value))
    value = value.map { "\($0), \(text)" } ?? text
    next = head.index(of: name, from: line + 1, in: bytes)
  }
  return value
}

/// An answer whose content is in memory.
public struct ServerAnswer: Sendable {
  public var status: Int
  public var contentType: StaticString?
  public var body: [UInt8]
  public var fields: [(name: StaticString, value: String)] = []
  /// Sent as problem+json in the place of the body.
  var problem: Problem?

  public init(status: Int, contentType: StaticString? = nil, body: [UInt8] = []) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  public static func json(_ text: String, status: Int = 200) -> ServerAnswer {
    ServerAnswer(status: status, contentType: "application/json", body: Array(text.utf8))
  }

  public static func problem(_ status: Int, _ detail: String) -> ServerAnswer {
    var answer = ServerAnswer(status: status)
    answer.problem = Problem(status: status, detail: detail)
    return answer
  }

  init(_ refusal: Refusal) {
    self = .problem(refusal.status, refusal.detail)
    // Relative: wherever the server is reached, the code is the last part.
    if let reason = refusal.reason { problem!.type = "/problems/\(reason.rawValue)" }
    if refusal.status == 503 { fields.append(("Retry-After", "10")) }
  }
}
