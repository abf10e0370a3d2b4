import ArgumentParser
import LoadGenerator
import LoadLab
import LoadReport

/// The gateway is replaced under load by another process on the same ports.
struct Restart: ScenarioCommand {
  static let scenario = "restart"
  static let summary = "hot restarts under load: the next process takes the sockets over, nobody is refused"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Requests a second.") var rate = 2_000.0
  @Option(help: "Seconds between two restarts.") var every = 4.0
  @Option(help: "Restarts.") var restarts = 3
  @Option(help: "Workers of the gateway; 0 is one a core.") var workers = 0
  @Option(help: "Keep-alive connections of the load.") var connections = 64
  @Flag(
    help: "SIGTERM and a new process instead of a take-over: shows what a cold restart costs; refusals are expected.")
  var cold = false

  var described: [String: String] {
    [
      "rate": "\(rate)", "every": "\(every)", "restarts": "\(restarts)", "workers": "\(workers)",
      "connections": "\(connections)", "cold": "\(cold)",
    ]
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    if !cold, try !lab.run("help", [lab.needletail, "serve", "--help"], within: 10).contains("--take-over") {
      throw LabError.missing("\(lab.needletail) knows no --take-over; --cold restarts without")
    }
    let memcached = try MemcachedProcess(lab)
    let gateway = try GatewayProcess(
      lab, repository: try Catalogue(lab).repository(), memcached: [memcached.address], workers: workers
    ).waitUntilReady()
    var plan = LoadPlan(
      target: try LoadTarget("http://\(gateway.address)"), workload: .pages(), ratePerSecond: rate, durationSeconds: 1)
    plan.connections = connections
    // A connection may end between two answers, and who asks a GET again loses nothing (RFC 9112 §9.3.1).
    plan.retriesLostGets = true
    // A new connection for each question: what a balancer does that finds a node restarting.
    let watch = Watch(
      port: gateway.port, targets: Catalogue.userTargets(100), perSecond: 300, connections: 1, keepsAlive: false)
    var taken: [Double] = []
    var timeline = Timeline()
    timeline.then("before", hold: every)
    for number in 1...restarts {
      timeline.then("restart \(number)", hold: every) {
        let began = monotonicSeconds()
        try cold ? replaceCold(gateway) : takeOver(gateway)
        taken.append(monotonicSeconds() - began)
      }
    }
    let (run, phases) = try timeline.run(plan, on: gateway)
    let watched = watch.stop()
    report.show(run, as: cold ? "cold restarts" : "hot restarts")
    report.show(phases, of: run)
    report.add(
      text: "\(watched.wrong) of \(Format.count(Double(watched.asked))) new connections had no answer; the load made "
        + "\(run.counts.connects) connections, \(run.counts.connectFailures) failed, and asked \(run.counts.retries) times again"
    )
    if let spread = Spread(taken) {
      report.add(
        text: "a restart took \(Format.time(microseconds: spread.median * 1e6)) until the old process was gone")
      report.note("restartSeconds", Figure(encoding: spread))
    }
    report.note("refused", .number(Double(watched.wrong)))
    report.note("newConnections", .number(Double(watched.asked)))
    guard !cold else { return }
    report.checkAllGood(run, as: "hot restarts")
    report.check(run.counts.connectFailures == 0, "\(run.counts.connectFailures) connections of the load were refused")
    report.check(
      watched.wrong == 0,
      "\(watched.wrong) of \(watched.asked) new connections had no good answer: \(watched.complaints.first ?? "")")
  }

  private func takeOver(_ gateway: GatewayProcess) throws {
    let old = try gateway.startAnother("--take-over")
    guard old.waitForEnd(within: 30) else {
      throw LabError.trouble(
        "the old process is still there after 30 s:\n\(old.said())\nthe new one:\n\(gateway.process.said())")
    }
    guard old.exitCode == 0 else {
      throw LabError.trouble("the old process ended with \(old.exitCode!):\n\(old.said())")
    }
    try gateway.waitUntilReady()
  }

  private func replaceCold(_ gateway: GatewayProcess) throws {
    gateway.process.send(.terminate)
    guard gateway.process.waitForEnd(within: 30) else {
      throw LabError.trouble("SIGTERM did not end it within 30 s:\n\(gateway.process.said())")
    }
    try gateway.startAnother()
    try gateway.waitUntilReady()
  }
}
