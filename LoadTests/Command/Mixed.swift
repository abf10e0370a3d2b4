import ArgumentParser
import LoadGenerator
import LoadLab
import LoadReport

/// Hits beside computed misses: what a miss does to those who hit.
struct Mixed: ScenarioCommand {
  static let scenario = "mixed"
  static let summary = "the tail of L1 hits while a tenth of the requests are computed, beside the same hits alone"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Requests a second of the hits; the misses come on top.") var rate = 2_000.0
  @Option(help: "Share of all requests that nobody has asked for before, in percent.") var misses = 10.0
  @Option(help: "Seconds of one run.") var seconds = 10.0
  @Option(help: "Pairs of runs, one with misses and one without.") var pairs = 3
  @Option(help: "Keep-alive connections of the load.") var connections = 32
  @Option(help: "Minutes of mixed load, watching memory, after that; 0 leaves it out.") var soak = 0.0

  var described: [String: String] {
    [
      "rate": "\(rate)", "misses": "\(misses)", "seconds": "\(seconds)", "pairs": "\(pairs)",
      "connections": "\(connections)", "soak": "\(soak)",
    ]
  }

  func validate() throws {
    guard rate > 0, seconds > 0, pairs > 0, (0.1...90).contains(misses), soak >= 0 else {
      throw ValidationError("--rate, --seconds and --pairs must be above 0, --misses between 0.1 and 90")
    }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    // One worker on a processor of its own where there is one: hits and misses share its loop.
    let gateway = try GatewayProcess(
      lab, repository: try Catalogue(lab).repository(),
      settings: ["placements.home.fresh": "1h", "placements.detail.fresh": "1h"], cpus: [lab.machine.serverCPU]
    ).waitUntilReady()
    try pairs(gateway, &report)
    if soak > 0 { try soak(gateway, &report) }
  }

  private func pairs(_ gateway: GatewayProcess, _ report: inout ScenarioReport) throws {
    var runs: [(name: String, result: RunResult)] = []
    for pair in 1...pairs {
      for mixed in [false, true] {
        let name = "\(mixed ? "mixed" : "hits alone") \(pair)"
        note(name)
        let run = try LoadRun(plan(gateway, mixed: mixed, seconds: seconds, seed: UInt64(pair))).run()
        report.checkAllGood(run, as: name)
        report.keep(run, as: name)
        runs.append((name, run))
      }
    }
    show(runs, &report)
  }

  private func show(_ runs: [(name: String, result: RunResult)], _ report: inout ScenarioReport) {
    report.add(heading: "Hits alone and beside \(Format.digits(misses)) % computed answers")
    report.add(.runs(runs))
    let hits = [false, true].map { mixed in
      runs.filter { $0.name.hasPrefix("mixed") == mixed }.compactMap { $0.result.tiers["l1"]?.response }
    }
    let tails = hits.map { Spread($0.map(\.p999Microseconds)) }
    guard let alone = tails[0], let mixed = tails[1], alone.median > 0 else {
      return report.fail("L1 did not answer: no tail to compare")
    }
    let ratio = mixed.median / alone.median
    report.note("l1P999Ratio", .rounded(ratio))
    report.note("l1P999AloneMicroseconds", Figure(encoding: alone))
    report.note("l1P999MixedMicroseconds", Figure(encoding: mixed))
    let computed = runs.filter { $0.name.hasPrefix("mixed") }.map { run in
      Double(run.result.tiers["computed"]?.count ?? 0) / Double(max(1, run.result.counts.completed))
    }
    let share = Spread(computed)!.median
    report.note("computedShare", .rounded(share))
    report.add(
      text: "p99.9 of L1 hits: \(Format.time(microseconds: mixed.median)) beside misses, "
        + "\(Format.time(microseconds: alone.median)) alone, \(Format.fixed(ratio, places: 2)) × (medians of \(pairs) pairs; "
        + "\(Format.percent(share)) computed)")
    report.check(
      share > misses / 200, "only \(Format.percent(share)) of the answers were computed: the misses were none")
    report.check(
      ratio <= 1.5 || !report.isValid,
      "p99.9 of L1 hits is \(Format.fixed(ratio, places: 2)) × that of hits alone, above 1.5")
    report.add(
      .percentiles(
        "Latency by share of requests",
        [("hits alone", runs[0].result.response), ("all, mixed", runs[1].result.response)]),
      caption: "The first pair.")
    report.add(.outcomes("tier", runs[1].result.tiers))
  }

  /// Resident memory, each half a minute: caches fill first, then nothing may grow.
  private func soak(_ gateway: GatewayProcess, _ report: inout ScenarioReport) throws {
    let length = soak * 60
    var memory: [Chart.Point] = []
    let actions = stride(from: 0, through: length - 1, by: max(1, length / 20)).map { second in
      ScheduledAction(atSeconds: second, "") {
        memory.append(.init(second, Double(ProcessTable.residentBytes(gateway.process.pid) ?? 0) / 1_048_576))
      }
    }
    note("soak of \(Format.digits(soak)) minutes")
    var run = try LoadRun(plan(gateway, mixed: true, seconds: length, seed: 99)).run(actions: actions)
    run.marks = []
    report.add(heading: "Soak", text: "\(Format.digits(soak)) minutes of the same mix.")
    report.show(run, as: "soak")
    report.checkAllGood(run, as: "soak")
    let top = memory.map(\.y).max() ?? 0
    report.add(
      Chart(
        "Resident memory", description: "at most \(Format.digits(top)) MiB", x: .linear("seconds", from: 0, to: length),
        panels: [.init(.linear("MiB", upTo: top), [.init("resident", memory, colour: 0)])]))
    // The first fifth fills caches.
    let settled = memory.dropFirst(memory.count / 5).map(\.y)
    guard let first = settled.first, let last = settled.last else { return }
    report.note("residentMiB", .list(memory.map { .rounded($0.y, places: 1) }))
    report.add(
      text: "resident memory \(Format.digits(first)) MiB when caches had filled, \(Format.digits(last)) MiB at the end")
    report.check(last <= first * 1.1 + 4, "memory grew from \(Format.digits(first)) to \(Format.digits(last)) MiB")
  }

  private func plan(_ gateway: GatewayProcess, mixed: Bool, seconds: Double, seed: UInt64) throws -> LoadPlan {
    var home = RequestTemplate.List()
    home.results = 9
    var missed = home
    missed.placement = "detail"
    missed.subject = .item
    var hit = RequestTemplate(name: "hits", lists: [home])
    hit.weight = 100 - misses
    // A filter that nobody used before is a key that no cache has; each costs a search and its ranking.
    var miss = RequestTemplate(name: "misses", lists: [missed])
    miss.weight = misses
    miss.query = "filter=-category:none{n}-\(seed)\(mixed ? "m" : "")"
    var work = Workload(name: mixed ? "mixed" : "hits", requests: mixed ? [hit, miss] : [hit])
    work.users.count = 1_000
    var plan = LoadPlan(
      target: try LoadTarget("http://\(gateway.address)"), workload: work,
      ratePerSecond: mixed ? rate * 100 / (100 - misses) : rate, durationSeconds: seconds)
    plan.connections = connections
    plan.seed = seed
    plan.warmUpSeconds = 2
    return plan
  }
}
