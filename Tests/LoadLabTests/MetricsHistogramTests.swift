import Testing

@testable import LoadLab

@Suite struct MetricsHistogramTests {
  private let page = """
    # TYPE h histogram
    h_bucket{stage="a",le="1e-05"} 10
    h_bucket{stage="a",le="2e-05"} 30
    h_bucket{stage="a",le="+Inf"} 40
    h_sum{stage="a"} 0.001
    h_count{stage="a"} 40
    h_bucket{stage="b",le="1e-05"} 7
    h_bucket{stage="b",le="+Inf"} 7
    h_sum{stage="b"} 0.00002
    """

  @Test func `a histogram is read from the page, each bucket alone`() throws {
    let histogram = try #require(MetricsText(page).histogram("h", ["stage": "a"]))
    #expect(histogram.bounds == [1e-5, 2e-5, .infinity])
    #expect(histogram.counts == [10, 20, 10])
    #expect(abs(histogram.meanMicroseconds - 25) < 1e-9)
    #expect(MetricsText(page).histogram("h", ["stage": "c"]) == nil)
  }

  @Test func `quantiles lie within their bucket, and at the last bound for what is beyond it`() throws {
    let histogram = try #require(MetricsText(page).histogram("h", ["stage": "a"]))
    #expect(try abs(#require(histogram.quantileMicroseconds(0.5)) - 15) < 1e-9)
    #expect(try abs(#require(histogram.quantileMicroseconds(0.125)) - 5) < 1e-9)
    #expect(try abs(#require(histogram.quantileMicroseconds(0.99)) - 20) < 1e-9)
  }

  @Test func `what came between two pages is a histogram of its own`() throws {
    let before = try #require(MetricsText(page).histogram("h", ["stage": "a"]))
    let after = MetricsHistogram(bounds: before.bounds, counts: [10, 24, 10], sum: 0.00106)
    let between = after.since(before)
    #expect(between.counts == [0, 4, 0])
    #expect(abs(between.meanMicroseconds - 15) < 1e-6)
    let median = between.quantileMicroseconds(0.5)
    #expect(median.map { abs($0 - 15) < 1e-9 } == true)
    #expect(before.since(before).quantileMicroseconds(0.5) == nil)
  }
}
