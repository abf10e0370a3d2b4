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
  /// Where the problem is.
  var faults: [Problem.Fault] = []
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
  /// A client that sends on while it waits: more than any call of this API needs.
  static let inboxBytesMax = 1 << 20
  /// A client that asks without reading: some hundred pages of metrics.
  static let outputBytesMax = 8 << 20
  /// From one answer to the end of the next request: twice the longest interval that scrapes are usually made at.
  static let patienceNanoseconds: UInt64 = 120_000_000_000

  private let stream: ByteStream
  private let owner: Admin
  private var parser = RequestParser()
  private var inbox = ByteBuffer(capacity: 2048)
  /// Bytes of the inbox that belong to requests already answered, then bytes after those that the parser has taken.
  private var done = 0
  private var parsed = 0
  private var body: [UInt8] = []
  private var isAnswering = false
  /// For a version to come to a state; whoever closes meanwhile, even one direction, has gone.
  var isWaiting = false
  /// The inbox is being worked off: an answer that is there at once must not start that again from inside itself, or a
  /// pipeline would be as deep as it is long.
  private var isAdvancing = false
  private var isOver = false
  private var hasInputEnded = false
  private var waitsSinceNanoseconds: UInt64

  init(_ stream: consuming ByteStream, owner: Admin) {
    self.stream = stream
    self.owner = owner
    waitsSinceNanoseconds = owner.loop.nowNanoseconds
  }

  func start() { stream.start(self) }

  func received(_ bytes: RawSpan) {
    guard !isOver else { return }
    inbox.append(bytes)
    guard inbox.count < AdminConnection.inboxBytesMax, stream.queuedBytes < AdminConnection.outputBytesMax else {
      return stream.close()
    }
    advance()
  }

  func inputEnded() -> AfterInput {
    hasInputEnded = true
    if isWaiting { return .close }
    return isAnswering || stream.queuedBytes > 0 ? .keepWriting : .close
  }

  func drained() { finishAfterInput() }

  /// A client that closed its direction has the end of its answers once all it asked for is answered.
  private func finishAfterInput() {
    if hasInputEnded && !isAnswering && !isOver { stream.finishWriting() }
  }

  func ended(_ end: StreamEnd) {
    isOver = true
    isWaiting = false
    owner.ended(self)
  }

  /// Closes when the client has let its time go by, whatever it sends meanwhile.
  func checkPatience(now: UInt64) {
    if !isAnswering && now > waitsSinceNanoseconds + AdminConnection.patienceNanoseconds { stream.close() }
  }

  private func advance() {
    guard !isAdvancing else { return }
    isAdvancing = true
    defer {
      isAdvancing = false
      compact()
      finishAfterInput()
    }
    while !isAnswering && !isOver {
      do throws(HTTPError) {
        let step = try inbox.withBytes(done + parsed..<inbox.count) { (bytes) throws(HTTPError) in
          try parser.step(bytes)
        }
        switch step {
        case .needMore:
          return
        case .head(let bytes):
          parsed = bytes
          body = []
          parser.bodyBytesMax = owner.bodyBytesMax(text(parser.head.path))
        case .body(let range, let consumed):
          let at = done + parsed
          inbox.withBytes(at + range.lowerBound..<at + range.upperBound) { body += $0.copied() }
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
      path.append(
        percentDecode(part.utf8.span.bytes, plusIsSpace: false, into: &decoded)
          ? String(copying: decoded.bytes) : String(part))
    }
    var query: [String: String] = [:]
    if let range = parser.head.query {
      withHead(range) { bytes in
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

  private func text(_ range: Range<Int>) -> String { withHead(range) { String(copying: $0) } }

  private func withHead<Result>(_ range: Range<Int>, _ body: (RawSpan) -> Result) -> Result {
    inbox.withBytes(done + range.lowerBound..<done + range.upperBound, body)
  }

  private func compact() {
    inbox.removeFirst(done)
    done = 0
  }

  /// Sends the answer to the request at hand and goes on to the next.
  func answer(_ answer: AdminAnswer) {
    guard isAnswering, !isOver else { return }
    (isAnswering, isWaiting) = (false, false)
    waitsSinceNanoseconds = owner.loop.nowNanoseconds
    let method = parser.head.method
    let persistence = parser.head.persistence
    var out = ByteBuffer(capacity: answer.body.count + 512)
    if let detail = answer.problem {
      var problem = Problem(status: answer.status, detail: detail)
      problem.faults = answer.faults
      owner.composer.write(problem, persistence, to: method, into: &out) { out in
        for (name, value) in answer.fields { out.append(field: name, value) }
      }
    } else {
      owner.composer.write(
        answer.status, persistence, to: method, contentType: answer.contentType, body: answer.body.span.bytes,
        into: &out
      ) { out in
        for (name, value) in answer.fields { out.append(field: name, value) }
      }
    }
    stream.write(out.bytes)
    done += parsed
    parsed = 0
    if persistence == .close {
      isOver = true
      return stream.finishWriting()
    }
    advance()
  }
}
