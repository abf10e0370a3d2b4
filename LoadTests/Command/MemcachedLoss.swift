import ArgumentParser
import LoadGenerator
import LoadLab
import LoadReport

/// Options and servers of the scenarios in which memcached fails: without L1, so that every answer asks it first.
struct NodeLoss: ParsableArguments {
  @Option(help: "Requests a second.") var rate = 1_000.0
  @Option(help: "Seconds of each phase.") var seconds = 5.0
  @Option(help: "Workers of the gateway; 0 is one a core.") var workers = 0
  @Option(help: "Keep-alive connections of the load.") var connections = 32

  var described: [String: String] {
    ["rate": "\(rate)", "seconds": "\(seconds)", "workers": "\(workers)", "connections": "\(connections)"]
  }

  /// Pages and items that memcached holds before anything fails.
  static let keys = 100

  func gateway(_ lab: Lab, memcached address: String) throws -> GatewayProcess {
    let repository = try Catalogue(lab).repository()
    let gateway = try GatewayProcess(
      lab, repository: repository, memcached: [address], settings: ["cache.l1.bytes": 0], workers: workers
    ).waitUntilReady()
    for target in Catalogue.userTargets(Self.keys) + Catalogue.itemTargets(Self.keys) { try gateway.get(target) }
    return gateway
  }

  func plan(_ gateway: GatewayProcess) throws -> LoadPlan {
    var plan = LoadPlan(
      target: try LoadTarget("http://\(gateway.address)"), workload: .pages(users: Self.keys, items: Self.keys),
      ratePerSecond: rate, durationSeconds: 1)
    plan.connections = connections
    return plan
  }

  /// Waits until the gateway answers from memcached again; seconds.
  func waitForL2(_ gateway: GatewayProcess) throws -> Double {
    let began = monotonicSeconds()
    let before = try gateway.tiers()["l2", default: 0]
    let came = try waitUntil(within: 30, every: 0.02) { () throws(LabError) in
      try gateway.tiers()["l2", default: 0] > before
    }
    guard came else { throw LabError.trouble("no answer from l2 within 30 s:\n\(gateway.process.said())") }
    return monotonicSeconds() - began
  }
}

/// memcached dies under load and comes back empty.
struct MemcachedKill: ScenarioCommand {
  static let scenario = "memcached-kill"
  static let summary = "memcached is killed under load and started again, empty: every answer 200, l2 again by itself"

  @OptionGroup var common: ScenarioOptions
  @OptionGroup var loss: NodeLoss
  var described: [String: String] { loss.described }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let memcached = try MemcachedProcess(lab)
    let gateway = try loss.gateway(lab, memcached: memcached.address)
    var again = 0.0
    var timeline = Timeline()
    timeline.then("before", hold: loss.seconds)
    timeline.then("killed (SIGKILL)", hold: loss.seconds) { memcached.process.kill() }
    timeline.then("started again, empty", hold: loss.seconds) {
      try memcached.restart()
      again = try loss.waitForL2(gateway)
    }
    let (run, phases) = try timeline.run(try loss.plan(gateway), on: gateway)
    report.show(run, as: "memcached killed")
    report.show(phases, of: run)
    report.checkAllGood(run, as: "memcached killed")
    report.checkDeadline(run, as: "memcached killed")
    if phases.count > 2 {
      report.check(
        phases[0].share(of: "l2") > 0.9, "before: l2 answered only \(Format.percent(phases[0].share(of: "l2")))")
      report.check(phases[1].share(of: "l2") < 0.1, "l2 answered although memcached was dead")
    }
    report.note("l2AgainSeconds", .rounded(again))
    report.add(text: "l2 answered again \(Format.time(microseconds: again * 1e6)) after the restart")
  }
}

/// memcached hangs under load and goes on.
struct MemcachedStop: ScenarioCommand {
  static let scenario = "memcached-stop"
  static let summary = "memcached is stopped under load and goes on: every answer 200 and within the deadline"

  @OptionGroup var common: ScenarioOptions
  @OptionGroup var loss: NodeLoss
  var described: [String: String] { loss.described }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let memcached = try MemcachedProcess(lab)
    let gateway = try loss.gateway(lab, memcached: memcached.address)
    var again = 0.0
    var timeline = Timeline()
    timeline.then("before", hold: loss.seconds)
    timeline.then("stopped (SIGSTOP)", hold: loss.seconds) { memcached.process.send(.stop) }
    timeline.then("goes on (SIGCONT)", hold: loss.seconds) {
      memcached.process.send(.resume)
      again = try loss.waitForL2(gateway)
    }
    let (run, phases) = try timeline.run(try loss.plan(gateway), on: gateway)
    report.show(run, as: "memcached stopped")
    report.show(phases, of: run)
    report.checkAllGood(run, as: "memcached stopped")
    report.checkDeadline(run, as: "memcached stopped")
    if phases.count > 2 {
      report.check(
        phases[0].share(of: "l2") > 0.9, "before: l2 answered only \(Format.percent(phases[0].share(of: "l2")))")
      report.check(phases[1].share(of: "l2") < 0.1, "l2 answered although memcached had stopped")
    }
    report.note("l2AgainSeconds", .rounded(again))
    report.add(text: "l2 answered again \(Format.time(microseconds: again * 1e6)) after it went on")
  }
}
