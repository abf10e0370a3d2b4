import Testing

@testable import LoadGenerator

@Suite struct SLOTests {
  @Test func `percentiles, counts and shares are read`() throws {
    let slo = try SLO("p99=2ms, p99.9=500us,errors=0.1%,goodput=99%,l1:max=1s,dropped=3")
    #expect(
      slo.objectives.map(\.figure) == [
        .percentile(0.99, tier: nil), .percentile(0.999, tier: nil), .errors, .goodput, .percentile(1, tier: "l1"),
        .dropped,
      ])
    #expect(
      slo.objectives.map(\.bound) == [
        .microseconds(2_000), .microseconds(500), .share(0.001), .share(0.99), .microseconds(1_000_000), .count(3),
      ])
    #expect(slo.objectives[1].text == "p99.9=500us")
  }

  @Test func `an answer is good within the longest percentile, or within what is said`() throws {
    #expect(try SLO("p50=1ms,p99.9=5ms,l1:max=9ms").goodWithinMicroseconds == 5_000)
    #expect(try SLO("p99=5ms,within=20ms").goodWithinMicroseconds == 20_000)
    #expect(try SLO("errors=0").goodWithinMicroseconds == nil)
  }

  @Test(arguments: [
    "", "p99", "p99=", "p99=2", "p99=-2ms", "p99=infms", "p98=2ms", "errors=", "errors=x", "errors=101%", "l3:p99=1ms",
    "l1:errors=0", "goodput=5", "p99=2ms,", "within=5",
  ])
  func `what is no objective is refused with a sentence`(text: String) {
    let failure = #expect(throws: LoadError.self) { try SLO(text) }
    #expect(failure?.description.hasPrefix("SLO: ") == true)
  }
}
