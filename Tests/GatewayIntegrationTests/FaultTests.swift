import TestSupport
import Testing

extension Integration {
  /// memcached may be absent, die, hang or lie: every answer stays 200, and the gateway recovers by itself.
  @Suite struct FaultTests {
    let repository = TestRepository()
    /// As in production, but for how long a loaded machine may let a node wait.
    let quick = [
      "memcached.timeout": ["100ms"], "memcached.connectTimeout": ["250ms"], "snapshots.warmBudget": ["500ms"],
      "placements.home.deadline": ["400ms"], "placements.detail.deadline": ["400ms"], "window.fresh": ["1s"],
    ]

    /// Whether L2 answers again: with what a gateway without L1 has just written there.
    private func answersFromL2(_ gateway: RunningGateway) -> Bool {
      let client = gateway.connect()
      return eventually { client.get(target("home", "segment=1"))?.tier == "l2" }
    }

    @Test func `memcached absent at the start is found when it comes`() throws {
      let memcached = MemcachedServer()
      memcached.kill()
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address], flags: quick.merging(["cache.l1.bytes": ["0"]]) { $1 },
        awaitsReady: false)
      let isReady = eventually { gateway.isReady }
      #expect(isReady, "a dead memcached keeps no snapshot from serving")
      let client = gateway.connect()
      for query in ["userId=u0001", "userId=nobody", "segment=1", "itemId=b0001"] {
        let answer = client.get(target("home", query))
        #expect(answer?.status == 200 && answer?.tier == "computed", "\(query)")
      }
      memcached.restart()
      #expect(answersFromL2(gateway))
    }

    @Test func `memcached killed under load costs no answer, and its return is noticed`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address], flags: quick.merging(["cache.l1.bytes": ["0"]]) { $1 })
      let load = try Load(gateway)
      #expect(load.awaitAnswers(200))
      for _ in 0..<2 {
        memcached.kill()
        #expect(load.awaitAnswers(200))
        memcached.restart()
        #expect(answersFromL2(gateway))
        #expect(load.awaitAnswers(100))
      }
      let report = load.stop()
      #expect(report.isClean, "\(report)")
      #expect(report.tiers["l2"] ?? 0 > 0 && report.tiers["computed"] ?? 0 > 0, "\(report.tiers)")
      #expect(gateway.metrics().sum("memcached_reconnects_total") >= 2)
    }

    @Test func `memcached stopped under load costs no answer, and it goes on where it was`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address], flags: quick.merging(["cache.l1.bytes": ["0"]]) { $1 })
      let load = try Load(gateway)
      #expect(load.awaitAnswers(200))
      memcached.stop()
      #expect(load.awaitAnswers(200))
      #expect(gateway.metrics().sum("memcached_errors_total", ["kind": "timeout"]) > 0)
      // Events are taken meanwhile too, and reflected here.
      let client = gateway.connect()
      #expect(client.post("/v1/events", event("click", user: "u", item: "b0001", id: "while stopped"))?.status == 202)
      memcached.resume()
      #expect(answersFromL2(gateway))
      let report = load.stop()
      #expect(report.isClean, "\(report)")
    }

    @Test func `events are taken and reflected while memcached is gone`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: quick)
      memcached.kill()
      let isNoticed = eventually { gateway.metrics().sum("memcached_up") == 0 }
      #expect(isNoticed)
      let clients = (0..<6).map { _ in gateway.connect() }
      for number in 0..<12 {
        let item = "b00\(10 + number)"
        let posted = clients[number % 6].post(
          "/v1/events", event("click", user: "ann", item: item, id: "gone-\(number)"))
        #expect(posted?.status == 202)
        let shelf = try #require(clients[(number + 1) % 6].get(target("home", "userId=ann&numResults=100")))
          .recommendations
        #expect(shelf.fallback == nil && !shelf.ids.contains(item), "event \(number)")
      }
      #expect(gateway.metrics().sum("window_writes_total", ["outcome": "failed"]) > 0)
    }

    /// What a peer says; after a greeting where that is true.
    static let scripts: [(String, Bool, String)] = [
      ("says nothing at all", false, ""), ("talks nonsense", false, "I AM NOT MEMCACHED\r\n"),
      ("answers with an error", false, "ERROR\r\n"), ("sends zero bytes", false, "\0\0\0\0\0\0\0\0\r\n"),
      ("speaks HTTP", false, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
      ("greets, then falls silent", true, ""), ("greets, then errs", true, "SERVER_ERROR out of memory\r\n"),
      ("greets, then answers another's request", true, "VA 5 f1 t60 c1 O999999\r\nhello\r\n"),
      ("greets, then announces 4 GB", true, "VA 4294967295 f1 t60 c1 O2\r\n"),
    ]

    @Test(arguments: scripts) func `a server that is no memcached costs no answer`(
      name: String, greets: Bool, text: String
    ) throws {
      let peer = ScriptedPeer { socket, _ in
        if greets { guard answerGreeting(socket) else { return } }
        _ = socket.receive(timeoutMilliseconds: 300)
        if !text.isEmpty { socket.send(text) }
        _ = socket.receive(timeoutMilliseconds: 300)
        _ = socket.receive(timeoutMilliseconds: 300)
      }
      let gateway = try RunningGateway(
        repository, memcached: [peer.address], flags: quick.merging(["workers": ["1"]]) { $1 }, awaitsReady: false)
      let isReady = eventually { gateway.isReady }
      #expect(isReady, "\(name)")
      let load = try Load(gateway, clients: 2)
      #expect(load.awaitAnswers(150), "\(name)")
      let connected = peer.connections
      let isTriedAgain = eventually { peer.connections > connected }
      #expect(isTriedAgain, "\(name)")
      let report = load.stop()
      #expect(report.isClean, "\(name): \(report)")
    }

    @Test func `of two nodes one may die, and the other's keys are still answered from L2`() throws {
      let servers = [MemcachedServer(), MemcachedServer()]
      let gateway = try RunningGateway(
        repository, memcached: servers.map(\.address), flags: quick.merging(["cache.l1.bytes": ["0"]]) { $1 })
      let client = gateway.connect()
      let items = (10...49).map { "b00\($0)" }
      func tiers() -> [String: Int] {
        items.reduce(into: [:]) { $0[client.get(target("detail", "itemId=\($1)"))?.tier ?? "none", default: 0] += 1 }
      }
      let isWarm = eventually { tiers() == ["l2": items.count] }
      #expect(isWarm)
      servers[1].kill()
      let halves = eventually {
        let now = tiers()
        return now["none"] == nil && (now["l2"] ?? 0) > 5 && (now["computed"] ?? 0) > 5
      }
      #expect(halves, "\(tiers())")
    }

    @Test func `of two nodes one may hang, and no answer is wrong, missing or later than its deadline allows`() throws {
      let servers = [MemcachedServer(), MemcachedServer()]
      // One worker: each has its own breakers, and of two one may get none of the connections.
      let gateway = try RunningGateway(
        repository, memcached: servers.map(\.address),
        flags: quick.merging(["cache.l1.bytes": ["0"], "workers": ["1"]]) { $1 })
      let load = try Load(gateway)
      #expect(load.awaitAnswers(200))
      servers[1].stop()
      #expect(load.awaitAnswers(300))
      let isOpen = eventually {
        gateway.metrics().sum("memcached_breaker_state", ["node": servers[1].address, "state": "closed"]) == 0
      }
      #expect(isOpen, "it is not asked any more")
      let otherIsClosed = eventually {
        gateway.metrics().sum("memcached_breaker_state", ["node": servers[0].address, "state": "closed"]) == 1
      }
      #expect(otherIsClosed, "the other one is")
      servers[1].resume()
      let isClosed = eventually {
        gateway.metrics().sum("memcached_breaker_state", ["node": servers[1].address, "state": "closed"]) == 1
      }
      #expect(isClosed)
      #expect(gateway.metrics().sum("memcached_breaker_opened_total") >= 1)
      let report = load.stop()
      #expect(report.isClean, "\(report)")
      #expect(report.tiers["l2"] ?? 0 > 0, "\(report.tiers)")
      // The deadline, and what a loaded machine may add: LoadTests measure it to the millisecond.
      #expect(report.slowestMilliseconds < 400 + 2000, "\(report)")
    }

    @Test func `a server that answers with another user's window costs a miss, never another's shelf`() throws {
      let peer = ScriptedPeer { socket, _ in
        guard answerGreeting(socket) else { return }
        while let text = socket.receive(timeoutMilliseconds: 5000), !text.isEmpty {
          // Every window asked for is answered with one of somebody who saw b0001, under that user's key.
          for line in text.split(separator: "\r\n") where line.hasPrefix("mg ") {
            let opaque = line.split(separator: " ").last!
            guard line.contains(":w:") else {
              socket.send("EN \(opaque)\r\n")
              continue
            }
            let window: [UInt8] = Array("NTW1".utf8) + [1, 0, 0, 0, 1, 0, 5] + Array("b0001".utf8)
            socket.send(
              Array("VA \(window.count) t60 c1 f3 knt1:default:w:AAAAAAAAAAAAAAAA \(opaque)\r\n".utf8) + window
                + Array("\r\n".utf8))
          }
        }
      }
      let gateway = try RunningGateway(
        repository, memcached: [peer.address], flags: quick.merging(["workers": ["1"]]) { $1 }, awaitsReady: false)
      let isReady = eventually { gateway.isReady }
      #expect(isReady)
      let isAsked = eventually {
        let answer = gateway.connect().get(target("home", "userId=nobody-\(milliseconds())"))
        guard answer?.status == 200 else { return true }
        return gateway.metrics().sum("memcached_errors_total", ["kind": "desynchronised"]) > 0
      }
      #expect(isAsked && gateway.metrics().sum("memcached_errors_total", ["kind": "desynchronised"]) > 0)
      #expect(gateway.metrics().sum("memcached_hits_total") == 0)
    }
  }
}
