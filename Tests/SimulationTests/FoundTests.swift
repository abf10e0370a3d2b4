import Reactor
import Testing

@testable import Gateway

/// What the simulator has found, each with just what it takes, so that it is found again whatever the seeds bring.
@Suite(.serialized) struct FoundTests {
  private func play(_ weather: Script.Weather = .calm, _ change: (inout Script) -> Void) throws {
    var script = Script(seed: 5, weather: weather)
    (script.nodes, script.workers, script.seconds, script.clients) = (1, 1, 1, 4)
    script.drainsEarly = false
    change(&script)
    let gateway = try GatewayWorld(script)
    try gateway.run()
    #expect(gateway.violations.isEmpty, "\(gateway.violations.joined(separator: "\n  "))")
  }

  /// Popular lists stood in for a list that was late, and had the item whose page it was among them.
  @Test func `the item itself is not among what stands in for those like it`() throws {
    try play { script in
      (script.faults.stall, script.faults.stallMilliseconds) = (1000, 30...60)
      script.settings = ["memcached.timeout": "100ms"]
      script.only = { random in
        // The first items of a taste trend everywhere.
        var ask = Question.Recommendation(placement: "detail", count: 5, timeoutMilliseconds: 4)
        ask.item = (Int(random.below(UInt64(TasteShop.tastes))), Int(random.below(UInt64(TasteShop.itemsPerTaste))))
        return .recommendation(ask)
      }
    }
  }
}
