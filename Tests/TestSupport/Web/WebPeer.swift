/// A real HTTP server that answers as a test wants it to, honestly or not: one request a connection, one after the other,
/// on a thread of its own.
public final class WebPeer {
  public struct Request: Sendable {
    public let method: String
    /// As it was sent, with its query.
    public let target: String
    public let fields: [(name: String, value: String)]
    public let body: [UInt8]

    public init(method: String, target: String, fields: [(name: String, value: String)], body: [UInt8]) {
      (self.method, self.target, self.fields, self.body) = (method, target, fields, body)
    }

    public var path: String { String(target.prefix { $0 != "?" }) }
    public var query: String { String(target.drop { $0 != "?" }.dropFirst()) }

    public func field(_ name: String) -> String? { fields.first { $0.name.lowercased() == name }?.value }
  }

  public struct Reply: Sendable {
    public var status: Int
    public var fields: [String] = []
    public var body: [UInt8] = []
    /// What Content-Length says; nil for the truth, negative to leave it out.
    public var claimedLength: Int?
    /// Bytes of the body after which the connection is cut; nil to send all.
    public var cutAfter: Int?
    /// Bytes that are sent at a time, and the wait between them.
    public var pieceBytes = 1 << 20
    public var pauseMilliseconds: Int32 = 0
    /// The body is sent again and again until the client has had enough.
    public var isEndless = false

    public init(_ status: Int, _ body: [UInt8] = [], _ fields: [String] = []) {
      self.status = status
      self.body = body
      self.fields = fields
    }

    public init(_ status: Int, _ text: String) { self.init(status, Array(text.utf8)) }
  }

  private let peer: ScriptedPeer
  public var url: String { "http://127.0.0.1:\(peer.port)" }
  public var requests: Int { peer.connections }

  public init(_ answer: @escaping @Sendable (Request) -> Reply) {
    peer = ScriptedPeer { socket, _ in
      guard let request = WebPeer.receive(socket) else { return }
      WebPeer.send(answer(request), to: socket, isHead: request.method == "HEAD")
    }
  }

  private static func receive(_ socket: borrowing BlockingSocket) -> Request? {
    var bytes: [UInt8] = []
    var searched = 0
    var end: Int?
    while end == nil {
      guard let more = socket.receiveBytes(), !more.isEmpty else { return nil }
      bytes += more
      while searched + 4 <= bytes.count {
        if bytes[searched..<searched + 4].elementsEqual([13, 10, 13, 10]) {
          end = searched
          break
        }
        searched += 1
      }
    }
    let lines = String(decoding: bytes[..<end!], as: UTF8.self).split(separator: "\r\n")
    let words = lines[0].split(separator: " ").map(String.init)
    let fields = lines.dropFirst().map { line -> (name: String, value: String) in
      let colon = line.firstIndex(of: ":") ?? line.endIndex
      return (String(line[..<colon]), String(line[colon...].dropFirst().drop { $0 == " " }))
    }
    let length = fields.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
    var body = Array(bytes[(end! + 4)...])
    while body.count < length {
      guard let more = socket.receiveBytes(), !more.isEmpty else { return nil }
      body += more
    }
    return Request(method: words[0], target: words[1], fields: fields, body: body)
  }

  private static func send(_ reply: Reply, to socket: borrowing BlockingSocket, isHead: Bool) {
    var lines = ["HTTP/1.1 \(reply.status) Said", "Connection: close"] + reply.fields
    let length = reply.claimedLength ?? reply.body.count
    if length >= 0 && reply.status != 304 { lines.append("Content-Length: \(length)") }
    socket.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
    guard !isHead, reply.status != 304 else { return }
    var sent = 0
    let end = min(reply.cutAfter ?? .max, reply.body.count)
    repeat {
      var start = 0
      while start < end {
        let stop = min(start + reply.pieceBytes, end)
        let left = reply.body[start..<stop]
        socket.send(Array(left))
        sent += left.count
        start = stop
        if reply.pauseMilliseconds > 0 && socket.waitForClose(milliseconds: reply.pauseMilliseconds) { return }
      }
      // A client that has had enough closes; sending then fails, which shows here.
    } while reply.isEndless && sent < 1 << 30 && !socket.waitForClose(milliseconds: 0)
  }
}
