import TestSupport
import Testing

/// The gateway as a whole: real sockets, a real memcached, a really trained model. One test at a time, since each runs
/// a gateway of its own and some kill what others would use.
@Suite(.serialized) enum Integration {}

extension Integration {
  @Suite struct TierTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()

    @Test func `a first answer is computed, the next one comes from L1`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: ["snapshots.warmBudget": ["0"]])
      let client = gateway.connect()
      let first = try #require(client.get(target("detail", "itemId=b0007&numResults=5")))
      print(first.fields, first.text)
      #expect(first.status == 200 && first.tier == "computed")
      let second = try #require(client.get(target("detail", "itemId=b0007&numResults=5")))
      #expect(second.status == 200 && second.tier == "l1")
      print(gateway.metrics())
    }
  }
}
