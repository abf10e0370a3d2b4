import Bytes
import Configuration
import Model
import Publishing

// What operators see of a canary, and may do to it.
extension Admin {
  /// `"canary"` of a model: null while no challenger is tried.
  func canary(of model: String) -> JSONText {
    guard let run = control.canaries.runs[model] else { return .null }
    let (canary, settings, now) = (run.canary, control.settings.canary, unixSeconds())
    let readings = canary.readings(run.champion, run.challenger, settings)
    return .object([
      "share": .fraction(canary.share(settings)), "step": .number(canary.step + 1),
      "steps": .list(settings.steps.map { .fraction($0) }),
      "stepSeconds": .number(Int(now) - Int(canary.stepBeganSeconds)),
      "seconds": .number(Int(now) - Int(canary.beganSeconds)),
      "awaits": canary.awaits(run.challenger, settings, now: now).map { .text($0) } ?? .null,
      "champion": describe(canary.champion, run.champion), "challenger": describe(canary.challenger, run.challenger),
      "guardrails": .list(readings.map { describe($0, settings.falseAlarm) }),
    ])
  }

  /// A version's figures: of the present step, and what it has shown since the process began.
  private func describe(_ identity: ModelIdentity, _ side: SideFigures) -> JSONText {
    let counts = control.canaries.counts[identity]
    func microseconds(_ share: Double) -> JSONText {
      side.quantileNanoseconds(share).map { .fraction(Double($0) / 1000) } ?? .null
    }
    return .object([
      "version": .number(identity.version), "digest": .text(identity.digest.description),
      "requests": .number(Int(clamping: side.requests)), "fallbacks": .number(Int(clamping: side.fallbacks)),
      "errors": .number(Int(clamping: side.errors)), "p50Microseconds": microseconds(0.5),
      "p99Microseconds": microseconds(0.99), "impressions": .number(Int(clamping: side.responses.impressionCount)),
      "clicks": .number(Int(clamping: side.responses.clickCount)),
      "clickThrough": side.clickThrough.map { .fraction($0) } ?? .null,
      "itemsShown": counts.map { .number($0.shown.estimate) } ?? .null,
      "coverage": coverage(identity, counts).map { .fraction($0) } ?? .null,
    ])
  }

  /// Share of the version's items that people have been shown.
  private func coverage(_ identity: ModelIdentity, _ counts: VersionCounts?) -> Double? {
    guard let counts, let items = control.loaded[identity]?.model.itemCount, items > 0 else { return nil }
    return min(1, Double(counts.shown.estimate) / Double(items))
  }

  private func describe(_ reading: Canary.Reading, _ falseAlarm: Double) -> JSONText {
    let interval = reading.guardrail.test.interval(
      reading.seen, falseAlarm: falseAlarm * reading.guardrail.falseAlarmShare)
    return .object([
      "guardrail": .text(reading.guardrail.rawValue),
      // How much better than just allowed, with all that the steps have shown; of clicks in shares of the champion's rate.
      "margin": reading.seen.estimate.map { .fraction($0) } ?? .null,
      "marginLow": interval.map { .fraction($0.low) } ?? .null,
      "marginHigh": interval.map { .fraction($0.high) } ?? .null,
      "logEvidence": .fraction(reading.logEvidence), "logThreshold": .fraction(reading.logThreshold),
    ])
  }

  // MARK: Calls.

  /// Does it; says why not.
  func actOnCanary(of model: String, _ action: String, _ request: AdminRequest) -> AdminAnswer? {
    let none = AdminAnswer.problem(
      409, "No challenger of \"\(model)\" is tried on this node: give a version that is published the alias challenger."
    )
    switch action {
    case "promote":
      return control.promoteChallenger(model, by: "an operator said so") ? nil : none
    case "abort":
      return control.abortCanary(model) ? nil : none
    default:
      guard let version = Admin.wantedVersion(request) else { return .problem(400, Admin.versionNeeded) }
      guard control.readmit(model, version) else {
        return .problem(409, "Version \(version) of \"\(model)\" is not rejected on this node.")
      }
      return nil
    }
  }
}
