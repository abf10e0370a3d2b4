/// A histogram of a metrics page, or what came to it between two pages.
public struct MetricsHistogram: Sendable, Equatable {
  /// Upper bounds in seconds, ascending; the last is infinite.
  public let bounds: [Double]
  /// Observations in each bucket alone.
  public let counts: [Double]
  /// Of all observations, in seconds.
  public let sum: Double

  public var count: Double { counts.reduce(0, +) }
  public var meanMicroseconds: Double { count > 0 ? sum / count * 1e6 : 0 }

  public init(bounds: [Double], counts: [Double], sum: Double) {
    (self.bounds, self.counts, self.sum) = (bounds, counts, sum)
  }

  /// What came since `before`, of the same series.
  public func since(_ before: MetricsHistogram) -> MetricsHistogram {
    MetricsHistogram(
      bounds: bounds, counts: zip(counts, before.counts).map { $0 - $1 }, sum: sum - before.sum)
  }

  /// Where a share of the observations lies below, in microseconds: within its bucket as if they were spread evenly, as
  /// Prometheus' `histogram_quantile` has it. Nil without observations; the last finite bound for what lies beyond it.
  public func quantileMicroseconds(_ share: Double) -> Double? {
    let wanted = count * share
    guard count > 0 else { return nil }
    var below = 0.0
    for (place, inside) in counts.enumerated() {
      if below + inside >= wanted, inside > 0 {
        let low = place == 0 ? 0 : bounds[place - 1]
        guard bounds[place].isFinite else { return low * 1e6 }
        return (low + (bounds[place] - low) * (wanted - below) / inside) * 1e6
      }
      below += inside
    }
    return nil
  }
}

extension MetricsText {
  /// The histogram of a family with these labels; nil when the page has none.
  public func histogram(_ name: String, _ labels: [String: String]) -> MetricsHistogram? {
    func has(_ sample: Sample) -> Bool { labels.allSatisfy { sample.labels[$0.key] == $0.value } }
    let buckets = samples.filter { $0.name == name + "_bucket" && has($0) }.compactMap { sample in
      sample.labels["le"].flatMap { $0 == "+Inf" ? .infinity : Double($0) }.map { (bound: $0, running: sample.value) }
    }.sorted { $0.bound < $1.bound }
    guard !buckets.isEmpty, let sum = samples.first(where: { $0.name == name + "_sum" && has($0) }) else { return nil }
    let running = buckets.map(\.running)
    return MetricsHistogram(
      bounds: buckets.map(\.bound), counts: zip(running, [0] + running).map { $0 - $1 }, sum: sum.value)
  }
}
