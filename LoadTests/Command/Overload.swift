import ArgumentParser
import LoadGenerator
import LoadLab
import LoadReport

/// More computed answers than the gateway can make.
struct Overload: ScenarioCommand {
  static let scenario = "overload"
  static let summary = "computed answers to the knee and to 2 and 3 times that, without any cache: goodput stays"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "First rate of the sweep.") var from = 500.0
  @Option(help: "Each step offers this many times the rate before.") var factor = 1.3
  @Option(help: "Seconds of a step.") var step = 4.0
  @Option(help: "Seconds of an overload, and of the recovery after it.") var overload = 8.0
  @Option(help: "Least share of the peak goodput at 3 times the knee, in percent.") var keep = 90.0
  @Option(help: "An answer is good within this many milliseconds.") var within = 60.0
  @Option(help: "Workers of the gateway.") var workers = 1
  @Option(help: "Keep-alive connections of the load.") var connections = 128

  var described: [String: String] {
    [
      "from": "\(from)", "factor": "\(factor)", "step": "\(step)", "overload": "\(overload)", "keep": "\(keep)",
      "within": "\(within)", "workers": "\(workers)", "connections": "\(connections)",
    ]
  }

  func validate() throws {
    guard from > 0, factor > 1, step >= 1, overload >= 2, workers > 0 else {
      throw ValidationError("--factor must be above 1, --step at least 1 s, --overload at least 2 s")
    }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let cpus = workers == 1 ? [lab.machine.serverCPU] : []
    let gateway = try GatewayProcess(
      lab, repository: try Catalogue(lab).repository(),
      settings: ["cache.l1.bytes": 0, "placements.home.scope": "user"], workers: workers, cpus: cpus
    ).waitUntilReady()
    var list = RequestTemplate.List()
    list.results = 9
    var plan = LoadPlan(
      target: try LoadTarget("http://\(gateway.address)"),
      workload: Workload(name: "computed", requests: [RequestTemplate(name: "home", lists: [list])]),
      ratePerSecond: from,
      durationSeconds: step)
    plan.connections = connections
    plan.goodWithinMicroseconds = within * 1000
    var sweep = RateSweep(plan)
    (sweep.firstRate, sweep.factor, sweep.stepSeconds) = (from, factor, step)
    (sweep.overloadSeconds, sweep.recoverySeconds) = (overload, overload)
    // The knee of computed answers: beyond it more and more are answered with what is trending, which are good ones too.
    sweep.isServed = { Overload.computedShare($0) >= Overload.computedShareMin }
    let outcome = try sweep.run { plan in
      note("offering \(Format.count(plan.ratePerSecond)) a second")
      return try LoadRun(plan).run()
    }
    show(outcome, &report)
  }

  /// A step at which fewer than this share of the answers were computed is beyond the knee.
  private static let computedShareMin = 0.9

  private static func computedShare(_ run: RunResult) -> Double {
    let all = run.tiers.values.reduce(0) { $0 + $1.count }
    return all > 0 ? Double(run.tiers["computed"]?.count ?? 0) / Double(all) : 0
  }

  private func show(_ outcome: RateSweep.Outcome, _ report: inout ScenarioReport) {
    var table = TextTable(["offered/s", "good/s", "computed", "p50", "p99", "p99.9", "errors", ""], words: [7])
    for step in outcome.steps {
      add(
        step.ratePerSecond, step.result.counts.goodPerSecond, step.result, step.holds ? "holds" : "does not hold",
        &table)
      report.keep(step.result, as: "offered \(Format.count(step.ratePerSecond))")
    }
    for overload in outcome.overloads {
      let recovery = overload.recoverySeconds.map { "recovered in \(Format.digits($0)) s" } ?? "did not recover"
      add(
        overload.ratePerSecond, overload.goodPerSecond, overload.result,
        "\(Format.digits(overload.multiple)) × the knee, \(recovery)", &table)
      report.keep(overload.result, as: "\(Format.digits(overload.multiple)) × the knee")
      report.check(
        overload.recoverySeconds != nil,
        "after \(Format.digits(overload.multiple)) × the knee goodput did not come back")
    }
    report.add(heading: "Steps to the knee, then beyond it")
    report.add(table)
    report.add(
      .sweep(
        "Goodput and latency against the offered rate", outcome.steps.map(\.result),
        kneePerSecond: outcome.kneePerSecond))
    guard let knee = outcome.kneePerSecond, let kept = outcome.goodShareKept, let last = outcome.overloads.last else {
      return report.fail("no knee: not even \(Format.count(from)) a second held")
    }
    report.note("kneePerSecond", .rounded(knee, places: 0))
    report.note("peakGoodPerSecond", .rounded(outcome.peakGoodPerSecond, places: 0))
    report.note("goodShareKept", .rounded(kept))
    report.add(
      text: "knee \(Format.count(knee)) a second; at \(Format.digits(last.multiple)) × the knee goodput is "
        + "\(Format.percent(kept)) of its peak")
    report.check(
      kept * 100 >= keep,
      "at \(Format.digits(last.multiple)) × the knee goodput is \(Format.percent(kept)) of its peak, below "
        + "\(Format.digits(keep)) %")
    for overload in outcome.overloads {
      report.add(.overTime("\(Format.digits(overload.multiple)) × the knee, then half of it", overload.result))
      report.add(.outcomes("tier", overload.result.tiers))
      if overload.result.statuses.count > 1 { report.add(.outcomes("status", overload.result.statuses)) }
    }
  }

  private func add(_ rate: Double, _ good: Double, _ run: RunResult, _ note: String, _ table: inout TextTable) {
    table.add([
      Format.count(rate), Format.count(good), Format.percent(Overload.computedShare(run)),
      Format.time(microseconds: run.response.p50Microseconds),
      Format.time(microseconds: run.response.p99Microseconds), Format.time(microseconds: run.response.p999Microseconds),
      Format.count(Double(run.counts.errors)), note,
    ])
  }
}
