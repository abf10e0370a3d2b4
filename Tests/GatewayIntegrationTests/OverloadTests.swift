import Reactor
import Synchronization
import TestSupport
import Testing

extension Integration {
  /// More is asked of a worker than it can compute, or even read: it gives up what it must, says so, and recovers.
  @Suite struct OverloadTests {
    let repository = TestRepository()

    /// One worker.
    private func gateway(_ flags: [String: [String]] = [:]) throws -> RunningGateway {
      let own = [
        "workers": ["1"], "snapshots.warmBudget": ["0"], "overload.targetDelay": ["5ms"],
        "overload.interval": ["100ms"],
      ]
      return try RunningGateway(repository, flags: own.merging(flags) { $1 })
    }

    /// Asks without a pause, on connections of its own, for lists that nobody has asked for before: each has its filter.
    private final class Misses {
      private let isOver = Guarded(false)
      private let answers = Guarded([HTTPAnswer]())
      private var threads: [LoopThread] = []

      init(_ gateway: RunningGateway, clients: Int = 24) throws {
        let (isOver, answers, port) = (isOver, answers, gateway.port)
        threads = try (0..<clients).map { number in
          try LoopThread.spawn(name: "misses-\(number)") {
            guard let client = HTTPClient(port: port) else { return }
            var asked = 0
            while !isOver.withLock({ $0 }) {
              let user = "userId=u00\(10 + (asked + number) % 90)"
              guard let answer = client.get(target("home", "\(user)&filter=-category:no-\(number)-\(asked)")) else {
                break
              }
              answers.withLock { $0.append(answer) }
              asked += 1
            }
          }
        }
      }

      var count: Int { answers.withLock { $0.count } }

      func stop() -> [HTTPAnswer] {
        isOver.withLock { $0 = true }
        for thread in threads { thread.join() }
        threads = []
        return answers.withLock { $0 }
      }
    }

    /// What nobody else asks for and no cache has.
    private func miss(_ number: Int) -> String { target("home", "userId=u0001&filter=-category:mine-\(number)") }

    /// Whether the worker is back to where it computes what is asked for.
    private func recovers(_ gateway: RunningGateway) -> Bool {
      var asked = 0
      return eventually {
        asked += 1
        // At level 6 a new connection is closed at once.
        let answer = gateway.connect().get(miss(asked))
        return gateway.metrics().sum("pressure_level") == 0 && answer?.tier == "computed"
      }
    }

    /// A machine that is busy with other things may push the worker to its last level: then, and only then, 503.
    private func isAnswer(_ answer: HTTPAnswer) -> Bool {
      answer.status == 200 || answer.status == 503 && answer["Retry-After"] != nil
    }

    @Test func `with both caches off every answer is 200, those that cannot be computed say overloaded`() throws {
      let gateway = try gateway(["cache.l1.bytes": ["0"], "placements.home.scope": ["user"]])
      let misses = try Misses(gateway)
      let isPressed = eventually {
        let metrics = gateway.metrics()
        return misses.count > 500 && metrics.sum("pressure_level") >= 1 && metrics.sum("admission_shed_total") > 0
      }
      #expect(isPressed, "\(gateway.metrics().samples(of: "admission_shed_total"))")
      let answers = misses.stop()
      #expect(answers.allSatisfy(isAnswer))
      var tiers: [String: Int] = [:]
      for answer in answers where answer.status == 200 {
        let shelf = try answer.recommendations
        tiers[answer.tier ?? "none", default: 0] += 1
        #expect(!shelf.items.isEmpty)
        let isForced = shelf.fallback == .init(reason: "overloaded", source: "popular")
        #expect(
          answer.tier == (isForced ? "popular" : "computed"), "\(answer.fields) \(String(describing: shelf.fallback))")
      }
      #expect(tiers["computed"] ?? 0 > 0 && tiers["popular"] ?? 0 > 0, "\(tiers)")
      #expect(recovers(gateway))
      let metrics = gateway.metrics()
      #expect(metrics.sum("compute_queue_length") == 0)
      #expect(metrics.sum("compute_queue_sojourn_seconds_count") >= tiers["computed"] ?? 0)
      #expect(metrics.sum("pressure_changes_total") >= 2)
    }

    @Test func `hits and health checks are answered as ever while misses are shed`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      #expect(client.get(target("home", "segment=2"))?.tier == "computed")
      let misses = try Misses(gateway)
      let isShedding = eventually { gateway.metrics().sum("admission_shed_total") > 0 }
      #expect(isShedding)
      for _ in 0..<100 {
        let hit = client.get(target("home", "segment=2"))
        #expect(hit?.status == 200 && hit?.tier == "l1")
        #expect(try hit?.recommendations.fallback == nil)
        #expect(client.get("/livez")?.status == 200)
      }
      let answers = misses.stop()
      #expect(answers.allSatisfy(isAnswer))
      #expect(recovers(gateway))
    }

    /// Pipelines of hits, so many that reading and answering them alone takes all of the loop's time.
    @Test func `a loop that has no time left refuses misses with a time to come back, and takes them again later`()
      throws
    {
      // A millisecond is the target, so eight of reading and answering are too many.
      let gateway = try gateway(["overload.targetDelay": ["1ms"], "overload.interval": ["20ms"]])
      let client = gateway.connect()
      let pipeline = String(repeating: HTTPClient.request("GET", target("trending"), [], nil), count: 64)
      let (isOver, port) = (Guarded(false), gateway.port)
      let flood = try (0..<4).map { number in
        try LoopThread.spawn(name: "flood-\(number)") {
          var clients = (0..<10).compactMap { _ in HTTPClient(port: port) }
          while !isOver.withLock({ $0 }) {
            for client in clients { client.send(pipeline) }
            for client in clients {
              for _ in 0..<64 where client.receive()?.status != 200 {
                Issue.record("a hit was not answered")
                return
              }
            }
          }
          clients = []
        }
      }
      var asked = 0
      var refusal: HTTPAnswer?
      let isRefused = eventually {
        asked += 1
        let answer = client.get(miss(asked))
        if answer?.status == 503 { refusal = answer }
        return refusal != nil
      }
      // In a batch the refusal stands in its place; where all are refused it is the whole answer.
      func batch(_ first: String) -> HTTPAnswer? {
        asked += 1
        let miss = #"{"placement":"home","userId":"u0001","filter":"-category:batch-\#(asked)"}"#
        return client.post("/v1/recommendations:batch", "{\"requests\":[\(first)\(miss)]}")
      }
      let isPartRefused = eventually {
        guard let answer = batch(#"{"placement":"trending"},"#), answer.status == 200 else { return false }
        return answer.text.contains(#""placement":"trending""#) && answer.text.contains(#""status":503"#)
      }
      let isWholeRefused = eventually {
        guard let answer = batch(""), answer.status == 503 else { return false }
        return answer["Retry-After"] != nil && answer["Content-Type"] == "application/problem+json"
      }
      #expect(client.get("/livez")?.status == 200)
      isOver.withLock { $0 = true }
      for thread in flood { thread.join() }
      #expect(isPartRefused && isWholeRefused)
      #expect(isRefused, "\(gateway.metrics().samples(of: "pressure_level"))")
      let answer = try #require(refusal)
      #expect((1...4).contains(Int(answer["Retry-After"] ?? "") ?? 0), "\(answer.fields)")
      #expect(answer["Content-Type"] == "application/problem+json")
      #expect(try answer.problem.status == 503)
      #expect(recovers(gateway))
    }

    @Test func `memcached may take half of a request's time, then the list is computed`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address],
        flags: [
          "memcached.timeout": ["5s"], "snapshots.warmBudget": ["0"], "workers": ["1"],
          "placements.home.scope": ["user"],
        ])
      memcached.stop()
      defer { memcached.resume() }
      let client = gateway.connect()
      // A segment's list, then a user's window and list.
      for query in ["segment=1", "userId=u0003"] {
        let answer = client.get(target("home", "\(query)&timeoutMs=3000"))
        #expect(answer?.status == 200 && answer?.tier == "computed", "\(query): \(answer?.tier ?? "none")")
      }
    }

    @Test func `a reply of memcached that comes when its list is computed already changes nothing`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address],
        flags: ["memcached.timeout": ["5s"], "snapshots.warmBudget": ["0"], "workers": ["1"]])
      memcached.stop()
      let client = gateway.connect()
      #expect(client.get(target("home", "segment=1&timeoutMs=1000"))?.tier == "computed")
      memcached.resume()
      // The reply that was owed has come when this one's has: one connection answers in order.
      let isAnswered = eventually { client.get(target("home", "segment=3"))?.status == 200 }
      #expect(isAnswered)
      #expect(client.get(target("home", "segment=1"))?.tier == "l1")
      let settled = eventually { gateway.metrics().sum("http_requests_in_flight") == 0 }
      #expect(settled, "every search has ended")
    }
  }
}
