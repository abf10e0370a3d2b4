import Glibc
import Reactor
import Synchronization

/// A real HTTP server on a free port of loopback, whose answers a test decides: on Reactor's loop, in a thread of its own.
final class ToyServer {
  struct Request: Sendable {
    /// In the order of arrival at this server, from 0.
    var number: Int
    var method: String
    var target: String
    var body: String

    func parameter(_ name: String) -> String? {
      target.split(separator: "?").last?.split(separator: "&").first { $0.hasPrefix(name + "=") }
        .map { String($0.dropFirst(name.count + 1)) }
    }
  }

  enum Reaction: Sendable {
    case answer(status: Int = 200, body: String, fields: String = "")
    /// Says nothing, ever.
    case silence
    case close
    /// These bytes, whatever they are.
    case raw(String)
    /// Stops the whole server for so long before it answers.
    case stall(milliseconds: UInt32, body: String)
  }

  let address: SocketAddress
  private let thread: LoopThread
  private let orders: Mailbox<Bool>
  private let log: Guarded<[Request]>

  /// - Parameter port: 0 is a free one.
  init(port: UInt16 = 0, _ react: @escaping @Sendable (Request) -> Reaction) throws {
    let loop = Carrier(try EventLoop())
    let log = Guarded<[Request]>([])
    self.log = log
    let listener = Carrier(
      try Listener(loop: loop.value, address: SocketAddress("127.0.0.1:\(port)")) { stream in
        let connection = ToyConnection(stream, log, react)
        connection.stream.start(connection)
      })
    address = listener.value.address
    orders = try Mailbox(loop: loop.value) { _ in
      listener.value.close()
      loop.value.stop()
    }
    thread = try LoopThread.spawn(name: "toy-server") { loop.value.run() }
  }

  deinit { stop() }

  private let isStopped = Atomic(false)

  /// Closes every connection and the port.
  func stop() {
    guard !isStopped.exchange(true, ordering: .relaxed) else { return }
    orders.post(true)
    thread.join()
  }

  /// All requests so far.
  var requests: [Request] { log.withLock { $0 } }

  /// A list as the gateway would answer it.
  static func list(_ request: Request, number: Int? = nil, items: [String]? = nil, placement: String? = nil) -> String {
    let count = request.parameter("numResults").flatMap { Int($0) } ?? 3
    let ids = items ?? (0..<count).map { "i\($0)" }
    let list = ids.map { #"{"itemId":"\#($0)","score":0.5,"reason":"popular","metadata":{}}"# }.joined(separator: ",")
    let steps = request.target.split(separator: "/")
    let shelf = placement ?? (steps.count > 2 ? String(steps[2]) : "home")
    return #"{"recommendationId":"R\#(number ?? request.number)","placement":"\#(shelf)","items":[\#(list)],"#
      + #""fallback":null,"model":{"name":"toy","version":1}}"#
  }
}

/// Hands a loop and what hangs on it to the one thread that runs it.
private final class Carrier<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

private final class ToyConnection: StreamHandler {
  let stream: ByteStream
  private let log: Guarded<[ToyServer.Request]>
  private let react: @Sendable (ToyServer.Request) -> ToyServer.Reaction
  private var inbox: [UInt8] = []

  init(
    _ stream: consuming ByteStream, _ log: Guarded<[ToyServer.Request]>,
    _ react: @escaping @Sendable (ToyServer.Request) -> ToyServer.Reaction
  ) {
    self.stream = stream
    self.log = log
    self.react = react
  }

  func received(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { inbox += $0 }
    while let request = next() { answer(request) }
  }

  func ended(_ end: StreamEnd) {}

  private func next() -> ToyServer.Request? {
    let text = String(decoding: inbox, as: UTF8.self)
    guard let head = text.firstRange(of: "\r\n\r\n") else { return nil }
    let lines = text[..<head.lowerBound].split(separator: "\r\n")
    let length = lines.first { $0.hasPrefix("Content-Length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
    let start = text.utf8.distance(from: text.startIndex, to: head.upperBound)
    guard inbox.count >= start + length else { return nil }
    let body = String(decoding: inbox[start..<start + length], as: UTF8.self)
    inbox.removeFirst(start + length)
    let words = lines[0].split(separator: " ")
    return log.withLock { log in
      let request = ToyServer.Request(number: log.count, method: String(words[0]), target: String(words[1]), body: body)
      log.append(request)
      return request
    }
  }

  private func answer(_ request: ToyServer.Request) {
    switch react(request) {
    case .answer(let status, let body, let fields): write(status, body, fields)
    case .silence: break
    case .close: stream.close()
    case .raw(let text): stream.write(text.utf8.span.bytes)
    case .stall(let milliseconds, let body):
      usleep(milliseconds * 1_000)
      write(200, body, "")
    }
  }

  private func write(_ status: Int, _ body: String, _ fields: String) {
    let text = "HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
    stream.write(text.utf8.span.bytes)
    if fields.contains("Connection: close") { stream.finishWriting() }
  }
}
