import ArgumentParser
import LoadGenerator
import LoadLab
import LoadReport

/// Thousands of connections that never finish what they began, beside normal traffic.
struct Slowloris: ScenarioCommand {
  static let scenario = "slowloris"
  static let summary =
    "thousands of slow connections beside normal traffic: they are ended in time, and nobody else notices"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Slow connections, in four manners in turn.") var slow = 2_000
  @Option(help: "Requests a second of normal traffic.") var rate = 2_000.0
  @Option(help: "Seconds without and with slow connections; longer than --limit.") var seconds = 8.0
  @Option(help: "Whole seconds that the gateway gives a head, an idle connection and unsent output.") var limit = 3
  @Option(help: "Workers of the gateway; 0 is one a core.") var workers = 0
  @Option(help: "Keep-alive connections of the normal traffic.") var connections = 64

  var described: [String: String] {
    [
      "slow": "\(slow)", "rate": "\(rate)", "seconds": "\(seconds)", "limit": "\(limit)", "workers": "\(workers)",
      "connections": "\(connections)",
    ]
  }

  func validate() throws {
    guard slow > 0, limit > 0, seconds > Double(limit) + 1 else {
      throw ValidationError("--seconds must be above --limit + 1, so that the slow ones meet it")
    }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let gateway = try GatewayProcess(
      lab, repository: try Catalogue(lab).repository(),
      settings: [
        "http.headTimeout": .text("\(limit)s"), "http.idleTimeout": .text("\(limit)s"),
        "http.writeTimeout": .text("\(limit)s"),
      ], workers: workers
    ).waitUntilReady()
    var plan = LoadPlan(
      target: try LoadTarget("http://\(gateway.address)"), workload: .pages(), ratePerSecond: rate, durationSeconds: 1)
    plan.connections = connections
    let pid = gateway.process.pid
    var slowClients: SlowClients?
    var summary = SlowClients.Summary()
    var standing = 0, memory: [Int] = [], descriptors: [Int] = []
    func look() {
      memory.append(ProcessTable.residentBytes(pid) ?? 0)
      descriptors.append(ProcessTable.openDescriptors(pid) ?? 0)
    }
    var timeline = Timeline()
    timeline.then("before", hold: seconds)
    timeline.then("slow connections come", hold: seconds) {
      look()
      slowClients = SlowClients(port: gateway.port, count: slow)
    }
    timeline.then("they go", hold: 2) {
      standing = slowClients?.standing ?? 0
      look()
      summary = slowClients?.stop() ?? summary
    }
    timeline.then("after", hold: seconds / 2) { look() }
    let (run, phases) = try timeline.run(plan, on: gateway)
    report.show(run, as: "normal traffic")
    report.show(phases, of: run)
    report.checkAllGood(run, as: "normal traffic")
    judge(summary, standing, &report)
    report.check(
      descriptors.count < 3 || descriptors[2] <= descriptors[0] + 16,
      "descriptors of the gateway: \(descriptors) before, during and after; they should be as before")
    report.add(
      text: "gateway before, during and after: \(memory.map { "\($0 >> 20) MiB" }.joined(separator: ", ")); "
        + "\(descriptors.map(String.init).joined(separator: ", ")) descriptors")
    report.note("residentBytes", .list(memory.map { .number(Double($0)) }))
    report.note("descriptors", .list(descriptors.map { .number(Double($0)) }))
  }

  private func judge(_ summary: SlowClients.Summary, _ standing: Int, _ report: inout ScenarioReport) {
    report.note("slow", Figure(encoding: summary))
    let statuses = summary.statuses.sorted { $0.key < $1.key }.map { "\($0.key) × \($0.value)" }.joined(separator: ", ")
    report.add(
      text:
        "slow connections: \(summary.opened) opened, \(standing) stood at the end, \(summary.closedByServer) ended by the "
        + "gateway after \(Format.digits(summary.longestSeconds)) s at most, \(summary.refused) refused; answers: "
        + (statuses.isEmpty ? "none" : statuses))
    report.check(standing > slow / 2, "only \(standing) of \(slow) slow connections stood: there was no attack")
    report.check(summary.closedByServer > 0, "the gateway ended not one slow connection")
    // The wheel's tick, the load's own delay and a slow start of thousands.
    report.check(
      summary.longestSeconds < Double(limit) * 2 + 2,
      "a slow connection stood for \(Format.digits(summary.longestSeconds)) s; the limit is \(limit) s")
    let others = summary.statuses.keys.filter { !["408", "200"].contains($0) }
    report.check(others.isEmpty, "slow connections were answered \(others.sorted()), not 408")
  }
}
