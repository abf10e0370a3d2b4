/// How a challenger is tried beside the champion, and what ends the trial.
public struct CanarySettings: Sendable, Equatable {
  /// Shares of the users, ascending, above 0 and at most 1; at 1 the challenger is the champion.
  public var steps: [Double]
  public var salt: String
  public var stepMillisecondsMin: Int
  /// Of the challenger, a step.
  public var impressionsMin: Int
  /// Of all guardrails together: how likely one is ever to trip for an equal challenger.
  public var falseAlarm: Double
  /// Share of the champion's click-through rate.
  public var ctrLossMax: Double
  public var latencyRatioMax, fallbackRatioMax, errorRatioMax: Double
  public var lookIntervalMilliseconds: Int
  public var promotes, movesAliases: Bool

  init(_ read: SettingsReader) {
    steps = read.list("canary.steps").map { Double($0)! / 100 }
    salt = read.text("canary.salt")
    stepMillisecondsMin = read.milliseconds("canary.stepDurationMin")
    impressionsMin = read.whole("canary.minImpressions")
    falseAlarm = Double(read.text("canary.falseAlarm"))!
    ctrLossMax = Double(read.text("canary.ctrLossMax"))!
    latencyRatioMax = Double(read.text("canary.latencyRatioMax"))!
    fallbackRatioMax = Double(read.text("canary.fallbackRatioMax"))!
    errorRatioMax = Double(read.text("canary.errorRatioMax"))!
    lookIntervalMilliseconds = read.milliseconds("canary.lookInterval")
    promotes = read.flag("canary.promotes")
    movesAliases = read.flag("canary.movesAliases")
  }

  func check(_ read: SettingsReader) throws(ConfigurationError) {
    guard let first = steps.first, first < 1, zip(steps, steps.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw ConfigurationError(
        read.origin("canary.steps"),
        "canary.steps: \(read.list("canary.steps").joined(separator: ", ")) must begin below 100 and ascend")
    }
  }
}

extension ConfigKey {
  static let canaryKeys: [ConfigKey] = [
    .init(
      path: "canary.steps", form: .list(.number(0.01...100)), fallback: "1,10,50,100",
      effect: "Percent of the users who see the challenger, step by step, ascending; at 100 it becomes the champion."),
    .init(
      path: "canary.salt", form: .text, fallback: "canary",
      effect: "Hashed with a user to find the side; the same on all nodes of a fleet."),
    .init(
      path: "canary.stepDurationMin", form: .duration(.zero...(.seconds(30 * 86_400))), fallback: "30m",
      effect: "A step lasts at least this long; a day or more lets each see all hours."),
    .init(
      path: "canary.minImpressions", form: .whole(0...1_000_000_000), fallback: "10000",
      effect:
        "A step lasts until this node has heard of as many items shown by the challenger; 0 promotes without clicks."),
    .init(
      path: "canary.falseAlarm", form: .number(0.0001...0.5), fallback: "0.05",
      effect:
        "Probability that the guardrails ever stop a challenger that is as good, however often they are looked at."),
    .init(
      path: "canary.ctrLossMax", form: .number(0...0.9), fallback: "0.02",
      effect:
        "Share of the champion's click-through rate that may be lost; the challenger is stopped when it is proven to lose more."
    ),
    .init(
      path: "canary.latencyRatioMax", form: .number(1...100), fallback: "2",
      effect: "Times the champion's p99, or 5 ms if that is more, that the challenger's p99 may be."),
    .init(
      path: "canary.fallbackRatioMax", form: .number(1...100), fallback: "1.5",
      effect: "Times the champion's share of fallbacks, and 1 % of all answers beside, that the challenger's may be."),
    .init(
      path: "canary.errorRatioMax", form: .number(1...100), fallback: "1.5",
      effect: "Times the champion's share of 5xx, and 0.5 % of all requests beside, that the challenger's may be."),
    .init(
      path: "canary.lookInterval", form: .duration(.milliseconds(20)...(.seconds(3600))), fallback: "5s",
      effect: "How often the workers' counts are collected and judged while a challenger is tried."),
    .init(
      path: "canary.promotes", form: .flag, fallback: "true",
      effect:
        "Whether this node makes the challenger its champion after the last step; otherwise it waits for an alias or :promote."
    ),
    .init(
      path: "canary.movesAliases", form: .flag, fallback: "false",
      effect:
        "Whether this node's verdict moves the aliases in the repository, and so decides for the whole fleet; for one node only."
    ),
  ]
}
