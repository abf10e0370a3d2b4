import Configuration
import Glibc
import Publishing

/// A challenger's trial on this node: which share of the users sees it, and when that grows or ends. Decides and does
/// nothing: no clock, no disk, no counters of its own.
///
///     1 % ─► 10 % ─► 50 % ─► 100 %: promoted        each step: long enough, impressions enough, no guardrail tripped
///      └──────┴───────┴────► a guardrail trips: rejected
///
/// Each step is compared within itself and its evidence added to that of the steps before: users who change sides with
/// a step, and rates that change with the hour, cannot pass for a difference between the models.
struct Canary: Sendable, Equatable {
  enum Action: Sendable, Equatable {
    /// Give the challenger the share of `step` from now on, and count from here.
    case advance
    case promote
    case reject(Breach)
  }

  /// Why the trial ended.
  struct Breach: Sendable, Equatable {
    let guardrail: Guardrail
    /// With the figures.
    let sentence: String
  }

  /// What a guardrail knows now.
  struct Reading: Sendable, Equatable {
    let guardrail: Guardrail
    let seen: Evidence
    /// ln E and the value at which it trips.
    let logEvidence: Double
    let logThreshold: Double

    var isTripped: Bool { logEvidence >= logThreshold }
  }

  let champion: ModelIdentity
  let challenger: ModelIdentity
  private(set) var step: Int
  private(set) var stepBeganSeconds: UInt32
  let beganSeconds: UInt32
  /// Of finished steps.
  private(set) var evidence: [Guardrail: Evidence]

  init(champion: ModelIdentity, challenger: ModelIdentity, now: UInt32) {
    (self.champion, self.challenger) = (champion, challenger)
    (step, stepBeganSeconds, beganSeconds, evidence) = (0, now, now, [:])
  }

  /// One that a process before this one had begun. What that counted of its last step is lost, which is no more than a
  /// later beginning of it; its share goes on.
  init(
    champion: ModelIdentity, challenger: ModelIdentity, step: Int, stepBeganSeconds: UInt32, beganSeconds: UInt32,
    evidence: [Guardrail: Evidence]
  ) {
    (self.champion, self.challenger) = (champion, challenger)
    (self.step, self.stepBeganSeconds, self.beganSeconds) = (step, stepBeganSeconds, beganSeconds)
    self.evidence = evidence
  }

  /// Of the users, below 1: who sees everything is no challenger any more.
  func share(_ settings: CanarySettings) -> Double {
    let partial = settings.steps.filter { $0 < 1 }
    return partial.isEmpty ? 0 : partial[min(step, partial.count - 1)]
  }

  /// What the guardrails say, given both sides' figures of the present step.
  func readings(_ championSide: SideFigures, _ challengerSide: SideFigures, _ settings: CanarySettings) -> [Reading] {
    Guardrail.allCases.map { guardrail in
      var seen = evidence[guardrail] ?? .none
      if let comparison = Comparison(guardrail, championSide, challengerSide, settings) {
        seen.add(difference: comparison.difference, variance: comparison.variance)
      }
      return Reading(
        guardrail: guardrail, seen: seen, logEvidence: guardrail.test.logEvidence(seen),
        logThreshold: -log(settings.falseAlarm * guardrail.falseAlarmShare))
    }
  }

  /// Looks at the figures of the present step. Nil: it goes on.
  mutating func look(
    _ championSide: SideFigures, _ challengerSide: SideFigures, _ settings: CanarySettings, now: UInt32
  ) -> Action? {
    let readings = readings(championSide, challengerSide, settings)
    if let tripped = readings.first(where: \.isTripped) {
      let sentence = explain(tripped, championSide, challengerSide, settings, now: now)
      return .reject(Breach(guardrail: tripped.guardrail, sentence: sentence))
    }
    guard awaits(challengerSide, settings, now: now) == nil else { return nil }
    let next = step + 1
    if next >= settings.steps.count || settings.steps[next] >= 1 {
      return settings.promotes && settings.steps.last! >= 1 ? .promote : nil
    }
    for reading in readings { evidence[reading.guardrail] = reading.seen }
    step = next
    stepBeganSeconds = now
    return .advance
  }

  /// What the step still lacks, as a sentence; nil when it may end.
  func awaits(_ challengerSide: SideFigures, _ settings: CanarySettings, now: UInt32) -> String? {
    let lasted = Int(now) - Int(stepBeganSeconds)
    let wanted = (settings.stepMillisecondsMin + 999) / 1000
    if lasted < wanted { return "the step lasts another \(wanted - lasted) s" }
    let shown = Int(clamping: challengerSide.responses.impressionCount)
    guard shown < settings.impressionsMin else { return nil }
    return "\(settings.impressionsMin - shown) more impressions of the challenger"
  }

  /// What stopped a challenger, with the figures that did.
  private func explain(
    _ reading: Reading, _ old: SideFigures, _ new: SideFigures, _ settings: CanarySettings, now: UInt32
  ) -> String {
    let finding =
      switch reading.guardrail {
      case .clicks:
        "its click-through rate is \(percent(new.clickThrough ?? 0)), the champion's \(percent(old.clickThrough ?? 0)), "
          + "of \(new.responses.impressionCount) and \(old.responses.impressionCount) impressions"
      case .latency:
        "its p99 is \((new.quantileNanoseconds(0.99) ?? 0) / 1000) µs, the champion's "
          + "\((old.quantileNanoseconds(0.99) ?? 0) / 1000) µs, of \(new.answers) and \(old.answers) answers"
      case .fallbacks:
        "\(new.fallbacks) of its \(new.answers) answers are fallbacks, of the champion's \(old.fallbacks) of \(old.answers)"
      case .errors:
        "\(new.errors) of its \(new.requests) requests got 5xx, of the champion's \(old.errors) of \(old.requests)"
      }
    return
      "guardrail \(reading.guardrail.rawValue): \(finding), in step \(step + 1) at \(percent(share(settings))) of the "
      + "users, \(Int(now) - Int(beganSeconds)) s after the canary began; what is allowed is exceeded with a false-alarm "
      + "rate below \(settings.falseAlarm * reading.guardrail.falseAlarmShare)"
  }
}

/// `0.0123` as `1.23 %`.
func percent(_ share: Double) -> String {
  let hundredths = Int((share * 10_000).rounded())
  let rest = hundredths % 100
  return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) %"
}
