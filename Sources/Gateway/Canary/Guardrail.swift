import Configuration
import Telemetry

/// What a challenger must not be worse in.
enum Guardrail: String, Sendable, Codable, CaseIterable {
  case clicks, latency, fallbacks, errors

  /// Its part of `canary.falseAlarm`; together 1. Half of it for what challengers differ in.
  var falseAlarmShare: Double { self == .clicks ? 0.5 : 0.5 / 3 }

  /// Not proven worse than is allowed: above zero is good.
  var test: AlwaysValidTest {
    switch self {
    // In shares of the champion's rate: a model that is a tenth worse is what a canary is for.
    case .clicks: AlwaysValidTest(effectScale: 0.1)
    // In shares of all requests.
    case .latency, .fallbacks: AlwaysValidTest(effectScale: 0.05)
    case .errors: AlwaysValidTest(effectScale: 0.02)
    }
  }
}

/// One comparison of the two sides in one step: an estimate of how much better than just allowed the challenger is.
struct Comparison: Sendable, Equatable {
  var difference: Double
  var variance: Double

  /// Clicks, impressions or requests that a rate must have been expected to give before its estimate is anything like
  /// normal. It is below that threshold that nothing is said, not above.
  static let clicksExpectedMin = 25.0
  static let otherExpectedMin = 10.0
  static let requestsMin: UInt64 = 1_000
  /// Below this nobody at a page waits, and a challenger's caches are colder by nature.
  static let latencyFloorNanoseconds: UInt64 = 5_000_000
  static let slowShare = 0.01
  /// Of all answers, what may be lost whatever the champion loses.
  static let fallbackSlack = 0.01
  static let errorSlack = 0.005

  /// Nil while the step has too little to say anything.
  init?(_ guardrail: Guardrail, _ champion: SideFigures, _ challenger: SideFigures, _ settings: CanarySettings) {
    switch guardrail {
    case .clicks: self.init(clicks: champion, challenger, lossMax: settings.ctrLossMax)
    case .latency: self.init(latency: champion, challenger, ratioMax: settings.latencyRatioMax)
    case .fallbacks:
      self.init(
        champion.fallbacks, of: champion.answers, challenger.fallbacks, of: challenger.answers,
        ratioMax: settings.fallbackRatioMax, slack: Comparison.fallbackSlack)
    case .errors:
      self.init(
        champion.errors, of: champion.requests, challenger.errors, of: challenger.requests,
        ratioMax: settings.errorRatioMax, slack: Comparison.errorSlack)
    }
  }

  /// challenger ÷ champion − (1 − loss), in shares of the champion's rate.
  private init?(clicks champion: SideFigures, _ challenger: SideFigures, lossMax: Double) {
    guard let old = champion.clickThrough, let new = challenger.clickThrough, old > 0 else { return nil }
    let allowed = (1 - lossMax) * old
    // Of both: what is expected, not what came, because a challenger that nobody clicks must not go unseen.
    let shown = min(Double(challenger.responses.impressionCount), Double(champion.responses.impressionCount))
    guard shown * allowed >= Comparison.clicksExpectedMin else { return nil }
    difference = (new - allowed) / old
    let variance =
      challenger.responses.rateVariance(rateFloor: allowed)
      + (1 - lossMax) * (1 - lossMax) * champion.responses.rateVariance(rateFloor: 0)
    self.variance = variance / (old * old)
  }

  /// "The challenger's p99 is above the ratio times the champion's" is the same as "more than 1 % of the challenger's
  /// answers are slower than that", which is a share and can be tested as one.
  private init?(latency champion: SideFigures, _ challenger: SideFigures, ratioMax: Double) {
    guard champion.answers >= Comparison.requestsMin, challenger.answers >= Comparison.requestsMin,
      let usual = champion.quantileNanoseconds(1 - Comparison.slowShare)
    else { return nil }
    let allowed = max(UInt64(Double(usual) * ratioMax), Comparison.latencyFloorNanoseconds)
    let bounds = LatencyHistogram.boundsNanoseconds
    let bound = bounds.first { $0 >= allowed } ?? bounds.last!
    let slow = challenger.shareSlower(thanNanoseconds: bound)
    difference = Comparison.slowShare - slow
    let least = max(slow, Comparison.slowShare)
    variance = least * (1 - least) / Double(challenger.answers)
  }

  /// ratio × champion's share + slack − challenger's share.
  private init?(
    _ championCount: UInt64, of championAll: UInt64, _ challengerCount: UInt64, of challengerAll: UInt64,
    ratioMax: Double, slack: Double
  ) {
    guard championAll >= Comparison.requestsMin, challengerAll >= Comparison.requestsMin else { return nil }
    let (old, new) = (Double(championCount) / Double(championAll), Double(challengerCount) / Double(challengerAll))
    let allowed = min(1, ratioMax * old + slack)
    guard allowed * Double(challengerAll) >= Comparison.otherExpectedMin else { return nil }
    difference = allowed - new
    let least = max(new, allowed)
    variance =
      max(least * (1 - least), 1e-6) / Double(challengerAll)
      + ratioMax * ratioMax * old * (1 - old) / Double(championAll)
  }
}
