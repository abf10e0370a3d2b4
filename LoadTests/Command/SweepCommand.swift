import ArgumentParser
import LoadGenerator
import LoadReport

struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Raise the rate to the knee, then offer two and three times that, and see goodput and recovery.",
    discussion: """
      A step holds when 95 % of what is offered is answered well and --slo is met. After each overload half of the knee is
      offered; recovery is the time until goodput follows again.

      needletail-load sweep --from 1000 --step 5s --slo 'p99=5ms,within=50ms'
      """)

  @OptionGroup var options: LoadOptions
  @Option(help: "First rate.") var from = 500.0
  @Option(help: "Each step offers this many times the rate before.") var factor = 1.4
  @Option(help: "Length of a step.") var step = "5s"
  @Option(help: "Multiples of the knee, with commas.") var overload = "2,3"
  @Option(help: "Length of an overload.") var overloadFor = "10s"
  @Option(help: "How long recovery is watched.") var recovery = "10s"
  @Option(help: "Least share of the peak goodput that the last overload must keep, in percent; exit code 1 below.")
  var keep: Double?

  func run() throws {
    try reporting {
      var sweep = RateSweep(try options.plan(ratePerSecond: from, durationSeconds: 1))
      sweep.firstRate = from
      sweep.factor = factor
      sweep.stepSeconds = try Duration.seconds("--step", step)
      sweep.overloads = try overload.split(separator: ",").map { part in
        guard let multiple = Double(part), multiple > 1 else {
          throw LoadError("--overload: \"\(part)\" is no multiple above 1")
        }
        return multiple
      }
      sweep.overloadSeconds = try Duration.seconds("--overload-for", overloadFor)
      sweep.recoverySeconds = try Duration.seconds("--recovery", recovery)
      let outcome = try sweep.run { plan in
        if !options.quiet { printError("offering \(Figures.rate(plan.ratePerSecond))") }
        let result = try perform(plan, quiet: true)
        try append(result, to: options.out)
        return result
      }
      print(SweepTable(outcome, keepPercent: keep).text)
      try options.writeReport("sweep", SweepCommand.configuration.abstract) { describe(outcome, in: &$0) }
      // A step beyond the knee misses the SLO by design; only the overloads' verdict and the generator's own count.
      if outcome.results.contains(where: { !$0.validity.isValid }) { throw Ending.invalid }
      if outcome.kneePerSecond == nil { throw Ending.sloMissed }
      if let keep, (outcome.goodShareKept ?? 0) * 100 < keep { throw Ending.sloMissed }
    }
  }
}

extension SweepCommand {
  private func describe(_ outcome: RateSweep.Outcome, in report: inout ScenarioReport) {
    report.add(
      .sweep(
        "Goodput and latency against the offered rate", outcome.steps.map(\.result),
        kneePerSecond: outcome.kneePerSecond))
    report.add(.runs(outcome.steps.map { (Figures.rate($0.ratePerSecond), $0.result) }))
    for overload in outcome.overloads {
      let recovery = overload.recoverySeconds.map { "recovered in \(Figures.duration($0 * 1e6))" } ?? "did not recover"
      report.add(
        heading: "\(overload.multiple) × the knee, then half of it",
        text: "\(Figures.rate(overload.goodPerSecond)) good answers under overload; \(recovery).")
      report.show(overload.result, as: "\(overload.multiple) × knee")
    }
  }
}

struct SweepTable {
  private let outcome: RateSweep.Outcome
  private let keepPercent: Double?

  init(_ outcome: RateSweep.Outcome, keepPercent: Double?) {
    self.outcome = outcome
    self.keepPercent = keepPercent
  }

  var text: String {
    var rows = [["offered", "good", "p50", "p99", "p99.9", "errors", "lag p99", ""]]
    for step in outcome.steps {
      rows.append(
        row(step.ratePerSecond, step.result.counts.goodPerSecond, step.result, step.holds ? "holds" : "does not hold"))
    }
    for overload in outcome.overloads {
      let recovery = overload.recoverySeconds.map { "recovered in \(Figures.duration($0 * 1e6))" } ?? "did not recover"
      rows.append(
        row(overload.ratePerSecond, overload.goodPerSecond, overload.result, "\(overload.multiple) × knee, \(recovery)")
      )
    }
    var lines = aligned(rows)
    lines.append("")
    guard let knee = outcome.kneePerSecond else {
      return (lines + ["no knee: not even the first rate held"]).joined(separator: "\n")
    }
    lines.append("knee \(Figures.rate(knee)), peak goodput \(Figures.rate(outcome.peakGoodPerSecond))")
    if let kept = outcome.goodShareKept {
      let verdict = keepPercent.map { kept * 100 < $0 ? " (MISSED: at least \($0)% was wanted)" : "" } ?? ""
      lines.append(
        "at \(outcome.overloads.last!.multiple) × the knee goodput is \(Figures.percent(kept)) of its peak\(verdict)")
    }
    for result in outcome.results {
      for reason in result.validity.reasons {
        lines.append("INVALID at \(Figures.rate(result.settings.ratePerSecond ?? 0)): \(reason)")
      }
    }
    return lines.joined(separator: "\n")
  }

  private func row(_ rate: Double, _ good: Double, _ result: RunResult, _ note: String) -> [String] {
    [
      Figures.rate(rate), Figures.rate(good), Figures.duration(result.response.p50Microseconds),
      Figures.duration(result.response.p99Microseconds), Figures.duration(result.response.p999Microseconds),
      Figures.count(result.counts.errors), Figures.duration(result.validity.lag.p99Microseconds), note,
    ]
  }
}
