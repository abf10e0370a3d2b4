/// Counts of durations with a fixed number of significant digits, whatever their size (Gil Tene's HdrHistogram).
///
/// Values fall into ranges that double; each range has as many equal buckets as the digits need, so a bucket is never
/// wider than the last digit. Recording is a shift and an addition. With three digits, nanoseconds, a smallest step of
/// 64 ns and a largest value of 60 s it holds 21,245 counts: 170 KB. Three digits hold from 131 µs on; below, the step is
/// 64 ns.
public struct HDRHistogram: Sendable {
  /// Steps below are not told apart: a clock call costs some 25 ns.
  static let stepBits = 6
  /// Above it, values count as this long, except in `max`.
  static let nanosecondsMax: UInt64 = 60_000_000_000

  /// log2 of the buckets of the first range: at least 2 × 10^digits.
  private let bucketBits: Int
  private var counts: [UInt64]
  public private(set) var count: UInt64 = 0
  public private(set) var maxNanoseconds: UInt64 = 0
  private var sumNanoseconds = 0.0

  public init(significantDigits: Int = 3) {
    precondition((1...3).contains(significantDigits))
    bucketBits = [5, 8, 11][significantDigits - 1]
    counts = []
  }

  /// No memory until the first value: most tiers and statuses never occur.
  private mutating func allocate() {
    counts = [UInt64](repeating: 0, count: place(of: HDRHistogram.nanosecondsMax) + 1)
  }

  public mutating func record(nanoseconds: UInt64) {
    if counts.isEmpty { allocate() }
    counts[place(of: min(nanoseconds, HDRHistogram.nanosecondsMax))] &+= 1
    count &+= 1
    sumNanoseconds += Double(nanoseconds)
    if nanoseconds > maxNanoseconds { maxNanoseconds = nanoseconds }
  }

  /// Adds the counts of a histogram of the same digits.
  public mutating func add(_ other: HDRHistogram) {
    precondition(bucketBits == other.bucketBits)
    guard other.count > 0 else { return }
    if counts.isEmpty { allocate() }
    for index in counts.indices { counts[index] &+= other.counts[index] }
    count &+= other.count
    sumNanoseconds += other.sumNanoseconds
    maxNanoseconds = max(maxNanoseconds, other.maxNanoseconds)
  }

  /// The smallest recorded value that at least this share of all values do not exceed, rounded up within its bucket; 0
  /// while there are none. O(buckets).
  public func nanoseconds(atQuantile quantile: Double) -> UInt64 {
    var found: UInt64 = 0
    walk([quantile]) { _, value in found = value }
    return found
  }

  public var meanNanoseconds: Double { count == 0 ? 0 : sumNanoseconds / Double(count) }

  /// Calls `body` with each of some ascending quantiles and its value, in one pass.
  func walk(_ quantiles: [Double], _ body: (Double, UInt64) -> Void) {
    guard count > 0 else { return }
    var seen: UInt64 = 0
    var place = -1
    for quantile in quantiles {
      let wanted = max(1, min(count, UInt64((quantile * Double(count)).rounded(.up))))
      while seen < wanted {
        place += 1
        seen &+= counts[place]
      }
      // The last bucket ends where the longest value is.
      body(quantile, min(highest(of: place), maxNanoseconds))
    }
  }

  /// The range a value falls into is the number of bits by which it exceeds the first; its place within is its leading
  /// bits. Ranges after the first fill only their upper half: the lower is the range before.
  private func place(of value: UInt64) -> Int {
    let half = 1 << (bucketBits - 1)
    let floor = UInt64((1 << (bucketBits + HDRHistogram.stepBits)) - 1)
    let range = 64 - (value | floor).leadingZeroBitCount - (bucketBits + HDRHistogram.stepBits)
    let within = Int(value >> UInt64(range + HDRHistogram.stepBits))
    return (range + 1) * half + within - half
  }

  private func highest(of place: Int) -> UInt64 {
    let half = 1 << (bucketBits - 1)
    let range = max(place / half - 1, 0)
    let within = range == 0 ? place : place % half + half
    let shift = UInt64(range + HDRHistogram.stepBits)
    return (UInt64(within) << shift) + (1 << shift) - 1
  }
}

extension HDRHistogram {
  public func summary(withCurve: Bool = false) -> LatencySummary {
    var summary = LatencySummary()
    summary.count = count
    summary.meanMicroseconds = HDRHistogram.microseconds(meanNanoseconds)
    var values: [Double] = []
    walk([0.5, 0.9, 0.99, 0.999, 0.9999]) { values.append(HDRHistogram.microseconds(Double($1))) }
    if !values.isEmpty {
      summary.p50Microseconds = values[0]
      summary.p90Microseconds = values[1]
      summary.p99Microseconds = values[2]
      summary.p999Microseconds = values[3]
      summary.p9999Microseconds = values[4]
    }
    summary.maxMicroseconds = HDRHistogram.microseconds(Double(maxNanoseconds))
    if withCurve { summary.curve = curve() }
    return summary
  }

  /// Eight points for each halving of what is left above, as long as a value is left above.
  private func curve() -> [CurvePoint] {
    var quantiles: [Double] = []
    var left = 1.0
    while count > 0 && left * Double(count) > 1 {
      for step in 0..<8 { quantiles.append(1 - left * (1 - Double(step) / 16)) }
      left /= 2
    }
    var points: [CurvePoint] = []
    walk(quantiles) { points.append(CurvePoint(quantile: $0, microseconds: HDRHistogram.microseconds(Double($1)))) }
    if count > 0 {
      points.append(CurvePoint(quantile: 1, microseconds: HDRHistogram.microseconds(Double(maxNanoseconds))))
    }
    return points
  }

  /// To a tenth: less is below the clock.
  static func microseconds(_ nanoseconds: Double) -> Double { (nanoseconds / 100).rounded() / 10 }
}
