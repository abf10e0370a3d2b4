import Testing

@testable import LoadGenerator

@Suite struct HDRHistogramTests {
  /// The value that `quantile` of all values do not exceed, exactly.
  private func exact(_ sorted: [UInt64], _ quantile: Double) -> UInt64 {
    sorted[max(0, Int((quantile * Double(sorted.count)).rounded(.up)) - 1)]
  }

  @Test(arguments: [1, 2, 3])
  func `percentiles agree with the exact ones to the digits asked for`(digits: Int) {
    let seed: UInt64 = 21
    var random = Random64(seed: seed)
    var histogram = HDRHistogram(significantDigits: digits)
    // Six decades, evenly by their logarithm.
    let values = (0..<50_000).map { _ in UInt64(10_000 * random.exponential() * Double(1 << random.below(20))) }
    for value in values { histogram.record(nanoseconds: value) }
    let sorted = values.sorted()
    let tolerance = [0.1, 0.01, 0.001][digits - 1]
    for quantile in [0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1] {
      let (found, wanted) = (histogram.nanoseconds(atQuantile: quantile), exact(sorted, quantile))
      // Never below, and above by less than the last digit or the smallest step.
      #expect(found >= wanted, "seed \(seed), quantile \(quantile)")
      #expect(Double(found - wanted) <= max(64, Double(wanted) * tolerance), "seed \(seed), quantile \(quantile)")
    }
    #expect(histogram.maxNanoseconds == sorted.last)
    #expect(abs(histogram.meanNanoseconds * 50_000 / Double(values.reduce(0, +)) - 1) < 1e-9)
  }

  @Test func `every value up to the largest has a bucket that holds it`() {
    for shift in 0..<36 {
      let power: UInt64 = 1 << UInt64(shift)
      for value: UInt64 in [power, power - 1, power + 1] where value <= HDRHistogram.nanosecondsMax {
        var histogram = HDRHistogram()
        histogram.record(nanoseconds: value)
        #expect(histogram.nanoseconds(atQuantile: 0.5) == value, "\(value)")
      }
    }
  }

  @Test func `what is longer than a minute counts as a minute, and is the maximum`() {
    var histogram = HDRHistogram()
    histogram.record(nanoseconds: 3_600_000_000_000)
    #expect(histogram.maxNanoseconds == 3_600_000_000_000)
    #expect(histogram.count == 1)
    let median = histogram.nanoseconds(atQuantile: 0.5)
    #expect(median >= HDRHistogram.nanosecondsMax && Double(median) < Double(HDRHistogram.nanosecondsMax) * 1.001)
  }

  @Test func `a sum of histograms is the histogram of all values`() {
    var random = Random64(seed: 4)
    var (one, two, both) = (HDRHistogram(), HDRHistogram(), HDRHistogram())
    for _ in 0..<1_000 {
      let (a, b) = (UInt64(random.below(1_000_000)), UInt64(random.below(1_000_000_000)))
      one.record(nanoseconds: a)
      two.record(nanoseconds: b)
      both.record(nanoseconds: a)
      both.record(nanoseconds: b)
    }
    one.add(two)
    for quantile in [0.1, 0.5, 0.99, 1] {
      #expect(one.nanoseconds(atQuantile: quantile) == both.nanoseconds(atQuantile: quantile))
    }
    #expect(one.count == 2_000 && one.maxNanoseconds == both.maxNanoseconds)
  }

  @Test func `an empty histogram has zeros and no curve points`() {
    let summary = HDRHistogram().summary(withCurve: true)
    #expect(summary.count == 0 && summary.p9999Microseconds == 0 && summary.curve?.isEmpty == true)
  }

  @Test func `a curve ascends and ends at the maximum`() throws {
    var histogram = HDRHistogram()
    for value in 1...1_000 { histogram.record(nanoseconds: UInt64(value) * 1_000) }
    let curve = try #require(histogram.summary(withCurve: true).curve)
    #expect(
      zip(curve, curve.dropFirst()).allSatisfy { $0.quantile < $1.quantile && $0.microseconds <= $1.microseconds })
    #expect(curve.last?.microseconds == 1_000)
  }
}
