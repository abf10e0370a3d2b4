import ArgumentParser
import FoundationEssentials
import LoadGenerator
import LoadLab
import LoadReport

/// The whole system as separate processes on one machine: a trainer that serves its repository, two gateways that pull
/// from it over HTTP, and a memcached that they share. Clicks become versions while both gateways answer.
struct Fleet: ScenarioCommand {
  static let scenario = "fleet"
  static let summary = "trainer, repository over HTTP, two gateways, one memcached: versions come under load"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Requests a second to the first gateway.") var rate = 1_000.0
  @Option(help: "Versions that are trained and published under load.") var versions = 10
  @Option(help: "Clicks between two versions.") var clicks = 200
  @Option(help: "Seconds between two versions.") var every = 2.0

  var described: [String: String] {
    ["rate": "\(rate)", "versions": "\(versions)", "clicks": "\(clicks)", "every": "\(every)"]
  }

  func validate() throws {
    guard versions > 0, clicks > 0, rate > 0, every >= 0 else {
      throw ValidationError("--versions, --clicks and --rate must be above 0")
    }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let catalogue = try Catalogue(lab)
    let folders = [try lab.subfolder("gateway-1-data"), try lab.subfolder("gateway-2-data")]
    let trainer = try TrainerProcess(lab, catalogue, events: folders)
    note("training version 1")
    try trainer.wait(for: 1, within: 120)
    let memcached = try MemcachedProcess(lab)
    let gateways = try folders.enumerated().map { number, folder in
      try GatewayProcess(
        lab, "gateway-\(number + 1)", repository: trainer.url, memcached: [memcached.address],
        settings: ["identity.keyFile": .text(trainer.identityKeyFile), "snapshots.pollInterval": "500ms"],
        dataFolder: folder
      ).waitUntilReady(within: 60)
    }
    try publish(trainer, gateways, &report)
  }

  private func publish(_ trainer: TrainerProcess, _ gateways: [GatewayProcess], _ report: inout ScenarioReport) throws {
    let watches = gateways.map { Watch(port: $0.port, targets: Catalogue.userTargets(40), perSecond: 200) }
    var table = TextTable(["version", "trained and published", "serves on both after"])
    var taken: [Double] = []
    var timeline = Timeline()
    timeline.then("before", hold: every)
    for version in 2..<(2 + versions) {
      timeline.then("version \(version)", hold: every) {
        try click(gateways, seed: version)
        let asked = monotonicSeconds()
        try trainer.train()
        try trainer.wait(for: version, within: 120)
        let published = monotonicSeconds()
        for gateway in gateways { try wait(for: version, on: gateway) }
        let served = monotonicSeconds()
        taken.append((served - published) * 1000)
        table.add([
          "\(version)", Format.time(microseconds: (published - asked) * 1e6),
          Format.time(microseconds: (served - published) * 1e6),
        ])
      }
    }
    var plan = LoadPlan(
      target: try LoadTarget("http://\(gateways[0].address)"), workload: .pages(), ratePerSecond: rate,
      durationSeconds: 1)
    plan.connections = 32
    let (run, phases) = try timeline.run(plan, on: gateways[0])
    report.add(heading: "\(versions) versions, learnt from clicks, published and pulled under load")
    report.show(run, as: "fleet")
    report.show(phases, of: run)
    report.checkAllGood(run, as: "fleet")
    for mark in run.marks { if let error = mark.error { report.fail("\(mark.name): \(error)") } }
    for (number, watch) in watches.enumerated() {
      let seen = watch.stop()
      report.check(
        seen.wrong == 0,
        "gateway \(number + 1): \(seen.wrong) of \(seen.asked) answers were wrong: \(seen.complaints.first ?? "")")
    }
    report.add(table)
    guard let spread = Spread(taken) else { return report.fail("no version came") }
    report.note("publishedToServingMilliseconds", Figure(encoding: spread))
    report.check(taken.count == versions, "only \(taken.count) of \(versions) versions came")
    let last = try gateways.map { try $0.servingVersion() }
    report.check(last.allSatisfy { $0 == versions + 1 }, "the gateways serve \(last) at the end")
  }

  /// Tells both gateways of clicks, and waits until they lie in their event segments, which are written once a second.
  private func click(_ gateways: [GatewayProcess], seed: Int) throws {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15
    func number(below limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    for start in stride(from: 0, to: clicks, by: 10) {
      let events = (start..<min(clicks, start + 10)).map { place in
        let user = String(1000 + number(below: 300)).dropFirst(), item = String(1000 + number(below: 300)).dropFirst()
        return #"{"eventId":"\#(seed)-\#(place)","eventType":"click","userId":"u0\#(user)","itemId":"b0\#(item)"}"#
      }
      let gateway = gateways[start / 10 % gateways.count]
      let body = #"{"events":[\#(events.joined(separator: ","))]}"#
      let answer = HTTPAnswer.ask("POST", port: gateway.port, "/v1/events", body: body)
      guard answer?.status == 202 else {
        throw LabError.trouble("clicks were answered \(answer?.status ?? 0): \(answer?.body ?? "")")
      }
    }
    pause(seconds: 1.5)
  }

  private func wait(for version: Int, on gateway: GatewayProcess) throws {
    let came = try waitUntil(within: 60) { () throws(LabError) in try gateway.servingVersion() == version }
    guard came else {
      throw LabError.trouble("version \(version) does not serve after 60 s:\n\(gateway.process.said())")
    }
  }
}
