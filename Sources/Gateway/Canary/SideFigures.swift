import Telemetry

/// What one side of a canary did in one step, from all workers.
struct SideFigures: Sendable, Equatable {
  var answers: UInt64 = 0
  var fallbacks: UInt64 = 0
  var errors: UInt64 = 0
  /// By the buckets of `LatencyHistogram`.
  var durations = [UInt64](repeating: 0, count: LatencyHistogram.boundsNanoseconds.count + 1)
  var responses = ResponseCounts()

  init() {}

  /// What has been counted since `earlier`, and of events those about answers of this step.
  init(_ counts: VersionCounts, since earlier: VersionCounts, step: Int) {
    func difference(_ value: KeyPath<VersionCounts, UInt64>) -> UInt64 {
      counts[keyPath: value] - min(counts[keyPath: value], earlier[keyPath: value])
    }
    (answers, fallbacks, errors) = (difference(\.answers), difference(\.fallbacks), difference(\.errors))
    for bucket in durations.indices {
      let (now, then) = (counts.durations.counts[bucket], earlier.durations.counts[bucket])
      durations[bucket] = now - min(now, then)
    }
    let place = step % CanaryArm.stepsToldApart
    responses = counts.responses[place].since(earlier.responses[place])
  }

  var requests: UInt64 { answers + errors }

  /// Clicks an item shown; nil before any was.
  var clickThrough: Double? {
    let shown = responses.impressionCount
    return shown > 0 ? Double(responses.clickCount) / Double(shown) : nil
  }

  /// The bucket bound at or above a share of all durations; nil while there are none. Beyond the last bound it is that.
  func quantileNanoseconds(_ share: Double) -> UInt64? {
    let all = durations.reduce(0, +)
    guard all > 0 else { return nil }
    let wanted = UInt64((Double(all) * share).rounded(.up))
    var seen: UInt64 = 0
    for (bucket, bound) in LatencyHistogram.boundsNanoseconds.enumerated() {
      seen += durations[bucket]
      if seen >= wanted { return bound }
    }
    return LatencyHistogram.boundsNanoseconds.last
  }

  /// Share of the answers that took longer than a bucket bound.
  func shareSlower(thanNanoseconds bound: UInt64) -> Double {
    let all = durations.reduce(0, +)
    guard all > 0 else { return 0 }
    let within = zip(LatencyHistogram.boundsNanoseconds, durations).reduce(UInt64(0)) {
      $0 + ($1.0 <= bound ? $1.1 : 0)
    }
    return Double(all - within) / Double(all)
  }
}

extension ResponseCounts {
  /// The variance of clicks ÷ impressions as an estimate of the rate: from how much the groups differ (linearised ratio,
  /// Cochran, Sampling Techniques, 1977, §6), and never less than what independent draws at `rateFloor` or the rate
  /// itself would have, which is what few users in few groups cannot tell.
  func rateVariance(rateFloor: Double) -> Double {
    let shown = Double(impressionCount)
    guard shown > 0 else { return .infinity }
    let rate = Double(clickCount) / shown
    var squares = 0.0
    var groups = 0.0
    for group in impressions.indices where impressions[group] > 0 {
      let residual = Double(clicks[group]) - rate * Double(impressions[group])
      squares += residual * residual
      groups += 1
    }
    let between = groups > 1 ? squares / (shown * shown) * groups / (groups - 1) : 0
    let least = max(rate, rateFloor)
    return max(between, max(0, least * (1 - least)) / shown)
  }
}
