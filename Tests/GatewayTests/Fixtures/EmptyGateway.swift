import Configuration
import Gateway
import Reactor
import TestSupport

/// A gateway of one worker without a snapshot, until the value goes: enough for what concerns connections alone.
final class EmptyGateway {
  let port: Int
  let adminPort: Int
  private let folder = TemporaryFolder()
  private let stopper: @Sendable () -> Void
  private let thread: LoopThread

  /// Hands the server to the one thread that runs it.
  private final class Carrier: @unchecked Sendable {
    let server: Server
    init(_ server: Server) { self.server = server }
  }

  /// - Parameter flags: settings by key path, over those of the tests.
  init(_ flags: [String: String] = [:]) throws {
    var all = [
      "listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0", "workers": "1", "echo": "true",
      "repository": folder.file("repository"), "dataDir": folder.file("data"),
    ]
    all.merge(flags) { _, given in given }
    let server = try Server(Settings(Configuration(flags: all.mapValues { [$0] })))
    (port, adminPort) = (portNumber(server.address), portNumber(server.adminAddress))
    stopper = server.stopper
    let carrier = Carrier(server)
    thread = try LoopThread.spawn(name: "server") { try! carrier.server.run() }
  }

  deinit {
    // Once drains; twice does not wait for clients.
    stopper()
    stopper()
    thread.join()
  }

  func connect() -> HTTPClient { HTTPClient(port: port)! }
  func connectAdmin() -> HTTPClient { HTTPClient(port: adminPort)! }

  /// The value of a metric without labels.
  func metric(_ name: String) -> Int? {
    let lines = connectAdmin().get("/metrics")!.text.split(separator: "\n")
    return lines.first { $0.hasPrefix("needletail_\(name) ") }.flatMap { Int($0.split(separator: " ")[1]) }
  }
}

private func portNumber(_ address: SocketAddress) -> Int { Int("\(address)".split(separator: ":").last!)! }
