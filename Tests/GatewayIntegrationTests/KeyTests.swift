import Bytes
import Model
import TestSupport
import Testing

extension Integration {
  /// What the gateway leaves in memcached is a contract with other programs; what it finds there it trusts no further
  /// than it checks out.
  @Suite struct KeyTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()
    var prefix: String { "nt1:default:books:\(repository.digest8(1)):" }
    let cold = ["snapshots.warmBudget": ["0"]]

    private func xxh3Text(_ text: String) -> String {
      var out = ByteBuffer(capacity: 16)
      out.append(hex: xxh3(text))
      return String(copying: out.bytes)
    }

    @Test func `keys are spelled as other programs expect them`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      let raw = RawMemcached(memcached)
      var wanted = Set(["home", "detail"].flatMap { shelf in (0..<4).map { "\(prefix)\(shelf):s\($0):*:-" } })
      #expect(Set(raw.keys()) == wanted)

      let client = gateway.connect()
      #expect(client.get(target("detail", "itemId=b0007"))?.status == 200)
      wanted.insert("\(prefix)detail:i\(xxh3Text("b0007")):*:-")
      let user = TrainedModel.shared.hash("u0001")
      #expect(client.post("/v1/events", event("click", user: "u0001", item: "b0001", id: "k1"))?.status == 202)
      wanted.insert("nt1:default:w:\(user)")
      #expect(client.get(target("home", "userId=u0001"))?.tier == "computed")
      wanted.insert("\(prefix)home:u\(user):*:-")
      let isThere = eventually { Set(raw.keys()) == wanted }
      #expect(isThere, "\(Set(raw.keys()).symmetricDifference(wanted))")

      #expect(client.get(target("home", "segment=1&filter=category:Poetry"))?.status == 200)
      let variant = eventually {
        raw.keys().contains { $0.wholeMatch(of: /nt1:default:books:[0-9a-f]{8}:home:s1:\*:[0-9a-z]{6}/) != nil }
      }
      #expect(variant, "\(raw.keys())")
      #expect(raw.keys().count == wanted.count + 1)
    }

    @Test func `namespace and context stand in the key`() throws {
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address],
        flags: cold.merging(["memcached.namespace": ["shop-7"], "placements.home.context": ["device"]]) { $1 })
      _ = gateway.connect().get(target("home", "segment=1&device=mobile&exclude=b0001&numResults=3&fields=title"))
      let raw = RawMemcached(memcached)
      let key = "nt1:shop-7:books:\(repository.digest8(1)):home:s1:"
      let isThere = eventually { raw.keys().count == 1 }
      #expect(isThere)
      #expect(raw.keys() == [key + "Mo:-"])
    }

    @Test func `the time of day is the client's, by its hour or by its zone`() throws {
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address],
        flags: cold.merging(["placements.home.context": ["daypart"], "cache.l1.bytes": ["0"]]) { $1 })
      let client = gateway.connect()
      let raw = RawMemcached(memcached)
      for (query, daypart) in [
        ("hour=3", "h0"), ("hour=20", "h5"), ("time=2026-11-22T10:20:39Z", "h2"),
        ("time=2026-11-22T10:20:39-06:00", "h4"),
        ("time=2026-11-22T23:20:39Z&timeZone=Asia/Tokyo", "h2"),
      ] {
        #expect(client.get(target("home", "segment=1&\(query)"))?.status == 200)
        let key = "\(prefix)home:s1:\(daypart):-"
        let isThere = eventually { raw.get(key) != nil }
        #expect(isThere, "\(query): \(raw.keys())")
        raw.delete(key)
      }
      let bad = try #require(client.get(target("home", "time=teatime")))
      #expect(bad.status == 400)
      #expect(try bad.problem.errors?.first?.parameter == "time")
    }

    @Test func `lists carry flags 1, their key's hash, and a TTL shortened by up to a tenth`() throws {
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address],
        flags: ["placements.home.fresh": ["1000s"], "placements.home.stale": ["9000s"]])
      let raw = RawMemcached(memcached)
      #expect(gateway.isReady)
      var ttls: Set<Int> = []
      for segment in 0..<4 {
        let key = "\(prefix)home:s\(segment):*:-"
        let value = try #require(raw.get(key))
        ttls.insert(value.ttl)
        #expect(value.flags == 1 && (8980...10_000).contains(value.ttl), "\(key): \(value.flags), \(value.ttl)")
        let bytes = value.bytes
        let list = try RenderedList(bytes.span.bytes, keyHash: xxh3(key))
        let (count, fresh) = (list.count, list.freshSeconds)
        #expect(count == 100 && fresh == 1000)
      }
      #expect(ttls.count > 1, "lists made together must not expire together: \(ttls)")
    }

    @Test func `a list made for one request is the same for all others`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: cold)
      _ = gateway.connect().get(target("home", "segment=1&numResults=3&exclude=b0001,b0002&fields=title"))
      let raw = RawMemcached(memcached)
      let key = "\(prefix)home:s1:*:-"
      let isThere = eventually { raw.get(key) != nil }
      #expect(isThere)
      let bytes = try #require(raw.get(key)).bytes
      let count = try RenderedList(bytes.span.bytes, keyHash: xxh3(key)).count
      #expect(count == 100)
    }

    @Test func `a window carries flags 3 and lives thirty days`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: cold)
      let client = gateway.connect()
      for (number, type) in ["click", "view", "add-to-cart", "purchase"].enumerated() {
        #expect(
          client.post("/v1/events", event(type, user: "ann", item: "b000\(number + 1)", id: "w\(number)"))?.status
            == 202)
      }
      let value = try #require(RawMemcached(memcached).get("nt1:default:w:\(TrainedModel.shared.hash("ann"))"))
      #expect(value.flags == 3 && (30 * 86_400 - 60...30 * 86_400).contains(value.ttl))
      let bytes = value.bytes
      let window = try Window(bytes.span.bytes)
      var items: [String] = []
      for index in 0..<window.count { items.append(String(copying: window.itemID(index))) }
      #expect(items == ["b0004", "b0003", "b0002", "b0001"])
      let type = window.type(0)
      #expect(type == .purchase)
    }

    @Test func `a value that does not check out is a counted miss and never an answer`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      let raw = RawMemcached(memcached)
      let (key, other) = ("\(prefix)home:s1:*:-", "\(prefix)home:s2:*:-")
      let good = try #require(raw.get(key))
      let wanted = try #require(gateway.connect().get(target("home", "segment=1&numResults=100"))).recommendations.items
      gateway.stop()
      var flipped = good.bytes
      flipped[flipped.count / 2] ^= 0x20
      let broken: [(String, [UInt8], Int)] = [
        ("bit-flipped", flipped, 1), ("truncated", Array(good.bytes.dropLast(9)), 1),
        ("another key's", raw.get(other)!.bytes, 1), ("with other flags", good.bytes, 0),
        ("compressed, it says", good.bytes, 2), ("JSON", Array(#"[{"itemId":"evil","score":1}]"#.utf8), 1),
        ("a window's", Array("NTW1\0".utf8), 1), ("one byte", [7], 1), ("with a tail", good.bytes + [0], 1),
      ]
      // Without L1 each request sees what memcached has.
      let plain = try RunningGateway(
        repository, memcached: [memcached.address], flags: cold.merging(["cache.l1.bytes": ["0"]]) { $1 })
      let client = plain.connect()
      for (number, (name, bytes, flags)) in broken.enumerated() {
        raw.set(key, bytes, flags: flags)
        let answer = try #require(client.get(target("home", "segment=1&numResults=100")))
        #expect(answer.status == 200 && answer.tier == "computed", "\(name)")
        #expect(try answer.recommendations.items == wanted, "\(name)")
        #expect(plain.metrics().sum("cache_bad_values_total", ["kind": "list"]) == number + 1, "\(name)")
        // What was computed replaces it.
        let isMended = eventually { raw.get(key)?.flags == 1 && raw.get(key)?.bytes.count == good.bytes.count }
        #expect(isMended, "\(name)")
        #expect(client.get(target("home", "segment=1"))?.tier == "l2", "\(name)")
      }
    }

    @Test func `another program's list that is none is a counted miss`() throws {
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address],
        flags: ["placements.home.external": ["true"], "cache.l1.bytes": ["0"]])
      let raw = RawMemcached(memcached)
      let client = gateway.connect()
      let broken: [(String, Int)] = [
        ("{", 0), ("{}", 0), ("[]", 0), ("[{}]", 0), (#"[{"itemId":7}]"#, 0), (#"[{"itemId":""}]"#, 0), ("[1,2]", 0),
        (#"[{"itemId":"b0001"}]"#, 5), (String(repeating: "[", count: 5000), 0),
      ]
      for (number, (text, flags)) in broken.enumerated() {
        raw.set("nt1x:default:home:1", Array(text.utf8), flags: flags)
        let answer = try #require(client.get(target("home", "segment=1")))
        #expect(answer.status == 200 && answer.tier == "l2", "\(text.prefix(30)): \(answer.tier ?? "none")")
        #expect(try answer.recommendations.items.count == 10)
        #expect(gateway.metrics().sum("cache_bad_values_total", ["kind": "list"]) == number + 1, "\(text.prefix(30))")
      }
    }

    @Test func `a window that is none counts as none, and the next event replaces it`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: ["window.fresh": ["0"]])
      let raw = RawMemcached(memcached)
      let key = "nt1:default:w:\(TrainedModel.shared.hash("bob"))"
      let client = gateway.connect()
      for (number, (text, flags)) in [("garbage", 3), ("NTW1\u{b}", 3), ("NTW1\u{1}", 3), ("NTW1\0", 1)].enumerated() {
        raw.set(key, Array(text.utf8), flags: flags)
        let answer = try #require(client.get(target("home", "userId=bob")))
        #expect(answer.status == 200)
        #expect(try answer.recommendations.fallback?.reason == "unknown_user")
        #expect(gateway.metrics().sum("cache_bad_values_total", ["kind": "window"]) == number + 1, "\(text)")
      }
      #expect(client.post("/v1/events", event("click", user: "bob", item: "b0001", id: "g1"))?.status == 202)
      let bytes = try #require(raw.get(key)).bytes
      let count = try Window(bytes.span.bytes).count
      #expect(count == 1 && raw.get(key)?.flags == 3)
      #expect(try client.get(target("home", "userId=bob"))?.recommendations.fallback == nil)
    }
  }
}
