import Glibc
import Testing

@testable import LoadGenerator

@Suite struct RandomTests {
  @Test(arguments: [0.5, 0.99, 1.0, 1.5])
  func `zipf frequencies are those of the law`(exponent: Double) {
    let zipf = ZipfDistribution(count: 50, exponent: exponent)
    var random = Random64(seed: 7)
    var counts = [Double](repeating: 0, count: 50)
    let draws = 200_000
    for _ in 0..<draws { counts[zipf.draw(&random)] += 1 }
    let weights = (1...50).map { pow(Double($0), -exponent) }
    let sum = weights.reduce(0, +)
    // Pearson's chi-squared with 49 degrees of freedom is below 85.4 with probability 0.999.
    let chiSquared = zip(counts, weights).reduce(0.0) { total, pair in
      let expected = Double(draws) * pair.1 / sum
      return total + (pair.0 - expected) * (pair.0 - expected) / expected
    }
    #expect(chiSquared < 85.4, "exponent \(exponent), seed 7")
  }

  @Test func `one rank is always itself, and a huge population stays in range`() {
    var random = Random64(seed: 1)
    #expect(ZipfDistribution(count: 1, exponent: 1).draw(&random) == 0)
    let huge = ZipfDistribution(count: 1_000_000_000, exponent: 0.99)
    for _ in 0..<10_000 { #expect((0..<1_000_000_000).contains(huge.draw(&random))) }
  }

  @Test func `exponential numbers have mean and variance one`() {
    var random = Random64(seed: 3)
    let values = (0..<100_000).map { _ in random.exponential() }
    let mean = values.reduce(0, +) / 100_000
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 100_000
    #expect(abs(mean - 1) < 0.015 && abs(variance - 1) < 0.05, "mean \(mean), variance \(variance)")
  }

  @Test func `streams of one seed differ, and a stream is always the same`() {
    var (one, two, again) = (Random64(seed: 5, stream: 1), Random64(seed: 5, stream: 2), Random64(seed: 5, stream: 1))
    let first = one.next()
    #expect(first != two.next())
    #expect(first == again.next())
  }
}

@Suite struct ArrivalClockTests {
  private func times(
    _ arrivals: Arrivals, _ rate: Double, _ phases: [Phase] = [], until end: Double, from start: Double = 0
  ) -> [Double] {
    var clock = ArrivalClock(arrivals, ratePerSecond: rate, phases: phases, startSeconds: start, seed: 11)
    var times: [Double] = []
    while let time = clock.next(), time < end { times.append(time) }
    return times
  }

  @Test func `poisson arrivals have the rate as mean and as variance of their counts`() {
    let times = times(.poisson, 200, until: 500)
    var counts = [Double](repeating: 0, count: 500)
    for time in times { counts[Int(time)] += 1 }
    let mean = counts.reduce(0, +) / 500
    let variance = counts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 499
    // Standard errors: √(200/500) = 0.63 of the mean, 200·√(2/499) = 12.7 of the variance.
    #expect(abs(mean - 200) < 3, "mean \(mean)")
    #expect(abs(variance - 200) < 45, "variance \(variance)")
  }

  @Test func `constant arrivals have equal gaps`() {
    let times = times(.constant, 250, until: 4)
    #expect(times.count == 999 || times.count == 1000)
    for (one, next) in zip(times, times.dropFirst()) { #expect(abs(next - one - 0.004) < 1e-9) }
  }

  @Test func `the warm-up is before zero and like the first phase`() {
    var calm = Phase(seconds: 1)
    calm.rate = 0.5
    let times = times(.constant, 100, [calm], until: 0, from: -2)
    #expect((99...100).contains(times.count))
    #expect(times.allSatisfy { $0 > -2 && $0 < 0 })
  }

  @Test func `phases scale the rate, rest at zero, and come round again`() {
    var (busy, rest) = (Phase(seconds: 1), Phase(seconds: 2))
    busy.rate = 3
    rest.rate = 0
    let times = times(.poisson, 1_000, [busy, rest], until: 6)
    #expect(times.allSatisfy { $0.truncatingRemainder(dividingBy: 3) <= 1 })
    #expect(abs(Double(times.count) - 6_000) < 5 * 6_000.0.squareRoot(), "\(times.count)")
    #expect(times.contains { $0 > 3 })
  }

  @Test func `phases that all rest plan nothing`() {
    var rest = Phase(seconds: 1)
    rest.rate = 0
    #expect(times(.poisson, 1_000, [rest], until: 10).isEmpty)
  }
}
