import FoundationEssentials
import Gateway
import TestSupport
import Testing

/// The gateway as a whole: real sockets, a real memcached, a really trained model. One test at a time, since each runs
/// a gateway of its own and some kill what others would use.
@Suite(.serialized) enum Integration {}

extension Integration {
  @Suite struct TierTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()
    /// Nothing is written to memcached, nor put in L1, when a version takes over.
    let cold = ["snapshots.warmBudget": ["0"]]

    @Test func `a first answer is computed, the next one of the connection comes from L1`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: cold)
      let client = gateway.connect()
      let first = try #require(client.get(target("detail", "itemId=b0007&numResults=5")))
      #expect(first.status == 200 && first.tier == "computed")
      #expect(first["Cache-Status"] == "Needletail; fwd=uri-miss; stored; detail=computed")
      let second = try #require(client.get(target("detail", "itemId=b0007&numResults=5")))
      #expect(second.status == 200 && second.tier == "l1")
      #expect(second["Cache-Status"]?.hasPrefix("Needletail; hit; ttl=") == true)
      #expect(try first.recommendations.items == second.recommendations.items)
    }

    @Test func `a swap warms the segments' lists: in memcached for the fleet, in L1 for the first answer`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      let prefix = "nt1:default:books:\(repository.digest8(1)):home:s"
      let keys = RawMemcached(memcached).keys()
      #expect(keys.filter { $0.hasPrefix(prefix) }.count == TrainedModel.segments, "\(keys)")
      let client = gateway.connect()
      for segment in 0..<TrainedModel.segments {
        #expect(client.get(target("home", "segment=\(segment)"))?.tier == "l1")
      }
    }

    @Test func `precompute writes every segment of every placement, and answers come from L2`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: cold)
      let counts = try Warmer.precompute(RunningGateway.settings(repository, [memcached.address])) { _, _ in }
      // home and detail; trending has its own lists.
      #expect(counts.written == 2 * TrainedModel.segments && counts.failed == 0 && counts.left == 0)
      let client = gateway.connect()
      for segment in 0..<TrainedModel.segments {
        #expect(client.get(target("home", "segment=\(segment)"))?.tier == "l2")
      }
    }

    @Test func `with L1 off every answer comes from L2`() throws {
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address], flags: ["cache.l1.bytes": ["0"]])
      let client = gateway.connect()
      for _ in 0..<3 { #expect(client.get(target("home", "segment=1"))?.tier == "l2") }
    }

    @Test func `a list past fresh is served stale once and is then new again`() throws {
      let gateway = try RunningGateway(repository, flags: cold.merging(["placements.home.fresh": ["1s"]]) { $1 })
      let client = gateway.connect()
      #expect(client.get(target("home"))?.tier == "computed")
      var last: HTTPAnswer?
      let wasStale = eventually {
        last = client.get(target("home"))
        return last?.tier == "stale"
      }
      #expect(wasStale)
      #expect(try last?.recommendations.fallback == nil, "a list that is being refreshed is the one asked for")
      #expect(Int(last?["Age"] ?? "") ?? 0 >= 1)
      let next = client.get(target("home"))
      #expect(next?.tier == "l1" && next?["Age"] == "0")
    }

    @Test func `a stale list of L2 is served while who won it makes it anew, for others too`() throws {
      let flags = cold.merging(["placements.home.fresh": ["1s"], "placements.home.stale": ["300s"]]) { $1 }
      let first = try RunningGateway(repository, memcached: [memcached.address], flags: flags)
      let other = try RunningGateway(
        repository, memcached: [memcached.address], dataDirectory: repository.folder.file("other"), flags: flags)
      #expect(first.connect().get(target("home"))?.tier == "computed")
      // The list's own time says when it is past fresh.
      let (raw, prefix) = (RawMemcached(memcached), "nt1:default:books:\(repository.digest8(1)):home:")
      let isStale = eventually {
        guard let key = raw.keys().first(where: { $0.hasPrefix(prefix) }), let bytes = raw.get(key)?.bytes else {
          return false
        }
        let createdAt = bytes[8..<12].reversed().reduce(0) { $0 << 8 | Int($1) }
        return Int(Date().timeIntervalSince1970) > createdAt + 1
      }
      #expect(isStale)
      let client = other.connect()
      var tiers: [String] = []
      let isFreshAgain = eventually {
        let answer = client.get(target("home"))
        tiers.append(answer?.tier ?? "none")
        return tiers.contains("stale") && answer?["Age"] == "0" && ["l1", "l2"].contains(answer?.tier)
      }
      #expect(isFreshAgain, "\(tiers)")
      #expect(!tiers.contains("computed"), "nobody waits for a list while there is an old one: \(tiers)")
    }

    @Test func `trending answers from the popular list, and that is no fallback`() throws {
      let gateway = try RunningGateway(repository)
      let answer = try #require(gateway.connect().get(target("trending", "numResults=20")))
      #expect(answer["Cache-Status"] == "Needletail; hit; detail=popular")
      let shelf = try answer.recommendations
      #expect(shelf.fallback == nil && shelf.items.count == 20)
      #expect(shelf.items.allSatisfy { $0.reason == "popular" })
    }

    @Test func `without memcached the first answer is computed and the next comes from L1`() throws {
      let gateway = try RunningGateway(repository, flags: cold)
      let client = gateway.connect()
      #expect(client.get(target("home", "userId=u0001"))?.tier == "computed")
      #expect(client.get(target("home", "userId=u0001"))?.tier == "l1")
    }

    @Test func `a repeated request of an unknown user is an L1 hit, its empty window kept too`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: cold)
      let client = gateway.connect()
      _ = try Warmer.precompute(RunningGateway.settings(repository, [memcached.address])) { _, _ in }
      // The window and the segment's list travel together: what is answered still came from memcached.
      #expect(client.get(target("home", "userId=somebody"))?.tier == "l2")
      let asked = gateway.metrics().sum("memcached_requests_total")
      for _ in 0..<5 { #expect(client.get(target("home", "userId=somebody"))?.tier == "l1") }
      #expect(gateway.metrics().sum("memcached_requests_total") == asked)
    }

    @Test func `lists that another program writes are read where the placement says so`() throws {
      let connection = memcached.connect()
      let value = #"[{"itemId":"b0009","score":0.5},{"itemId":"nothing-of-ours","score":0.4},{"itemId":"b0004"}]"#
      connection.send("set nt1x:default:home:2 0 0 \(value.utf8.count)\r\n\(value)\r\n")
      #expect(connection.receive(until: "\r\n") == "STORED\r\n")
      let reading = try RunningGateway(
        repository, memcached: [memcached.address], flags: ["placements.home.external": ["true"]])
      let shelf = try #require(reading.connect().get(target("home", "segment=2&numResults=2"))).recommendations
      #expect(shelf.ids == ["b0009", "b0004"])
      reading.stop()
      let other = try RunningGateway(repository, memcached: [memcached.address])
      let own = try #require(other.connect().get(target("home", "segment=2&numResults=2"))).recommendations
      #expect(own.ids != ["b0009", "b0004"])
    }
  }
}
