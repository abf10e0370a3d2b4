import TestSupport
import Testing

extension Integration {
  /// What an answer tells the caches between the gateway and a page: how long, for whom, and where it came from.
  @Suite struct CacheControlTests {
    let repository = TestRepository()

    private func gateway(
      memcached: [String] = [], _ flags: [String: [String]] = [:]
    ) throws -> RunningGateway {
      try RunningGateway(
        repository, memcached: memcached, flags: flags.merging(["snapshots.warmBudget": ["0"]]) { given, _ in given })
    }

    // MARK: Cache-Control and Age.

    @Test func `max-age is what is left, and a list past fresh may be shown while it is renewed or the gateway is gone`()
      throws
    {
      let gateway = try gateway(["placements.home.fresh": ["40s"], "placements.home.stale": ["500s"]])
      let client = gateway.connect()
      let first = try #require(client.get(target("home", "segment=1")))
      #expect(first["Cache-Control"] == "public, max-age=40, stale-while-revalidate=500, stale-if-error=500")
      #expect(first["Age"] == "0")
      // As it ages, the two go opposite ways.
      let aged = eventually { client.get(target("home", "segment=1"))?["Age"] == "1" }
      #expect(aged)
      let second = try #require(client.get(target("home", "segment=1")))
      let age = try #require(second["Age"].flatMap(Int.init))
      #expect(second["Cache-Control"]?.hasPrefix("public, max-age=\(40 - age), ") == true)
      #expect(second["Cache-Status"] == "Needletail; hit; ttl=\(40 - age); detail=l1")
    }

    @Test func `a placement without a stale time promises none`() throws {
      let gateway = try gateway(["placements.home.stale": ["0s"]])
      #expect(gateway.connect().get(target("home", "segment=1"))?["Cache-Control"] == "public, max-age=60")
    }

    @Test func `whoever names a user is answered for that user alone`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      for query in ["userId=u0001", "userId=u0001&segment=2", "userId=u0001&itemId=b0001"] {
        for _ in 0..<2 {
          let answer = try #require(client.get(target("home", query)))
          #expect(answer["Cache-Control"]?.hasPrefix("private, max-age=") == true, "\(query): \(answer.fields)")
        }
      }
      // What is popular leaves out what the user has seen.
      #expect(client.get(target("trending", "userId=u0001"))?["Cache-Control"]?.hasPrefix("private, ") == true)
      for (placement, query) in [
        ("home", ""), ("home", "segment=2"), ("detail", "itemId=b0001"), ("trending", ""),
        ("home", "segment=2&exclude=b0001&fields=title"),
      ] {
        let answer = try #require(client.get(target(placement, query)))
        #expect(answer["Cache-Control"]?.hasPrefix("public, max-age=") == true, "\(placement) \(query)")
      }
    }

    @Test func `an answer that is not the one asked for is asked for anew each time`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      for (placement, query, control) in [
        ("detail", "itemId=no-such-book", "public, no-cache"), ("home", "segment=4711", "public, no-cache"),
        ("home", "userId=nobody", "private, no-cache"), ("home", "filter=category:none-such", "public, no-cache"),
      ] {
        for round in 0..<3 {
          let answer = try #require(client.get(target(placement, query)))
          #expect(try answer.recommendations.fallback != nil)
          #expect(answer["Cache-Control"] == control, "\(query), time \(round)")
          #expect(answer["ETag"] != nil, "who asks again may be told 304")
        }
      }
    }

    @Test func `an answer that the gateway's own trouble forced is stored by nobody`() throws {
      let empty = try RunningGateway(TestRepository(isEmpty: true), awaitsReady: false)
      let answer = try #require(empty.connect().get(target("home", "segment=1")))
      #expect(try answer.recommendations.fallback?.reason == "model_unavailable")
      #expect(answer["Cache-Control"] == "no-store")
    }

    @Test func `problems and states of health are stored by nobody`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      for (path, status) in [
        (target("home", "numResults=0"), 400), (target("attic"), 404), ("/nowhere", 404), ("/livez", 200),
        ("/readyz", 200),
      ] {
        let answer = try #require(client.get(path))
        #expect(answer.status == status && answer["Cache-Control"] == "no-store", "\(path): \(answer.fields)")
      }
      // 405 may be stored by default (RFC 9110 §15.1).
      #expect(client.ask("DELETE", target("home"))?["Cache-Control"] == "no-store")
    }

    // MARK: What a request says about caches.

    @Test(arguments: [
      "no-cache", "no-store", "max-age=0", "max-age=1", "min-fresh=3600", "max-stale", "only-if-cached",
      "no-cache, no-store, must-revalidate", "max-age=banana", ",;=\"",
    ])
    func `a request's Cache-Control changes nothing`(directive: String) throws {
      let gateway = try gateway()
      let client = gateway.connect()
      // A reload must not make anything be computed, or anybody could have everything computed.
      let first = try #require(client.get(target("home", "segment=1"), ["Cache-Control: \(directive)"]))
      #expect(first.status == 200 && first.tier == "computed", "\(directive)")
      for _ in 0..<3 {
        let answer = try #require(
          client.get(target("home", "segment=1"), ["Cache-Control: \(directive)", "Pragma: no-cache"]))
        #expect(answer.status == 200 && answer.tier == "l1", "\(directive)")
      }
    }

    // MARK: Cache-Status.

    @Test func `each tier is named, and a hit says for how long it holds`() throws {
      let memcached = MemcachedServer()
      let gateway = try gateway(memcached: [memcached.address])
      let client = gateway.connect()
      func status(_ placement: String, _ query: String) -> String { client.get(target(placement, query))?["Cache-Status"] ?? "" }
      #expect(status("home", "segment=1") == "Needletail; fwd=uri-miss; stored; detail=computed")
      #expect(status("home", "segment=1").wholeMatch(of: /Needletail; hit; ttl=(60|59|58); detail=l1/) != nil)
      #expect(status("trending", "") == "Needletail; hit; detail=popular")
      #expect(status("detail", "itemId=no-such-book") == "Needletail; fwd=bypass; detail=popular")
      let other = try RunningGateway(
        repository, memcached: [memcached.address], dataDirectory: repository.folder.file("other"),
        flags: ["snapshots.warmBudget": ["0"]])
      let status2 = other.connect().get(target("home", "segment=1"))?["Cache-Status"] ?? ""
      #expect(status2.wholeMatch(of: /Needletail; hit; ttl=\d+; detail=l2/) != nil, "\(status2)")
    }

    @Test func `a stale answer tells since when, and is to be asked for anew`() throws {
      let gateway = try gateway(["placements.home.fresh": ["1s"], "placements.home.stale": ["100s"]])
      let client = gateway.connect()
      _ = client.get(target("home", "segment=1"))
      var last: HTTPAnswer?
      let wasStale = eventually {
        last = client.get(target("home", "segment=1"))
        return last?.tier == "stale"
      }
      #expect(wasStale)
      let age = try #require(last?["Age"].flatMap(Int.init))
      #expect(age >= 1)
      // From 0 on it is past fresh: fresh is while age < 1.
      #expect(last?["Cache-Status"] == "Needletail; hit; ttl=\(1 - age); detail=stale")
      #expect(last?["Cache-Control"] == "public, max-age=0, stale-while-revalidate=100, stale-if-error=100")
    }

    @Test func `without a stale time nothing past fresh is served, from neither cache`() throws {
      let memcached = MemcachedServer()
      let flags = ["placements.home.fresh": ["1s"], "placements.home.stale": ["0s"]]
      let both = try gateway(memcached: [memcached.address], flags)
      let second = try RunningGateway(
        repository, memcached: [memcached.address], dataDirectory: repository.folder.file("second"),
        flags: flags.merging(["cache.l1.bytes": ["0"], "snapshots.warmBudget": ["0"]]) { $1 })
      let clients = [both.connect(), second.connect()]
      var tiers: Set<String> = []
      let start = milliseconds()
      // memcached keeps what it is given for a second more than it is told, or less: its clock has that grain.
      while milliseconds() < start + 4500 {
        for client in clients {
          let answer = try #require(client.get(target("home", "segment=1")))
          tiers.insert(answer.tier ?? "none")
          #expect(answer["Age"] == "0", "\(answer.fields)")
        }
      }
      #expect(!tiers.contains("stale") && tiers.isSuperset(of: ["computed", "l1"]), "\(tiers)")
    }

    @Test func `who waited for the search of another is told so`() throws {
      // One worker, and pipelined requests of several connections in one turn: the second finds the first's search.
      let memcached = MemcachedServer()
      let gateway = try gateway(memcached: [memcached.address], ["workers": ["1"]])
      let clients = (0..<6).map { _ in gateway.connect() }
      memcached.stop()
      for client in clients { client.send(HTTPClient.request("GET", target("detail", "itemId=b0101"))) }
      // All wait for memcached, which goes on when they do.
      let wait = eventually { gateway.metrics().sum("cache_collapsed_total") == 5 }
      #expect(wait)
      memcached.resume()
      var statuses: [String: Int] = [:]
      for client in clients { statuses[client.receive()?["Cache-Status"] ?? "none", default: 0] += 1 }
      let wanted = [
        "Needletail; fwd=uri-miss; stored; detail=computed": 1,
        "Needletail; fwd=uri-miss; collapsed; detail=computed": 5,
      ]
      #expect(statuses == wanted)
    }

    @Test func `who waits for a list that its own window brought along has not waited for another's`() throws {
      let memcached = MemcachedServer()
      let gateway = try gateway(memcached: [memcached.address])
      let answer = gateway.connect().get(target("home", "userId=somebody"))
      #expect(answer?["Cache-Status"] == "Needletail; fwd=uri-miss; stored; detail=computed")
      #expect(gateway.metrics().sum("cache_collapsed_total") == 0)
    }

    @Test func `an answer that fell back late claims no hit`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      let filter = "filter=category:none-such"
      for query in ["segment=1&\(filter)", "segment=1&\(filter)&strictFiltering=true"] {
        for _ in 0..<3 {
          let answer = try #require(client.get(target("home", query)))
          #expect(answer["Cache-Status"] == "Needletail; fwd=bypass; detail=popular", "\(query)")
          #expect(try answer.recommendations.fallback == .init(reason: "filter_empty", source: "popular"))
        }
      }
      // A list of which the user has seen everything that the filter lets through: known only when it is cut.
      let reader = "u0001"
      let seen = TrainedModel.shared.seen(by: reader)
      let category = try #require(
        Set(seen.flatMap(TrainedModel.shared.categories)).sorted().first, "a reader who has seen nothing")
      let all = (1...TrainedModel.items).map { "b" + String("000\($0)".suffix(4)) }
      let left = all.filter { TrainedModel.shared.categories(of: $0).contains(category) && !seen.contains($0) }
      let name = category.replacing(" ", with: "%20").replacing("&", with: "%26")
      let query = "userId=\(reader)&filter=category:\(name)&exclude=\(left.joined(separator: ","))"
      for _ in 0..<3 {
        let answer = try #require(client.get(target("home", query)))
        #expect(try answer.recommendations.fallback == .init(reason: "filter_empty", source: "popular"))
        #expect(answer["Cache-Status"] == "Needletail; fwd=bypass; detail=popular")
        #expect(answer["Age"] == "0" && answer["Cache-Control"] == "private, no-cache")
      }
    }

    @Test func `nothing that names a user is in a header`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      for _ in 0..<3 {
        let answer = try #require(client.get(target("home", "userId=jane.roe")))
        let hash = "\(TrainedModel.shared.hash("jane.roe"))"
        #expect(!answer.fields.contains { $0.value.contains("jane") || $0.value.contains(hash) || $0.value.contains("key=") })
      }
    }
  }
}
