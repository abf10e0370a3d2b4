import Configuration
import Glibc
import Publishing
import Reactor
import TestSupport
import Testing

@testable import Gateway

extension Integration {
  /// A gateway as a process among others: signals, a service manager, a successor.
  @Suite(.enabled(if: GatewayProcess.isBuilt, "`swift build` makes the executable that these start"))
  struct ProcessTests {
    let repository = TestRepository()
    var folder: TemporaryFolder { repository.folder }

    /// A configuration file with the test's folders; `more` comes last.
    private func configuration(_ more: String = "", listen: String = "127.0.0.1:0") -> String {
      folder.write(
        """
        listen: \(listen)
        admin: {listen: "127.0.0.1:0"}
        workers: 2
        repository: \(repository.path)
        dataDir: \(folder.file("data"))
        snapshots: {pollInterval: 50ms}
        log: {format: json}
        \(more)
        """, to: "needletail.yaml")
    }

    private func serve(_ more: String = "", _ flags: [String] = [], environment: [String: String] = [:])
      -> GatewayProcess
    {
      GatewayProcess(["serve", "--config", configuration(more)] + flags, in: folder, environment: environment)
    }

    // MARK: The end.

    @Test func `SIGTERM under load: every request that was sent is answered, and it exits 0`() throws {
      let gateway = serve()
      let port = try #require(gateway.port)
      #expect(gateway.isReady)
      let traffic = try Traffic(port: port, untilRefused: true)
      #expect(traffic.awaitAnswers(200))
      gateway.signal(SIGTERM)
      #expect(gateway.exitCode() == 0, "\(gateway.log)")
      let report = traffic.stop()
      #expect(report.broken == 0 && report.answers.keys.sorted() == [200], "\(report)")
      #expect(!gateway.log.contains("were cut"))
    }

    @Test func `a lame duck answers everything and says that it is not ready`() throws {
      let gateway = serve("http: {lameDuck: 1500ms}")
      let port = try #require(gateway.port)
      #expect(gateway.isReady)
      let early = try #require(HTTPClient(port: port))
      #expect(early.get("/readyz")?.status == 200)
      gateway.signal(SIGTERM)
      let isUnready = eventually { early.get("/readyz")?.status == 503 }
      #expect(isUnready)
      let late = try #require(HTTPClient(port: port), "it still accepts")
      let answer = late.get(target("home"))
      #expect(answer?.status == 200 && answer?["Connection"] == nil, "and keeps connections")
      #expect(early.get("/livez")?.status == 200)
      #expect(gateway.exitCode() == 0)
    }

    @Test func `a second signal ends it at once`() throws {
      let gateway = serve("http: {lameDuck: 600s, drainTimeout: 600s}")
      #expect(gateway.isReady)
      gateway.signal(SIGTERM)
      #expect(gateway.logs("draining"))
      gateway.signal(SIGTERM)
      #expect(gateway.exitCode(withinSeconds: 10) == 0)
    }

    @Test func `half a request does not hold a drain for long`() throws {
      let gateway = serve("http: {headTimeout: 600s, drainTimeout: 600s}")
      let port = try #require(gateway.port)
      #expect(gateway.isReady)
      let client = try #require(HTTPClient(port: port))
      #expect(client.get("/livez")?.status == 200)
      client.send("GET /livez HTTP/1.1\r\nHo")
      usleep(50_000)
      let started = milliseconds()
      gateway.signal(SIGTERM)
      #expect(client.receive()?.status == 408)
      #expect(gateway.exitCode() == 0)
      #expect(milliseconds() - started < 15_000)
    }

    @Test func `connections that wait to be accepted when the signal comes are answered`() throws {
      let gateway = serve()
      let port = try #require(gateway.port)
      #expect(gateway.isReady)
      // Stopped, it accepts nothing: the kernel completes the connections and queues them.
      gateway.signal(SIGSTOP)
      let clients = (0..<40).map { _ in HTTPClient(port: port)! }
      for client in clients { client.send(HTTPClient.request("GET", target("home", "segment=1"))) }
      gateway.signal(SIGTERM)
      gateway.signal(SIGCONT)
      for client in clients {
        let answer = client.receive()
        #expect(answer?.status == 200)
      }
      #expect(gateway.exitCode() == 0)
    }

    // MARK: SIGHUP.

    @Test func `a good file takes effect, a bad one changes nothing and is told line by line`() throws {
      let gateway = serve("cors: {origins: [\"https://a.example\"]}")
      let (port, admin) = (try #require(gateway.port), try #require(gateway.adminPort))
      #expect(gateway.isReady)
      func allows(_ origin: String) -> Bool {
        HTTPClient(port: port)?.get(target("home", "segment=1"), ["Origin: \(origin)"])?["Access-Control-Allow-Origin"]
          == origin
      }
      func metric(_ name: String) throws -> Int {
        try PrometheusPage(#require(HTTPClient(port: admin)?.get("/metrics")).text).sum(name)
      }
      #expect(allows("https://a.example") && !allows("https://b.example"))
      #expect(try metric("config_last_reload_successful") == 1)
      let startedAt = try metric("config_last_reload_success_timestamp_seconds")

      _ = configuration("cors: {origins: [\"https://b.example\"]}\nworkres: 3")
      gateway.signal(SIGHUP)
      #expect(gateway.logs("needletail.yaml:9:1: error: unknown key \\\"workres\\\""), "\(gateway.log)")
      let isCounted = try eventually { try metric("config_last_reload_successful") == 0 }
      #expect(isCounted && allows("https://a.example") && !allows("https://b.example"))
      #expect(try metric("config_last_reload_success_timestamp_seconds") == startedAt)

      _ = configuration("cors: {origins: [\"https://b.example\"]}\nevents: {queueMax: 100}")
      gateway.signal(SIGHUP)
      let hasChanged = eventually { allows("https://b.example") && !allows("https://a.example") }
      #expect(hasChanged)
      #expect(gateway.logs("these keys wait for a restart"))
      #expect(gateway.log.contains("\"keys\":\"events.queueMax\""))
      #expect(try metric("config_last_reload_successful") == 1 && metric("config_restart_pending_keys") == 1)
      gateway.signal(SIGTERM)
      #expect(gateway.exitCode() == 0)
    }

    @Test func `a version that does not fit beside two others has the older one make room, and serves once there is`()
      throws
    {
      // A busy machine must not look like a slow snapshot.
      func gates(_ reserve: String) -> String {
        "gates: {latencyMax: 10s, latencyRatioMax: 1000, samples: 20, memoryReserve: \(reserve)}"
      }
      let gateway = serve(gates("1MiB"))
      let admin = try #require(gateway.adminPort)
      func status() throws -> RunningGateway.ModelStatus {
        try #require(HTTPClient(port: admin)?.get("/admin/v1/models/books")).decoded()
      }
      func state(_ version: Int) throws -> String? { try status().versions.first { $0.version == version }?.state }
      #expect(gateway.isReady)
      repository.publish()
      let hasSwapped = try eventually { try status().serving == 2 }
      #expect(hasSwapped, "\(gateway.log)")
      #expect(try state(1) == "READY")

      // As much as no machine has.
      _ = configuration(gates("16384GiB"))
      gateway.signal(SIGHUP)
      #expect(gateway.logs("configuration reloaded"), "\(gateway.log)")
      repository.publish()
      let hasMadeRoom = try eventually { try state(1) == "UNLOADED" }
      #expect(hasMadeRoom && gateway.log.contains("not_enough_memory"), "\(gateway.log)")
      #expect(try status().serving == 2)

      _ = configuration(gates("1MiB"))
      gateway.signal(SIGHUP)
      let serves = try eventually { try status().serving == 3 }
      #expect(serves, "\(gateway.log)")
      gateway.signal(SIGTERM)
      #expect(gateway.exitCode() == 0)
    }

    // MARK: The service manager.

    @Test func `a service manager hears of each step, and that the loops turn`() throws {
      let manager = NotificationSocket(folder.file("notify.sock"))
      let gateway = serve(environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "300000"])
      let start = try #require(manager.notifications(until: "READY=1"))
      #expect(start.first == "STATUS=waiting for a snapshot in \(repository.path)", "\(start)")
      #expect(start.last?.contains("STATUS=serving books/1@") == true, "\(start)")
      #expect(manager.notifications(until: "WATCHDOG=1") != nil)
      gateway.signal(SIGHUP)
      let reload = try #require(manager.notifications(until: "READY=1"))
      let reloading = reload.first { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") }
      #expect(reloading != nil, "\(reload)")
      gateway.signal(SIGTERM)
      #expect(manager.notifications(until: "STOPPING=1") != nil)
      #expect(gateway.exitCode() == 0)
    }

    @Test func `a gateway that hangs is not vouched for`() throws {
      let manager = NotificationSocket(folder.file("notify.sock"))
      let gateway = serve(environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "300000"])
      #expect(manager.notifications(until: "WATCHDOG=1") != nil)
      gateway.signal(SIGSTOP)
      while manager.next(timeoutMilliseconds: 1000) != nil {}
      gateway.signal(SIGCONT)
      #expect(manager.notifications(until: "WATCHDOG=1") != nil)
    }

    @Test(
      .enabled(if: access("/usr/bin/systemd-socket-activate", X_OK) == 0, "systemd-socket-activate is not installed"))
    func `sockets of a service manager are served, and connections wait in them while nobody does`() throws {
      let (port, admin) = (freePort(), freePort())
      let path = configuration("", listen: "127.0.0.1:\(freePort())")
      let gateway = GatewayProcess(
        ["serve", "--config", path], in: folder,
        under: [
          "/usr/bin/systemd-socket-activate", "-l", "127.0.0.1:\(port)", "-l", "127.0.0.1:\(admin)",
          "--fdname=public:admin",
        ])
      // The first connection has it started; it waits in the queue meanwhile.
      var client: HTTPClient?
      let isOpen = eventually {
        client = client ?? HTTPClient(port: port)
        return client != nil
      }
      #expect(isOpen)
      #expect(client?.get("/livez")?.status == 200)
      let isReady = eventually { client?.get("/readyz")?.status == 200 }
      #expect(isReady && HTTPClient(port: admin)?.get("/livez")?.status == 200, "\(gateway.log)")
      #expect(gateway.port == port && gateway.adminPort == admin)
      gateway.signal(SIGTERM)
      #expect(gateway.exitCode() == 0)
    }
  }
}
