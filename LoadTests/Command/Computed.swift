import ArgumentParser
import FoundationEssentials
import LoadGenerator
import LoadLab
import LoadReport

/// Where the time of a computed answer goes when the catalogue is large, by the gateway's own histograms.
struct Computed: ScenarioCommand {
  static let scenario = "computed"
  static let summary = "answers computed over a large catalogue, both caches off: what each stage takes"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Items of the catalogue.") var items = 1_000_000
  @Option(help: "Users with vectors and history.") var users = TasteCatalogue.standardUsers
  @Option(help: "Numbers in a vector.") var dimensions = 128
  @Option(
    help: "Requests a second for users' lists: below half of what a worker can take, so that few wait for another."
  ) var rate =
    2_000.0
  @Option(help: "Seconds of one run.") var seconds = 8.0
  @Option(help: "Runs of each kind of request, in turn.") var rounds = 3
  @Option(help: "Keep-alive connections of the load.") var connections = 16
  @Option(help: "Folder that keeps the catalogue and its snapshot; else var of this checkout.") var cache: String?
  @Flag(help: "Serve the snapshot of the last run with this catalogue, if there is one, and build none.")
  var reuse = false

  /// The goal for a user's list: the median of the whole, at a million items. Similar items ask the search for 500, and
  /// filters are as dear as they are rare.
  static let medianMicrosecondsMax = 250.0

  var described: [String: String] {
    [
      "items": "\(items)", "users": "\(users)", "dimensions": "\(dimensions)", "rate": "\(rate)",
      "seconds": "\(seconds)", "rounds": "\(rounds)", "connections": "\(connections)", "reuse": "\(reuse)",
    ]
  }

  func validate() throws {
    guard items >= 1_000, users >= 100, (2...1024).contains(dimensions), rate > 0, seconds > 0, rounds > 0 else {
      throw ValidationError(
        "--items is at least 1000, --users 100, --dimensions 2 to 1024; --rate, --seconds and --rounds are above 0")
    }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let catalogue = try TasteCatalogue(items: items, users: users, dimensions: dimensions, folder: cache)
    if !catalogue.isMade { note("making a catalogue of \(items) items in \(catalogue.folder)") }
    try catalogue.make()
    let gateway = try GatewayProcess(
      lab, repository: try repository(lab, catalogue, &report),
      settings: BenchServers.noL1.adding(BenchServers.personal), cpus: [lab.machine.serverCPU]
    ).waitUntilReady(within: 300)
    let kinds = RequestKind.all(items: items, users: users)
    for kind in kinds { _ = try measure(kind, gateway, seconds: 2, seed: 0) }
    var taken: [String: [StageFigures]] = [:]
    for round in 1...rounds {
      note("round \(round) of \(rounds)")
      for kind in kinds {
        let (run, figures) = try measure(kind, gateway, seconds: seconds, seed: UInt64(round))
        report.checkAllGood(run, as: "\(kind.name) \(round)")
        report.keep(run, as: "\(kind.name) \(round)")
        checkComputed(run, kind, &report)
        taken[kind.name, default: []].append(figures)
      }
    }
    for kind in kinds { show(kind, taken[kind.name]!, &report) }
  }

  /// A repository with the catalogue's snapshot, as a publisher makes it.
  private func repository(
    _ lab: Lab, _ catalogue: TasteCatalogue, _ report: inout ScenarioReport
  ) throws -> String {
    let (kept, builds) = try catalogue.repository(lab, reuse: reuse, note: note)
    for build in builds {
      report.note("snapshotBuildSeconds", .rounded(build.seconds, places: 1))
      report.add(
        heading: "The snapshot", text: "needletail snapshot build took \(Format.digits(build.seconds)) s and says:")
      for line in build.said.split(separator: "\n") where !line.contains(" % ") { report.add(text: String(line)) }
    }
    return kept
  }

  private func measure(
    _ kind: RequestKind, _ gateway: GatewayProcess, seconds: Double, seed: UInt64
  ) throws -> (RunResult, StageFigures) {
    var plan = LoadPlan(
      target: try LoadTarget("http://\(gateway.address)"), workload: kind.workload,
      ratePerSecond: rate * kind.rateShare,
      durationSeconds: seconds)
    plan.connections = connections
    plan.seed = seed
    let before = try gateway.metrics()
    let run = try LoadRun(plan).run()
    return (run, try StageFigures(before: before, after: gateway.metrics()))
  }

  private func checkComputed(_ run: RunResult, _ kind: RequestKind, _ report: inout ScenarioReport) {
    let share = Double(run.tiers["computed"]?.count ?? 0) / Double(max(1, run.counts.completed))
    report.check(share > 0.99, "\(kind.name): only \(Format.percent(share)) of the answers were computed")
  }

  private func show(_ kind: RequestKind, _ runs: [StageFigures], _ report: inout ScenarioReport) {
    var table = TextTable(["stage", "median", "spread, µs", "mean", "p99"])
    var figures: [String: Figure] = [:]
    for stage in StageFigures.stages {
      let medians = Spread(runs.map { $0[stage].quantileMicroseconds(0.5) ?? 0 })!
      let means = Spread(runs.map { $0[stage].meanMicroseconds })!
      let tails = Spread(runs.map { $0[stage].quantileMicroseconds(0.99) ?? 0 })!
      table.add([
        stage, Format.time(microseconds: medians.median), medians.range(places: 0),
        Format.time(microseconds: means.median), Format.time(microseconds: tails.median),
      ])
      figures[stage] = [
        "medianMicroseconds": Figure(encoding: medians), "meanMicroseconds": Figure(encoding: means),
        "p99Microseconds": Figure(encoding: tails),
      ]
    }
    report.note(kind.name, Figure(encoding: figures))
    report.add(
      heading: kind.title,
      text:
        "By the gateway's compute_stage_duration_seconds; medians of \(rounds) runs of \(Format.digits(seconds)) s at "
        + "\(Format.count(rate * kind.rateShare)) requests a second. Quantiles are read from buckets, as if each were filled evenly; means "
        + "are exact.")
    report.add(table)
    let whole = Spread(runs.map { $0[StageFigures.whole].quantileMicroseconds(0.5) ?? .infinity })!
    guard items <= 1_000_000, kind.name == "user" else { return }
    report.check(
      whole.median <= Self.medianMicrosecondsMax || !report.isValid,
      "\(kind.name): the median of a computed list is \(Format.time(microseconds: whole.median)), above "
        + Format.time(microseconds: Self.medianMicrosecondsMax))
  }
}
