import LoadGenerator
import TestSupport
import Testing

extension Integration {
  /// The load kit against the real gateway: what both count must agree.
  @Suite struct LoadKitTests {
    private func load(_ gateway: RunningGateway, rate: Double, _ yaml: String) throws -> RunResult {
      var plan = LoadPlan(
        target: try LoadTarget("http://127.0.0.1:\(gateway.port)"),
        workload: try Workload(yaml: yaml, file: "test.yaml"), ratePerSecond: rate, durationSeconds: 1)
      plan.warmUpSeconds = 0
      plan.connections = 8
      plan.timeoutMilliseconds = 20_000
      plan.goodWithinMicroseconds = 20_000_000
      return try LoadRun(plan).run()
    }

    @Test func `every answer checks out, and its tier is the one that the gateway counts`() throws {
      let gateway = try RunningGateway(TestRepository())
      let result = try load(
        gateway, rate: 300,
        """
        users: {count: 160}
        items: {count: 240}
        requests:
          - {placement: home, results: 5, weight: 3}
          - {placement: detail, subject: item, results: 5}
          - {placement: trending, subject: anonymous, results: 5}
        """)
      #expect(
        result.counts.errors == 0 && result.counts.completed == result.counts.offered,
        "\(result.errors) \(result.faults)")
      let page = gateway.metrics()
      for tier in ["l1", "l2", "computed", "stale", "popular"] {
        #expect(Int(result.tiers[tier]?.count ?? 0) == page.sum("http_requests_total", ["tier": tier]), "\(tier)")
      }
      #expect(result.tiers["none"] == nil && result.tiers["other"] == nil)
      #expect((result.tiers["l1"]?.count ?? 0) > 50 && (result.tiers["computed"]?.count ?? 0) > 10)
      #expect(result.models == ["1": result.counts.completed])
    }

    @Test func `clicks are accepted, and the gateway counts as many`() throws {
      let gateway = try RunningGateway(TestRepository())
      let result = try load(
        gateway, rate: 100,
        """
        users: {count: 160}
        requests:
          - {placement: home, results: 5}
        clicks: {clickRate: 1, positionBias: 0, delay: 10ms}
        """)
      #expect(result.counts.errors == 0, "\(result.errors) \(result.faults)")
      let page = gateway.metrics()
      #expect((result.events["click"] ?? 0) > 10)
      #expect(page.sum("events_total", ["type": "accepted"]) == Int(result.events.values.reduce(0, +)))
      #expect(page.sum("http_requests_total", ["code": "202"]) == Int(result.requests["events"]?.count ?? 0))
    }
  }
}
