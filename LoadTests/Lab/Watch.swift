internal import Glibc
internal import Synchronization

/// A quiet client beside the load that looks at every answer as closely as it likes: a question now and then on a few
/// connections, from one thread.
public final class Watch: Sendable {
  /// Says what is wrong with an answer; nil when nothing is.
  public typealias Look = @Sendable (_ connection: Int, _ target: String, _ answer: HTTPAnswer) -> String?

  public struct Summary: Sendable {
    public var asked = 0
    public var wrong = 0
    /// The first few sentences.
    public var complaints: [String] = []
  }

  private let port: Int
  private let targets: [String]
  private let interval: Double
  private let connections: Int
  private let keepsAlive: Bool
  private let look: Look
  private let summary = Mutex(Summary())
  private let stopping = Atomic(false)
  private let stopped = Atomic(false)

  /// - Parameters:
  ///   - targets: asked for in turn.
  ///   - perSecond: over all connections.
  ///   - keepsAlive: false makes a new connection for each question, and a refused one is a complaint.
  public init(
    port: Int, targets: [String], perSecond: Double = 100, connections: Int = 4, keepsAlive: Bool = true,
    look: @escaping Look = { _, _, _ in nil }
  ) {
    self.port = port
    self.targets = targets
    self.connections = connections
    self.keepsAlive = keepsAlive
    self.look = look
    interval = 1 / perSecond
    onThread { [self] in ask() }
  }

  /// Ends it and says what it saw.
  public func stop() -> Summary {
    stopping.store(true, ordering: .releasing)
    while !stopped.load(ordering: .acquiring) { usleep(2000) }
    return summary.withLock { $0 }
  }

  private func ask() {
    var kept = (0..<connections).map { _ in KeptConnection(port: port) }
    var number = 0
    while !stopping.load(ordering: .acquiring) {
      let connection = number % connections, target = targets[number % targets.count]
      if !keepsAlive { kept[connection] = KeptConnection(port: port) }
      let answer = kept[connection].get(target)
      let complaint: String? =
        if let answer {
          answer.status == 200 ? look(connection, target, answer) : "\(answer.status): \(answer.body.prefix(200))"
        } else { "no answer" }
      if answer == nil { kept[connection] = KeptConnection(port: port) }
      summary.withLock { summary in
        summary.asked += 1
        guard let complaint else { return }
        summary.wrong += 1
        if summary.complaints.count < 5 { summary.complaints.append("\(target): \(complaint)") }
      }
      number += 1
      pause(seconds: interval)
    }
    stopped.store(true, ordering: .releasing)
  }
}

/// A kept-alive connection that is made with its first question.
final class KeptConnection {
  private let port: Int
  private var descriptor: Int32 = -1
  private var rest: [UInt8] = []

  init(port: Int) { self.port = port }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func get(_ target: String) -> HTTPAnswer? { ask("GET", target) }

  /// nil when there is no connection, or it ended before the answer did; the next question makes a new one.
  func ask(_ method: String, _ target: String, _ body: String? = nil) -> HTTPAnswer? {
    let answer = exchange(method, target, body)
    if answer == nil && descriptor >= 0 {
      close(descriptor)
      (descriptor, rest) = (-1, [])
    }
    return answer
  }

  private func exchange(_ method: String, _ target: String, _ body: String?) -> HTTPAnswer? {
    if descriptor < 0 {
      descriptor = connectLoopback(port: port, timeoutSeconds: 5) ?? -1
      if descriptor < 0 { return nil }
    }
    let length = body.map { "Content-Length: \($0.utf8.count)\r\nContent-Type: application/json\r\n" } ?? ""
    let request = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\(length)\r\n\(body ?? "")"
    guard sendAll(descriptor, Array(request.utf8)) else { return nil }
    while true {
      if let answer = HTTPAnswer.parse(rest) {
        rest.removeFirst(answer.bytesInAll)
        return answer
      }
      guard let more = receiveSome(descriptor) else { return nil }
      rest += more
    }
  }
}
