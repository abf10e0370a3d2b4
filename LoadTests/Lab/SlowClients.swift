internal import Glibc
internal import Synchronization

/// Many connections that never finish what they began, to hold a server's memory and descriptors.
///
/// One thread keeps the number up: where the server closes one, another is opened.
public final class SlowClients: Sendable {
  /// How a connection is slow.
  public enum Manner: String, CaseIterable, Sendable {
    /// A head that grows by a byte a second.
    case head = "slow head"
    /// A body that grows by a byte a second.
    case body = "slow body"
    /// Requests in a pipeline whose answers nobody reads. Such a client never learns that the server has closed: the
    /// end waits behind the answers. It counts as standing; the server's descriptors tell the truth.
    case reader = "reads nothing"
    /// Connects and says nothing.
    case silent = "silent"
  }

  public struct Summary: Codable, Sendable {
    public var opened = 0
    /// Connections that the server did not take.
    public var refused = 0
    /// Connections that the server ended.
    public var closedByServer = 0
    /// Answers to connections that had asked for nothing whole, by status: 408 is what they deserve.
    public var statuses: [String: Int] = [:]
    /// The longest that a connection stood.
    public var longestSeconds = 0.0

    public init() {}
  }

  private struct Client {
    let descriptor: Int32
    let manner: Manner
    let since: Double
    var said = 0
  }

  private let port: Int
  private let count: Int
  private let manners: [Manner]
  private let summary = Mutex(Summary())
  private let held = Atomic(0)
  private let stopping = Atomic(false)
  private let stopped = Atomic(false)

  /// Opens `count` connections in as many manners as are named, in turn.
  public init(port: Int, count: Int, manners: [Manner] = Manner.allCases) {
    self.port = port
    self.count = count
    self.manners = manners
    raiseFileLimit(to: count + 1000)
    onThread { [self] in keepUp() }
  }

  /// Connections that stand now.
  public var standing: Int { held.load(ordering: .acquiring) }

  /// What has been seen so far.
  public var seen: Summary { summary.withLock { $0 } }

  /// Closes all of them.
  public func stop() -> Summary {
    stopping.store(true, ordering: .releasing)
    while !stopped.load(ordering: .acquiring) { usleep(5000) }
    return seen
  }

  private func keepUp() {
    var clients: [Client] = []
    var number = 0
    while !stopping.load(ordering: .acquiring) {
      // A burst of thousands would be a test of the backlog, not of patience.
      var burst = 0
      while clients.count < count, burst < 100 {
        burst += 1
        number += 1
        guard let client = open(manners[number % manners.count]) else { break }
        clients.append(client)
      }
      clients = look(clients)
      held.store(clients.count, ordering: .releasing)
    }
    for client in clients { close(client.descriptor) }
    stopped.store(true, ordering: .releasing)
  }

  private func open(_ manner: Manner) -> Client? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    guard descriptor >= 0 else { return nil }
    if manner == .reader {
      // A small window fills at once.
      var bytes: Int32 = 4096
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
    }
    var address = loopback(port: port)
    guard withSocketAddress(&address, { connect(descriptor, $0, $1) }) == 0 else {
      close(descriptor)
      summary.withLock { $0.refused += 1 }
      return nil
    }
    summary.withLock { $0.opened += 1 }
    say(SlowClients.beginning(manner), on: descriptor)
    return Client(descriptor: descriptor, manner: manner, since: monotonicSeconds())
  }

  static func beginning(_ manner: Manner) -> String {
    switch manner {
    case .head: "GET \(Catalogue.trendingTarget) HTTP/1.1\r\nHost: slow\r\nX-Slow: "
    case .body:
      "POST /v1/placements/home/recommendations HTTP/1.1\r\nHost: slow\r\nContent-Type: application/json\r\n"
        + "Content-Length: 4000\r\n\r\n{"
    case .reader: String(repeating: "GET \(Catalogue.trendingTarget) HTTP/1.1\r\nHost: slow\r\n\r\n", count: 60)
    case .silent: ""
    }
  }

  /// One look at all of them, a tenth of a second or until something happens; those that still stand.
  private func look(_ clients: [Client]) -> [Client] {
    var polled = clients.map {
      pollfd(fd: $0.descriptor, events: $0.manner == .reader ? 0 : Int16(POLLIN), revents: 0)
    }
    poll(&polled, nfds_t(polled.count), clients.count < count ? 1 : 100)
    let now = monotonicSeconds()
    var standing: [Client] = []
    standing.reserveCapacity(clients.count)
    for (var client, event) in zip(clients, polled) {
      if event.revents != 0, hasEnded(client, now) { continue }
      let seconds = Int(now - client.since)
      if seconds > client.said {
        client.said = seconds
        if client.manner == .head || client.manner == .body { say("x", on: client.descriptor) }
      }
      standing.append(client)
    }
    return standing
  }

  private func hasEnded(_ client: Client, _ now: Double) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 2048)
    let count = recv(client.descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
    if count < 0, errno == EAGAIN { return false }
    // What a reader that never reads finds at its end are answers it had asked for.
    if count > 0, client.manner != .reader {
      let status = String(decoding: chunk[..<count].prefix(12), as: UTF8.self).suffix(3)
      summary.withLock { $0.statuses[String(status), default: 0] += 1 }
      return false
    }
    close(client.descriptor)
    summary.withLock { summary in
      summary.closedByServer += 1
      summary.longestSeconds = max(summary.longestSeconds, now - client.since)
    }
    return true
  }

  private func say(_ text: String, on descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
  }
}

/// Descriptors that this process may have, up to what the kernel lets it.
private func raiseFileLimit(to count: Int) {
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
  limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, rlim_t(count)))
  setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
