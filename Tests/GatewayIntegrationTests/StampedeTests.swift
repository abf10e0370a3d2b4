import Bytes
import Glibc
import TestSupport
import Testing

@testable import Gateway

extension Integration {
  /// Ten thousand requests for one key, over four workers of two gateways that share one memcached: one of them computes.
  @Suite struct StampedeTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()

    private static let connections = 2000
    private static let requestsEach = 5
    private static let total = connections * requestsEach

    private func gateway(_ name: String, _ flags: [String: [String]] = [:]) throws -> RunningGateway {
      try RunningGateway(
        repository, memcached: [memcached.address], dataDirectory: repository.folder.file(name), flags: flags)
    }

    /// How many answers of each tier came to all requests, sent at once over all connections; "none" for what is no 200.
    private func stampede(_ target: String, _ gateways: [RunningGateway]) throws -> [String: Int] {
      let threads = 8
      let ports = gateways.map(\.port)
      let parts = try concurrently(threads) { thread in
        let clients = (0..<Self.connections / threads).map { number -> HTTPClient in
          var client: HTTPClient?
          while client == nil { client = HTTPClient(port: ports[(thread + number) % ports.count]) }
          return client!
        }
        let request = HTTPClient.request("GET", target)
        for client in clients { client.send(String(repeating: request, count: Self.requestsEach)) }
        var tiers: [String: Int] = [:]
        for client in clients {
          for _ in 0..<Self.requestsEach {
            let answer = client.receive()
            tiers[answer?.status == 200 ? answer?.tier ?? "none" : "none", default: 0] += 1
          }
        }
        return tiers
      }
      return parts.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
    }

    private func computations(_ gateways: [RunningGateway]) -> Int {
      gateways.reduce(0) { $0 + $1.metrics().sum("list_computations_total") }
    }

    /// The one list that the server holds of an item, and its key.
    private func storedList() throws -> (key: String, value: RawMemcached.Value) {
      let raw = RawMemcached(memcached)
      let key = try #require(raw.keys().first { $0.contains(":detail:i") })
      return (key, try #require(raw.get(key)))
    }

    @Test func `a key that nobody has is computed once`() throws {
      let gateways = [try gateway("a"), try gateway("b")]
      let tiers = try stampede(target("detail", "itemId=b0007"), gateways)
      #expect(tiers.values.reduce(0, +) == Self.total && tiers["none"] == nil && tiers["popular"] == nil, "\(tiers)")
      #expect(computations(gateways) == 1, "\(tiers)")
      #expect(try storedList().value.flags == 1)
    }

    @Test func `a list that has just expired is computed once, and everyone is answered meanwhile`() throws {
      let maker = try gateway("maker")
      #expect(maker.connect().get(target("detail", "itemId=b0007"))?.status == 200)
      let isWritten = try eventually { try storedList().value.bytes.count > 0 }
      #expect(isWritten)
      maker.stop()
      // The same list, made 100 s ago: past fresh (60 s), with 260 s left.
      var (key, value) = try storedList()
      age(&value.bytes, bySeconds: 100)
      RawMemcached(memcached).set(key, value.bytes, flags: 1, ttl: 260)

      let gateways = [try gateway("a"), try gateway("b")]
      let tiers = try stampede(target("detail", "itemId=b0007"), gateways)
      #expect(tiers.values.reduce(0, +) == Self.total && tiers["none"] == nil && tiers["popular"] == nil, "\(tiers)")
      #expect(tiers["stale"] ?? 0 > 0 && tiers["computed"] == nil, "\(tiers)")
      #expect(computations(gateways) == 1, "\(tiers)")
      #expect(try storedList().value.bytes != value.bytes)
    }

    @Test func `a key whose winner has died is answered by all, and written by nobody until the claim is over`() throws {
      let raw = RawMemcached(memcached)
      let maker = try gateway("maker")
      #expect(maker.connect().get(target("detail", "itemId=b0007"))?.status == 200)
      let isWritten = try eventually { try storedList().value.bytes.count > 0 }
      #expect(isWritten)
      maker.stop()
      let key = try storedList().key
      raw.delete(key)
      raw.claim(key, seconds: 600)

      let gateway = try gateway("a", ["placements.detail.deadline": ["400ms"], "workers": ["1"]])
      #expect(gateway.connect().get(target("detail", "itemId=b0007"))?.tier == "computed")
      let waits = gateway.metrics().sum("fleet_fill_waits_total")
      #expect((1...6).contains(waits), "2 + 4 + … + 64 ms of half a deadline: \(waits)")
      #expect(gateway.metrics().sum("fleet_fills_unwritten_total") == 1)
      #expect(raw.get(key)?.bytes.isEmpty == true, "the claim stands")
      raw.delete(key)
      #expect(gateway.connect().get(target("detail", "itemId=b0007"))?.tier == "l1", "and this worker has its list")
    }

    @Test func `a list that cannot be made gives its claim back`() throws {
      let gateway = try gateway("a", ["workers": ["1"]])
      // Nothing is in a category that there is not.
      let answer = gateway.connect().get(target("home", "segment=1&filter=category:NoSuchThing"))
      #expect(answer?.status == 200)
      #expect(gateway.metrics().sum("fleet_claims_returned_total") == 1)
      let raw = RawMemcached(memcached)
      let hasNoStub = eventually { raw.keys().allSatisfy { raw.get($0)?.bytes != [] } }
      #expect(hasNoStub)
    }

    @Test func `a claim that is won after the list was made takes nothing away`() throws {
      let flags = ["workers": ["1"], "memcached.timeout": ["5s"], "placements.detail.deadline": ["400ms"]]
      let gateway = try gateway("a", flags)
      memcached.stop()
      // Half of the deadline is memcached's; then the list is computed and sent after the question.
      #expect(gateway.connect().get(target("detail", "itemId=b0009"))?.tier == "computed")
      memcached.resume()
      let isReturned = eventually { gateway.metrics().sum("fleet_claims_returned_total") == 1 }
      #expect(isReturned)
      #expect(try !storedList().value.bytes.isEmpty, "the claim was of an older revision")
      #expect(gateway.metrics().sum("list_computations_total") == 1)
    }
  }
}

/// Makes a rendered list older: its creation time, and the checksum of all before it.
private func age(_ list: inout [UInt8], bySeconds seconds: UInt32) {
  list.withUnsafeMutableBytes { bytes in
    let createdAt = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    bytes.storeBytes(of: (createdAt - seconds).littleEndian, toByteOffset: 8, as: UInt32.self)
  }
  let checksum = xxh3(list.span.bytes.extracting(droppingLast: 8))
  list.withUnsafeMutableBytes { $0.storeBytes(of: checksum.littleEndian, toByteOffset: $0.count - 8, as: UInt64.self) }
}
