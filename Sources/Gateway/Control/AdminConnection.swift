import Bytes
import HTTP
import Reactor

/// A call to the admin listener, as text: the control plane may allocate.
struct AdminRequest: Sendable {
  let method: HTTPMethod
  /// Decoded path segments: `/admin/v1/models` is `["admin", "v1", "models"]`.
  let path: [String]
  let query: [String: String]
  let body: [UInt8]
  let token: String?
}

struct AdminAnswer: Sendable {
  var status = 200
  var contentType: StaticString = "application/json"
  var body: [UInt8] = []
  var problem: String?
  var fields: [(StaticString, String)] = []

  static func json(_ text: String, status: Int = 200) -> AdminAnswer {
    AdminAnswer(status: status, body: Array(text.utf8))
  }

  static func problem(_ status: Int, _ detail: String) -> AdminAnswer {
    AdminAnswer(status: status, problem: detail)
  }
}

/// One connection of the admin listener, on the control loop. Answers may come later; input waits for them.
final class AdminConnection: StreamHandler {
  private let stream: ByteStream
  private let owner: Admin
  private var parser = RequestParser()
  private var inbox = ByteBuffer(capacity: 2048)
  private var parsed = 0
  private var headBytes = 0
  private var body: [UInt8] = []
  private var isAnswering = false
  private var isOver = false

  init(_ stream: consuming ByteStream, owner: Admin) {
    self.stream = stream
    self.owner = owner
  }

  func start() { stream.start(self) }

  func received(_ bytes: RawSpan) {
    guard !isOver else { return }
    inbox.append(bytes)
    // A client that sends on without reading: 1 MiB is more than any call of this API needs.
    guard inbox.count < 1 << 20 else { return stream.close() }
    advance()
  }

  func inputEnded() -> AfterInput { isAnswering || stream.queuedBytes > 0 ? .keepWriting : .close }

  func ended(_ end: StreamEnd) { isOver = true }

  private func advance() {
    while !isAnswering && !isOver {
      do throws(HTTPError) {
        let step = try inbox.withBytes(parsed..<inbox.count) { (bytes) throws(HTTPError) in try parser.step(bytes) }
        switch step {
        case .needMore:
          return
        case .head(let bytes):
          headBytes = bytes
          parsed = bytes
          body = []
        case .body(let range, let consumed):
          inbox.withBytes(parsed + range.lowerBound..<parsed + range.upperBound) { body += $0.copied() }
          parsed += consumed
        case .end(let consumed):
          parsed += consumed
          isAnswering = true
          owner.take(request(), from: self)
        }
      } catch {
        isOver = true
        var out = ByteBuffer()
        owner.composer.write(Problem(error), .close, to: .get, into: &out)
        stream.write(out.bytes)
        stream.finishWriting()
      }
    }
  }

  private func request() -> AdminRequest {
    var path: [String] = []
    for part in text(parser.head.path).split(separator: "/") {
      var decoded = ByteBuffer()
      path.append(percentDecode(part.utf8.span.bytes, plusIsSpace: false, into: &decoded) ? String(copying: decoded.bytes) : String(part))
    }
    var query: [String: String] = [:]
    if let range = parser.head.query {
      inbox.withBytes(range) { bytes in
        var parameters = QueryParameters(bytes)
        while let parameter = parameters.next() {
          var value = ByteBuffer()
          guard (try? parameters.decode(parameter, into: &value)) != nil else { continue }
          query[String(copying: bytes.extracting(parameter.name))] = String(copying: value.bytes)
        }
      }
    }
    let authorization = parser.head.value(of: .authorization).map(text)
    return AdminRequest(
      method: parser.head.method, path: path, query: query, body: body,
      token: authorization.flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil })
  }

  private func text(_ range: Range<Int>) -> String { inbox.withBytes(range) { String(copying: $0) } }

  /// Sends the answer to the request at hand and goes on to the next.
  func answer(_ answer: AdminAnswer) {
    guard isAnswering, !isOver else { return }
    isAnswering = false
    let method = parser.head.method
    let persistence = parser.head.persistence
    var out = ByteBuffer(capacity: answer.body.count + 512)
    if let detail = answer.problem {
      owner.composer.write(Problem(status: answer.status, detail: detail), persistence, to: method, into: &out) { out in
        for (name, value) in answer.fields { out.append(field: name, value) }
      }
    } else {
      owner.composer.write(answer.status, persistence, to: method, contentType: answer.contentType, body: answer.body.span.bytes, into: &out) { out in
        for (name, value) in answer.fields { out.append(field: name, value) }
      }
    }
    stream.write(out.bytes)
    inbox.removeFirst(parsed)
    parsed = 0
    if persistence == .close {
      isOver = true
      return stream.finishWriting()
    }
    advance()
  }
}
