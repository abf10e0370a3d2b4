import Model
import Publishing
import Telemetry

/// What a swap did to the answers: the tail in the seconds before it, in those around it and in those after. Decides
/// what is said of it; control samples the workers once a second and tells it.
///
/// Tails are bucket bounds of the latency histogram, so they say "at most".
struct SwapWatch {
  /// Seconds that count as before, as the swap itself, and as after: together what lies between two swaps that follow
  /// each other in the shortest interval anybody tries (5 s).
  static let beforeSamples = 5
  static let duringSamples = 1
  static let afterSamples = 3

  /// One second of all workers.
  struct Sample {
    var latency = LatencyHistogram()
    /// The longest that an event waited for one of the loops.
    var longestTurnNanoseconds: UInt64 = 0

    mutating func add(_ other: Sample) {
      latency.add(other.latency)
      longestTurnNanoseconds = max(longestTurnNanoseconds, other.longestTurnNanoseconds)
    }
  }

  struct Report: Equatable {
    let version: ModelIdentity
    let before: ModelIdentity?
    /// From the message to the last worker that switched.
    var switchedMicroseconds = 0
    /// The longest that one worker's loop stood still to switch.
    var longestPauseMicroseconds = 0
    var p99BeforeMicroseconds: Int?
    var p99DuringMicroseconds: Int?
    var p99AfterMicroseconds: Int?
    var longestTurnMicroseconds = 0
  }

  private var past: [Sample] = []
  private var current: (report: Report, before: Sample, samples: [Sample])?

  /// A swap begins; one that was being watched is over, and told with what there is.
  mutating func began(_ version: ModelIdentity, after before: ModelIdentity?) -> Report? {
    defer {
      let quiet = past.reduce(into: Sample()) { $0.add($1) }
      current = (Report(version: version, before: before), quiet, [])
    }
    return finish()
  }

  /// Every worker has switched.
  mutating func switched(microseconds: Int, longestPauseMicroseconds: Int) {
    current?.report.switchedMicroseconds = microseconds
    current?.report.longestPauseMicroseconds = longestPauseMicroseconds
  }

  /// A second has gone by. Returns the report of a swap that has settled.
  mutating func sampled(_ sample: Sample) -> Report? {
    past.append(sample)
    if past.count > SwapWatch.beforeSamples { past.removeFirst() }
    guard current != nil else { return nil }
    current!.samples.append(sample)
    return current!.samples.count == SwapWatch.duringSamples + SwapWatch.afterSamples ? finish() : nil
  }

  private mutating func finish() -> Report? {
    guard let (report, before, samples) = current else { return nil }
    current = nil
    var settled = report
    let during = samples.prefix(SwapWatch.duringSamples).reduce(into: Sample()) { $0.add($1) }
    let after = samples.dropFirst(SwapWatch.duringSamples).reduce(into: Sample()) { $0.add($1) }
    settled.p99BeforeMicroseconds = SwapWatch.p99(before)
    settled.p99DuringMicroseconds = SwapWatch.p99(during)
    settled.p99AfterMicroseconds = SwapWatch.p99(after)
    settled.longestTurnMicroseconds = Int(during.longestTurnNanoseconds / 1000)
    return settled
  }

  /// Nil without answers, or beyond the last bound.
  private static func p99(_ sample: Sample) -> Int? {
    sample.latency.quantileBoundNanoseconds(0.99).map { Int($0 / 1000) }
  }
}
