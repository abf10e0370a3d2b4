import Bytes
import Testing

@testable import Telemetry

@Suite struct LatencyHistogramTests {
  @Test func `a duration falls into the bucket whose bound it does not exceed`() {
    var histogram = LatencyHistogram()
    for nanoseconds: UInt64 in [5_000, 5_001, 1_000_000_000, 1_000_000_001] {
      histogram.record(nanoseconds: nanoseconds)
    }
    #expect(
      histogram.counts[0] == 1 && histogram.counts[1] == 1 && histogram.counts[21] == 1 && histogram.counts[22] == 1)
    #expect(histogram.count == 4 && histogram.sumNanoseconds == 2_000_010_002)
  }

  @Test func `histograms of workers add up`() {
    var left = LatencyHistogram()
    var right = LatencyHistogram()
    left.record(nanoseconds: 7_000)
    right.record(nanoseconds: 8_000)
    left.add(right)
    #expect(left.counts[1] == 2 && left.sumNanoseconds == 15_000)
  }

  @Test func `a quantile is the bound that so many durations do not exceed`() {
    var histogram = LatencyHistogram()
    #expect(histogram.quantileBoundNanoseconds(0.5) == nil)
    for _ in 0..<99 { histogram.record(nanoseconds: 20_000) }
    histogram.record(nanoseconds: 2_000_000)
    #expect(histogram.quantileBoundNanoseconds(0.5) == 25_000)
    #expect(histogram.quantileBoundNanoseconds(0.99) == 25_000)
    #expect(histogram.quantileBoundNanoseconds(0.999) == 2_000_000)
  }

  @Test func `bounds in text are the bounds in nanoseconds`() {
    #expect(
      LatencyHistogram.boundsText.map { UInt64((Double($0.description)! * 1e9).rounded()) }
        == LatencyHistogram.boundsNanoseconds)
  }

  @Test func `a family is written with its sentence, labels escaped, buckets cumulative`() {
    var text = PrometheusText()
    text.family("x_seconds", .histogram, "A sentence.")
    var histogram = LatencyHistogram()
    histogram.record(nanoseconds: 1)
    histogram.record(nanoseconds: 60_000)
    text.histogram("x_seconds", [("tier", "a\"b\\")], histogram)
    let written = String(copying: text.finish().bytes)
    #expect(written.hasPrefix("# HELP needletail_x_seconds A sentence.\n# TYPE needletail_x_seconds histogram\n"))
    #expect(written.contains(#"needletail_x_seconds_bucket{tier="a\"b\\",le="5e-06"} 1"#))
    #expect(written.contains(#"le="0.0001"} 2"#) && written.contains(#"le="+Inf"} 2"#))
    #expect(written.contains(#"needletail_x_seconds_count{tier="a\"b\\"} 2"#))
  }

  @Test func `what came after an earlier copy is the difference`() {
    var histogram = LatencyHistogram()
    histogram.record(nanoseconds: 7_000)
    let earlier = histogram
    histogram.record(nanoseconds: 7_000)
    histogram.record(nanoseconds: 2_000_000_000)
    let later = histogram.since(earlier)
    #expect(later.count == 2 && later.sumNanoseconds == 2_000_007_000)
    #expect(later.quantileBoundNanoseconds(0.5) == 10_000)
    #expect(histogram.since(histogram).count == 0)
  }
}
