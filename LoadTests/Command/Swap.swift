import ArgumentParser
import FoundationEssentials
import LoadGenerator
import LoadLab
import LoadReport
import Synchronization

/// Snapshots are trained, published, served and rolled back under load; then two alternate, beside runs without.
struct Swap: ScenarioCommand {
  static let scenario = "swap"
  static let summary = "new snapshots and rollbacks under load: every answer 200, and the tail as without"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Requests a second.") var rate = 4_000.0
  @Option(help: "Seconds between two changes.") var every = 5.0
  @Option(help: "Changes of one run of alternation.") var changes = 4
  @Option(help: "Pairs of runs, one with alternating snapshots and one without.") var pairs = 3
  @Option(help: "Versions trained and published under load.") var versions = 2
  @Option(help: "Workers of the gateway; 0 is one a core.") var workers = 0
  @Option(help: "Keep-alive connections of the load.") var connections = 64
  @Option(help: "Items of two large snapshots that alternate; 0 is the small catalogue, trained under load.")
  var items = 0
  @Flag(help: "Take the large snapshots that an earlier run left in var/.") var reuse = false

  var described: [String: String] {
    [
      "rate": "\(rate)", "every": "\(every)", "changes": "\(changes)", "pairs": "\(pairs)", "versions": "\(versions)",
      "workers": "\(workers)", "connections": "\(connections)",
      "items": "\(items)",
    ]
  }

  func validate() throws {
    guard versions > 0, pairs >= 0, changes > 0, every > 0 else {
      throw ValidationError("--versions, --changes and --every must be above 0")
    }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    if items > 0 { return try large(lab, &report) }
    let catalogue = try Catalogue(lab)
    let repository = try catalogue.repository()
    let memcached = try MemcachedProcess(lab)
    let gateway = try gateway(lab, repository, memcached)
    let plan = try plan(gateway, .pages())
    try publishing(catalogue, repository, gateway, plan, &report)
    try alternating(gateway, plan, &report)
  }

  /// Two snapshots of a large catalogue, both resident, and nothing else.
  private func large(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let catalogue = try TasteCatalogue(items: items, users: TasteCatalogue.standardUsers, dimensions: 128)
    if !catalogue.isMade { note("making a catalogue of \(items) items in \(catalogue.folder)") }
    try catalogue.make()
    let repository = try catalogue.repository(lab, versions: 2, reuse: reuse, note: note).path
    let memcached = try MemcachedProcess(lab)
    let gateway = try gateway(lab, repository, memcached)
    // Version 1 was never loaded here: it is pulled, and version 2 stays for the way back.
    try gateway.admin("POST", "/admin/v1/models/\(Catalogue.model):pin", body: #"{"version":1}"#)
    _ = try wait(for: 1, on: gateway)
    var work = Workload.pages()
    (work.users.prefix, work.users.digits, work.users.first) = ("", 1, 0)
    (work.items.prefix, work.items.digits, work.items.first) = ("", 1, 0)
    try rollingBack(gateway, &report)
    try alternating(gateway, plan(gateway, work), &report)
  }

  private func gateway(_ lab: Lab, _ repository: String, _ memcached: MemcachedProcess) throws -> GatewayProcess {
    try GatewayProcess(
      lab, repository: repository, memcached: [memcached.address], workers: workers
    ).waitUntilReady(within: 120)
  }

  private func plan(_ gateway: GatewayProcess, _ workload: Workload) throws -> LoadPlan {
    var plan = LoadPlan(
      target: try LoadTarget("http://\(gateway.address)"), workload: workload, ratePerSecond: rate, durationSeconds: 1)
    plan.connections = connections
    return plan
  }

  /// Versions 2, 3, … come under load, then the one before serves again.
  private func publishing(
    _ catalogue: Catalogue, _ repository: String, _ gateway: GatewayProcess, _ plan: LoadPlan,
    _ report: inout ScenarioReport
  ) throws {
    let seen = VersionsSeen()
    let watch = Watch(port: gateway.port, targets: Catalogue.userTargets(40)) { connection, _, answer in
      seen.note(answer, on: connection)
    }
    var taken: [(key: String, what: String, seconds: Double)] = []
    var timeline = Timeline()
    timeline.then("before", hold: every)
    for version in 2..<(2 + versions) {
      timeline.then("train and publish version \(version)", hold: 0) {
        try catalogue.trainNext(into: repository, seed: version)
      }
      timeline.then("until version \(version) serves", hold: every) {
        taken.append(
          (
            "publishedToServing\(version)Seconds", "version \(version), from published to serving",
            try wait(for: version, on: gateway)
          ))
      }
    }
    timeline.then("roll back", hold: every) {
      try gateway.admin("POST", "/admin/v1/models/\(Catalogue.model):rollback")
      taken.append(("rollbackSeconds", "rollback, from asked to serving", try wait(for: versions, on: gateway)))
    }
    let (run, phases) = try timeline.run(plan, on: gateway)
    let watched = watch.stop()
    report.add(heading: "Trained, published and rolled back under load")
    report.show(run, as: "publishing")
    report.show(phases, of: run)
    report.checkAllGood(run, as: "publishing")
    report.check(
      watched.wrong == 0, "the watching client saw \(watched.wrong) wrong answers: \(watched.complaints.first ?? "")")
    let expected = Array(1...(versions + 1)) + [versions]
    for (connection, found) in seen.sequences where found != expected {
      report.fail("connection \(connection) saw the versions \(found), not \(expected)")
    }
    for (key, what, seconds) in taken {
      report.note(key, .rounded(seconds, places: 4))
      report.add(text: "\(what): \(Format.time(microseconds: seconds * 1e6))")
    }
  }

  /// The same load with and without changes, in turn, so that a machine that drifts drifts for both.
  private func alternating(_ gateway: GatewayProcess, _ plan: LoadPlan, _ report: inout ScenarioReport) throws {
    guard pairs > 0 else { return }
    // A first stretch fills caches and buffers, those of both versions: what it adds to the memory is no drift, and a
    // version that comes back has served before.
    var first = plan
    first.durationSeconds = every * 3
    _ = try LoadRun(first).run(actions: rollbacks(2, on: gateway))
    let before = ProcessTable.residentBytes(gateway.process.pid) ?? 0
    var runs: [(name: String, result: RunResult)] = []
    for pair in 1...pairs {
      for swaps in [false, true] {
        let name = "\(swaps ? "alternating" : "quiet") \(pair)"
        note(name)
        var plan = plan
        plan.durationSeconds = every * Double(changes + 1)
        plan.seed = UInt64(pair)
        let run = try LoadRun(plan).run(actions: swaps ? rollbacks(changes, on: gateway) : [])
        report.checkAllGood(run, as: name)
        report.keep(run, as: name)
        runs.append((name, run))
      }
    }
    report.add(heading: "Two snapshots alternate every \(Format.digits(every)) s, beside the same load without")
    report.add(.runs(runs))
    let tails = [false, true].map { swaps in
      Spread(runs.filter { $0.name.hasPrefix("quiet") != swaps }.map(\.result.response.p999Microseconds))!
    }
    let ratio = tails[1].median / max(1, tails[0].median)
    report.note("p999Ratio", .rounded(ratio))
    report.add(
      text: "p99.9 with swaps \(Format.time(microseconds: tails[1].median)), without "
        + "\(Format.time(microseconds: tails[0].median)): \(Format.fixed(ratio, places: 2)) × (medians of \(pairs) pairs)"
    )
    let after = ProcessTable.residentBytes(gateway.process.pid) ?? 0
    report.note("residentBytesBefore", .number(Double(before)))
    report.note("residentBytesAfter", .number(Double(after)))
    report.add(text: "resident memory \(before >> 20) MiB at the beginning, \(after >> 20) MiB at the end")
    report.add(
      .percentiles(
        "Latency with and without swaps",
        [
          ("without", runs[0].result.response), ("alternating", runs[1].result.response),
        ]), caption: "The first pair.")
    if let last = runs.last { report.add(.overTime("Alternating, second by second", last.result)) }
  }

  private func rollbacks(_ count: Int, on gateway: GatewayProcess) -> [ScheduledAction] {
    (1...count).map { number in
      ScheduledAction(atSeconds: every * Double(number), "roll back") {
        try gateway.admin("POST", "/admin/v1/models/\(Catalogue.model):rollback")
      }
    }
  }

  /// Seconds until a version serves.
  private func wait(for version: Int, on gateway: GatewayProcess) throws -> Double {
    let began = monotonicSeconds()
    let came = try waitUntil(within: items > 0 ? 300 : 30) { () throws(LabError) in
      try gateway.servingVersion() == version
    }
    guard came else {
      throw LabError.trouble("version \(version) does not serve in time:\n\(gateway.process.said())")
    }
    return monotonicSeconds() - began
  }
}

/// The versions that each connection saw, in order: a worker switches between two requests, so an older one never
/// comes back.
private final class VersionsSeen: Sendable {
  private let seen = Mutex<[Int: [Int]]>([:])

  var sequences: [(connection: Int, versions: [Int])] {
    seen.withLock { $0.map { ($0.key, $0.value) } }.sorted { $0.0 < $1.0 }
  }

  /// Notes a change; says what is wrong with the answer.
  func note(_ answer: HTTPAnswer, on connection: Int) -> String? {
    struct Body: Decodable {
      struct Model: Decodable { let version: Int }
      let model: Model?
    }
    guard let body = try? JSONDecoder().decode(Body.self, from: Data(answer.body.utf8)),
      let version = body.model?.version
    else { return "the body names no model: \(answer.body.prefix(100))" }
    seen.withLock { if $0[connection]?.last != version { $0[connection, default: []].append(version) } }
    return nil
  }
}
