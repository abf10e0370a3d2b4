/// An answer as it came over the wire.
public struct HTTPAnswer: Sendable {
  public let status: Int
  public let fields: [(name: String, value: String)]
  public let body: [UInt8]

  public var text: String { String(decoding: body, as: UTF8.self) }

  /// The value of a header field, whatever the case of its name; nil when it is absent.
  public subscript(_ name: String) -> String? {
    fields.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// One HTTP/1.1 keep-alive connection that blocks: a client for tests, which says what it means byte by byte.
///
/// It knows Content-Length alone, which is all that a gateway sends. Requests may be pipelined: `send` any number, then
/// `receive` as often.
public final class HTTPClient {
  /// Long enough for a machine that is busy with other things; a test that waits this long has failed.
  public static let timeoutMilliseconds: Int32 = 20_000

  private let socket: BlockingSocket
  private var inbox: [UInt8] = []
  private var start = 0
  /// The peer has closed.
  public private(set) var isClosed = false

  /// Connects to a port of 127.0.0.1; nil when nobody listens.
  public init?(port: Int) {
    guard let socket = BlockingSocket(port: port) else { return nil }
    self.socket = socket
  }

  /// Connects to a unix socket; nil when nobody listens.
  public init?(path: String) {
    guard let socket = BlockingSocket(path: path) else { return nil }
    self.socket = socket
  }

  public func send(_ text: String) { socket.send(text) }
  public func send(_ bytes: [UInt8]) { socket.send(bytes) }
  public func finishSending() { socket.finishSending() }

  public func get(_ target: String, _ fields: [String] = []) -> HTTPAnswer? {
    ask("GET", target, fields)
  }

  public func post(_ target: String, _ body: String, _ fields: [String] = []) -> HTTPAnswer? {
    ask("POST", target, fields + ["Content-Type: application/json"], body)
  }

  /// One request and its answer; nil when the connection closed or fell silent instead.
  public func ask(_ method: String, _ target: String, _ fields: [String] = [], _ body: String? = nil) -> HTTPAnswer? {
    send(HTTPClient.request(method, target, fields, body))
    return receive(bodyless: method == "HEAD")
  }

  /// The bytes of a request.
  public static func request(_ method: String, _ target: String, _ fields: [String] = [], _ body: String? = nil)
    -> String
  {
    var lines = ["\(method) \(target) HTTP/1.1", "Host: test"] + fields
    if let body { lines.append("Content-Length: \(body.utf8.count)") }
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
  }

  /// The next answer; nil when the connection closed or fell silent. `bodyless`: the answer to HEAD.
  public func receive(
    bodyless: Bool = false, timeoutMilliseconds: Int32 = HTTPClient.timeoutMilliseconds
  ) -> HTTPAnswer? {
    guard let head = headEnd(timeoutMilliseconds) else { return nil }
    let lines = String(decoding: inbox[start..<head], as: UTF8.self).split(separator: "\r\n")
    guard let status = lines.first.flatMap({ Int($0.split(separator: " ")[1]) }) else { return nil }
    let fields = lines.dropFirst().map { line -> (name: String, value: String) in
      let colon = line.firstIndex(of: ":") ?? line.endIndex
      return (String(line[..<colon]), String(line[colon...].dropFirst().drop { $0 == " " }))
    }
    let length = fields.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
    let bodyStart = head + 4
    let bodyEnd = bodyStart + (bodyless || status == 304 || status < 200 ? 0 : length)
    while inbox.count < bodyEnd { guard readMore(timeoutMilliseconds) else { return nil } }
    let body = Array(inbox[bodyStart..<bodyEnd])
    start = bodyEnd
    if start > 1 << 20 {
      inbox.removeFirst(start)
      start = 0
    }
    return HTTPAnswer(status: status, fields: fields, body: body)
  }

  /// Whether the peer closes within the time, without another byte.
  public func closes(withinMilliseconds milliseconds: Int32 = HTTPClient.timeoutMilliseconds) -> Bool {
    guard start == inbox.count else { return false }
    return !readMore(milliseconds) && isClosed
  }

  /// Whether bytes have come that no `receive` has taken.
  public var hasMore: Bool { inbox.count > start }

  private func headEnd(_ timeoutMilliseconds: Int32) -> Int? {
    var searched = start
    while true {
      while searched + 4 <= inbox.count {
        if inbox[searched] == 13 && inbox[searched + 1] == 10 && inbox[searched + 2] == 13 && inbox[searched + 3] == 10
        {
          return searched
        }
        searched += 1
      }
      guard readMore(timeoutMilliseconds) else { return nil }
    }
  }

  private func readMore(_ timeoutMilliseconds: Int32) -> Bool {
    guard let bytes = socket.receiveBytes(timeoutMilliseconds: timeoutMilliseconds) else {
      isClosed = true
      return false
    }
    inbox += bytes
    return !bytes.isEmpty
  }
}
