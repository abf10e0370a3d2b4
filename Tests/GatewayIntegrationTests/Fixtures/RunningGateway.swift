import Configuration
import Gateway
import Glibc
import Logging
import Reactor
import Synchronization
import TestSupport

/// A gateway of two workers in this process, on free ports, until the value goes.
///
/// Its deadlines are long, so that a busy machine changes no answer; tests of deadlines set their own.
final class RunningGateway {
  let settings: Settings
  let port: Int
  let adminPort: Int
  private let stopper: @Sendable () -> Void
  private let thread: LoopThread
  private let state: State
  private var isJoined = false
  /// Gone with its last user, so held here.
  private let repository: TestRepository

  private final class State: Sendable {
    let isReady = Atomic(false)
    let hasEnded = Atomic(false)
  }

  /// Hands the server to the one thread that runs it.
  private final class Carrier: @unchecked Sendable {
    let server: Server
    init(_ server: Server) { self.server = server }
  }

  /// - Parameters:
  ///   - memcached: node addresses; none for no L2.
  ///   - flags: settings by key path, over those of the tests.
  ///   - awaitsReady: return when the first snapshot serves on every worker and memcached's nodes are connected.
  init(
    _ repository: TestRepository, memcached: [String] = [], dataDirectory: String? = nil,
    flags: [String: [String]] = [:], awaitsReady: Bool = true
  ) throws {
    _ = RunningGateway.quiet
    self.repository = repository
    settings = try RunningGateway.settings(repository, memcached, dataDirectory, flags)
    let server = try Server(settings)
    (port, adminPort) = (portNumber(server.address), portNumber(server.adminAddress))
    stopper = server.stopper
    let (carrier, state) = (Carrier(server), State())
    self.state = state
    thread = try LoopThread.spawn(name: "server") {
      try! carrier.server.run { state.isReady.store(true, ordering: .releasing) }
      state.hasEnded.store(true, ordering: .releasing)
    }
    if awaitsReady { self.awaitReady() }
  }

  deinit { stop() }

  static func settings(
    _ repository: TestRepository, _ memcached: [String], _ dataDirectory: String? = nil,
    _ flags: [String: [String]] = [:]
  ) throws -> Settings {
    var all: [String: [String]] = [
      "listen": ["127.0.0.1:0"], "admin.listen": ["127.0.0.1:0"], "workers": ["2"],
      "repository": [repository.path], "dataDir": [dataDirectory ?? repository.folder.file("data")],
      "snapshots.pollInterval": ["50ms"], "memcached.servers": memcached, "memcached.timeout": ["3s"],
      "memcached.connectTimeout": ["3s"], "window.fresh": ["600s"],
      // A machine that is busy with other things must not look like an overloaded gateway.
      "overload.targetDelay": ["1s"], "overload.interval": ["2s"],
      // Nor like a slow snapshot; and hundreds of swaps are not to be proven for seconds each.
      "gates.latencyMax": ["10s"], "gates.latencyRatioMax": ["1000"], "gates.samples": ["20"],
    ]
    for placement in ["home", "detail", "trending"] { all["placements.\(placement).deadline"] = ["10s"] }
    all.merge(flags) { _, given in given }
    return try Settings(Configuration(flags: all))
  }

  /// Log lines of a hundred gateways would bury what a test has to say.
  private static let quiet: Void = LoggingSystem.bootstrap { _ in SwiftLogNoOpLogHandler() }

  var isReady: Bool { state.isReady.load(ordering: .acquiring) }
  var hasEnded: Bool { state.hasEnded.load(ordering: .acquiring) }

  private func awaitReady() {
    let isUp = eventually { self.isReady }
    precondition(isUp, "the gateway did not become ready")
    guard !settings.memcachedServers.isEmpty else { return }
    let isConnected = eventually { self.isConnected }
    precondition(isConnected, "the gateway did not connect to memcached")
  }

  /// Whether every worker has a connection to every node of memcached.
  var isConnected: Bool {
    let up = metrics().samples(of: "memcached_up")
    return up.count == settings.memcachedServers.count && up.allSatisfy { $0.value == Double(settings.workers) }
  }

  func connect() -> HTTPClient { HTTPClient(port: port)! }

  /// One call of the admin listener.
  func admin(_ method: String, _ target: String, _ body: String? = nil) -> HTTPAnswer {
    HTTPClient(port: adminPort)!.ask(method, target, [], body)!
  }

  func metrics() -> PrometheusPage { try! PrometheusPage(admin("GET", "/metrics").text) }

  /// Asks it to drain, as SIGTERM would.
  func drain() { stopper() }

  /// Drains and waits for the end.
  func stop() {
    guard !isJoined else { return }
    isJoined = true
    if !hasEnded { stopper() }
    thread.join()
  }
}

/// 0 for a unix socket.
private func portNumber(_ address: SocketAddress) -> Int { Int("\(address)".split(separator: ":").last!) ?? 0 }

/// Whether a condition comes true in time: tests wait for what they want to see, never for a while.
func eventually(seconds: Int = 30, _ condition: () throws -> Bool) rethrows -> Bool {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  let end = now.tv_sec + seconds
  repeat {
    if try condition() { return true }
    usleep(5000)
    clock_gettime(CLOCK_MONOTONIC, &now)
  } while now.tv_sec < end
  return false
}
