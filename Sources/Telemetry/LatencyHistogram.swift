/// Counts of durations in the fixed buckets that every node, worker and load kit shares, so that histograms can be added.
///
/// Recording is a scan over 23 bounds and two additions: no allocation, no lock. One owner, copied out for a scrape.
public struct LatencyHistogram: Sendable {
  /// Upper bounds in nanoseconds; one more bucket holds what is longer.
  public static let boundsNanoseconds: [UInt64] = [
    5_000, 10_000, 25_000, 50_000, 100_000, 150_000, 200_000, 250_000, 300_000, 500_000, 750_000, 1_000_000, 1_500_000,
    2_000_000, 3_000_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 1_000_000_000,
  ]
  /// The same bounds in seconds, as the text format spells them.
  public static let boundsText: [StaticString] = [
    "5e-06", "1e-05", "2.5e-05", "5e-05", "0.0001", "0.00015", "0.0002", "0.00025", "0.0003", "0.0005", "0.00075",
    "0.001",
    "0.0015", "0.002", "0.003", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "1",
  ]

  public private(set) var counts = InlineArray<23, UInt64>(repeating: 0)
  public private(set) var sumNanoseconds: UInt64 = 0

  public init() {}

  public var count: UInt64 {
    var total: UInt64 = 0
    for index in counts.indices { total += counts[index] }
    return total
  }

  public mutating func record(nanoseconds: UInt64) {
    var bucket = 0
    let bounds = LatencyHistogram.boundsNanoseconds
    while bucket < bounds.count && nanoseconds > bounds[bucket] { bucket += 1 }
    counts[bucket] += 1
    sumNanoseconds &+= nanoseconds
  }

  public mutating func add(_ other: LatencyHistogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    sumNanoseconds &+= other.sumNanoseconds
  }

  /// What came after an earlier copy of this histogram.
  public func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
    var later = self
    for index in counts.indices { later.counts[index] -= earlier.counts[index] }
    later.sumNanoseconds &-= earlier.sumNanoseconds
    return later
  }

  /// The bucket bound at or above the given share of all durations, in nanoseconds; nil while there are none or when it
  /// lies beyond the last bound.
  public func quantileBoundNanoseconds(_ share: Double) -> UInt64? {
    let wanted = UInt64((Double(count) * share).rounded(.up))
    guard wanted > 0 else { return nil }
    var seen: UInt64 = 0
    for (index, bound) in LatencyHistogram.boundsNanoseconds.enumerated() {
      seen += counts[index]
      if seen >= wanted { return bound }
    }
    return nil
  }
}
