import Configuration
import Glibc
import Reactor
import Synchronization
import TestSupport
import Testing

@testable import Gateway

extension Integration {
  /// A hot restart: one gateway takes the listening sockets over from another, and nobody notices.
  @Suite(.enabled(if: GatewayProcess.isBuilt, "`swift build` makes the executable that these start"))
  struct TakeoverTests {
    let repository = TestRepository()
    var folder: TemporaryFolder { repository.folder }
    var door: String { folder.file("data/takeover.sock") }

    private func serve(
      _ flags: [String] = [], workers: Int = 2, more: String = "", listen: String = "127.0.0.1:0",
      environment: [String: String] = [:]
    ) -> GatewayProcess {
      let path = folder.write(
        """
        listen: \(listen)
        admin: {listen: "127.0.0.1:0"}
        workers: \(workers)
        repository: \(repository.path)
        dataDir: \(folder.file("data"))
        snapshots: {pollInterval: 50ms}
        log: {format: json}
        \(more)
        """, to: "needletail.yaml")
      return GatewayProcess(["serve", "--config", path] + flags, in: folder, environment: environment)
    }

    @Test(arguments: ["reuseport", "shared", "handover"])
    func `three take-overs under load, with more and with fewer workers, lose nothing`(strategy: String) throws {
      let more = "http: {accept: \(strategy)}"
      var gateway = serve(more: more)
      let (port, admin) = (try #require(gateway.port), try #require(gateway.adminPort))
      #expect(gateway.isReady)
      let traffic = try Traffic(port: port)
      #expect(traffic.awaitAnswers(100))
      for workers in [3, 1, 2] {
        let successor = serve(["--take-over"], workers: workers, more: more)
        #expect(successor.logs("took over"), "\(successor.log)")
        #expect(gateway.exitCode() == 0, "\(gateway.log)")
        #expect(traffic.awaitAnswers(100))
        #expect(successor.port == port && successor.adminPort == admin)
        gateway = successor
      }
      #expect(HTTPClient(port: admin)?.get("/livez")?.status == 200)
      let report = traffic.stop()
      #expect(report.refused == 0 && report.broken == 0 && report.answers.keys.sorted() == [200], "\(report)")
      gateway.signal(SIGTERM)
      #expect(gateway.exitCode() == 0)
      #expect(HTTPClient(port: port) == nil && access(door, F_OK) != 0)
    }

    @Test func `connections that wait in the queue while the old one goes are the new one's`() throws {
      let first = serve()
      let port = try #require(first.port)
      #expect(first.isReady)
      let second = serve(["--take-over"])
      // Both have the sockets. The old one accepts nothing more from here on.
      #expect(first.logs("a successor has the listening sockets"))
      first.signal(SIGSTOP)
      let clients = (0..<40).map { _ in HTTPClient(port: port)! }
      first.signal(SIGCONT)
      for client in clients { client.send(HTTPClient.request("GET", target("home", "segment=1"))) }
      for client in clients { #expect(client.receive()?.status == 200) }
      #expect(first.exitCode() == 0 && second.logs("took over"))
    }

    @Test func `a successor that fails leaves the old one serving, and the next may try`() throws {
      let first = serve()
      let port = try #require(first.port)
      #expect(first.isReady)
      let traffic = try Traffic(port: port)
      #expect(traffic.awaitAnswers(50))
      // It has the sockets and never becomes ready: what it should serve is not there.
      let hung = serve(["--take-over", "--model", "elsewhere"])
      #expect(first.logs("a successor has the listening sockets"))
      let refused = serve(["--take-over"])
      #expect(refused.exitCode() == 69 && refused.log.contains("another process is already taking over"))
      #expect(traffic.awaitAnswers(50))
      hung.signal(SIGKILL)
      #expect(first.logs("ended before it was ready"))
      #expect(traffic.awaitAnswers(50))
      let misconfigured = serve(["--take-over"], more: "workres: 2")
      #expect(misconfigured.exitCode() == 78)
      let second = serve(["--take-over"])
      #expect(second.logs("took over") && first.exitCode() == 0, "\(second.log)")
      #expect(traffic.awaitAnswers(50))
      let report = traffic.stop()
      #expect(report.refused == 0 && report.broken == 0 && report.answers.keys.sorted() == [200], "\(report)")
      second.signal(SIGTERM)
      #expect(second.exitCode() == 0)
    }

    @Test func `a successor that is told to end before it is ready leaves the old one serving`() throws {
      let first = serve()
      let port = try #require(first.port)
      #expect(first.isReady)
      let second = serve(["--take-over", "--model", "elsewhere"])
      #expect(first.logs("a successor has the listening sockets"))
      #expect(second.logs("\"message\":\"listening\""))
      second.signal(SIGTERM)
      #expect(second.exitCode() == 0)
      #expect(first.logs("ended before it was ready"))
      // What the successor did to its descriptors it did to these sockets.
      for _ in 0..<20 { #expect(HTTPClient(port: port)?.get(target("home", "segment=1"))?.status == 200) }
    }

    @Test func `nor does a path go with a successor that fails`() throws {
      let path = folder.file("public.sock")
      let first = serve(listen: path)
      #expect(first.isReady)
      let second = serve(["--take-over", "--model", "elsewhere"], listen: path)
      #expect(first.logs("a successor has the listening sockets") && second.logs("\"message\":\"listening\""))
      second.signal(SIGTERM)
      #expect(second.exitCode() == 0)
      #expect(HTTPClient(path: path)?.get(target("home", "segment=1"))?.status == 200)
      first.signal(SIGTERM)
      #expect(first.exitCode() == 0 && access(path, F_OK) != 0)
    }

    @Test func `garbage at the door is refused, and the gateway goes on`() throws {
      let first = serve()
      let port = try #require(first.port)
      #expect(first.isReady)
      var random = SeededRandom(seed: 4711)
      for round in 0..<30 {
        let channel = try DescriptorChannel.connect(toPath: door)
        let junk = (0..<Int.random(in: 1...300, using: &random)).map { _ in
          Character(Unicode.Scalar(UInt8.random(in: 1...127, using: &random)))
        }
        let null = open("/dev/null", O_RDONLY)
        defer { close(null) }
        try channel.send(round % 3 == 0 ? "needletail ready" : String(junk), descriptors: round % 2 == 0 ? [null] : [])
        if round % 5 == 0 { continue }
        #expect(channel.awaitMessage(milliseconds: 20_000))
        let answer = try channel.receive().flatMap { HandoverMessage($0.text) }
        guard case .refused = answer else {
          Issue.record("seed 4711, round \(round): \(String(describing: answer))")
          continue
        }
      }
      // Nor do callers that say nothing stand in the way.
      let silent = try (0..<10).map { _ in try DescriptorChannel.connect(toPath: door) }
      let second = serve(["--take-over"])
      #expect(second.logs("took over") && first.exitCode() == 0, "\(second.log)")
      #expect(HTTPClient(port: port)?.get(target("home", "segment=1"))?.status == 200)
      withExtendedLifetime(silent) {}
      second.signal(SIGTERM)
      #expect(second.exitCode() == 0)
    }

    /// A shop's system goes on telling what is sold out while one gateway takes over from another: what it was told is
    /// done holds ever after.
    @Test func `no change of availability is lost between two gateways`() throws {
      let first = serve()
      let (port, admin) = (try #require(first.port), try #require(first.adminPort))
      #expect(first.isReady)
      let isOver = Atomic(false)
      let done = Guarded([String]())
      let teller = try LoopThread.spawn(name: "teller") {
        for number in 1...TrainedModel.items where !isOver.load(ordering: .relaxed) {
          let id = "b" + String("000\(number)".suffix(4))
          // A refusal is Retry-After a second; a connection may go with its process.
          while !isOver.load(ordering: .relaxed) {
            let answer = HTTPClient(port: admin)?.ask(
              "POST", "/admin/v1/availability", [], #"{"unavailable":["\#(id)"]}"#)
            if answer?.status == 200 { break }
            usleep(20_000)
          }
          if isOver.load(ordering: .relaxed) { return }
          done.withLock { $0.append(id) }
          usleep(2_000)
        }
      }
      let hasBegun = eventually { done.withLock { $0.count } >= 5 }
      #expect(hasBegun)
      let second = serve(["--take-over"])
      #expect(second.logs("took over") && first.exitCode() == 0, "\(second.log)")
      let before = done.withLock { $0.count }
      let goesOn = eventually { done.withLock { $0.count } >= min(before + 5, TrainedModel.items) }
      #expect(goesOn)
      isOver.store(true, ordering: .relaxed)
      teller.join()
      struct Page: Decodable { let unavailable: [String] }
      let page: Page = try #require(HTTPClient(port: admin)?.get("/admin/v1/availability")).decoded()
      let told = done.withLock { $0 }
      #expect(Set(told).isSubset(of: page.unavailable), "\(Set(told).subtracting(page.unavailable))")
      let shown = try #require(HTTPClient(port: port)?.get(target("home", "segment=1&numResults=50"))).recommendations
        .ids
      #expect(Set(shown).isDisjoint(with: told))
      second.signal(SIGTERM)
      #expect(second.exitCode() == 0)
    }

    @Test func `with nobody to take over from it starts as it would have`() throws {
      let gateway = serve(["--take-over"])
      #expect(gateway.isReady && gateway.log.contains("there is nothing to take over"))
      gateway.signal(SIGTERM)
      #expect(gateway.exitCode() == 0)
    }

    @Test func `an address that the new configuration does not name is let go of`() throws {
      let first = serve()
      let port = try #require(first.port)
      #expect(first.isReady)
      let other = freePort()
      let second = serve(["--take-over"], listen: "127.0.0.1:\(other)")
      #expect(second.logs("took over") && first.exitCode() == 0, "\(second.log)")
      #expect(HTTPClient(port: other)?.get(target("home", "segment=1"))?.status == 200)
      let isClosed = eventually { HTTPClient(port: port) == nil }
      #expect(isClosed)
      second.signal(SIGTERM)
      #expect(second.exitCode() == 0)
    }

    @Test func `a unix path stays through a take-over and goes with the last`() throws {
      let path = folder.file("public.sock")
      let first = serve(listen: path)
      #expect(first.isReady)
      let second = serve(["--take-over"], listen: path)
      #expect(second.logs("took over") && first.exitCode() == 0, "\(second.log)")
      #expect(HTTPClient(path: path)?.get(target("home", "segment=1"))?.status == 200)
      second.signal(SIGTERM)
      #expect(second.exitCode() == 0)
      #expect(access(path, F_OK) != 0)
    }

    @Test func `the service manager follows the take-over`() throws {
      let manager = NotificationSocket(folder.file("notify.sock"))
      let environment = ["NOTIFY_SOCKET": manager.name]
      let first = serve(environment: environment)
      #expect(manager.notifications(until: "READY=1") != nil)
      let second = serve(["--take-over"], environment: environment)
      let heard = try #require(manager.notifications(until: "MAINPID=\(second.process)"))
      #expect(!heard.contains { $0.contains("STOPPING=1") }, "the service is not stopping: \(heard)")
      // It may be ready before it is the service's main process, or after.
      let isReady = heard.contains { $0.contains("READY=1") } || manager.notifications(until: "READY=1") != nil
      #expect(isReady, "\(heard)")
      #expect(first.exitCode() == 0)
      second.signal(SIGTERM)
      #expect(manager.notifications(until: "STOPPING=1") != nil)
      #expect(second.exitCode() == 0)
    }
  }
}
