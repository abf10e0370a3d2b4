import ArgumentParser
import LoadLab
import LoadReport

/// The ways in which connections come to workers, beside each other.
struct Accept: ScenarioCommand {
  static let scenario = "accept"
  static let summary = "http.accept: what each value costs, and how evenly it spreads connections over workers"
  private static let strategies = ["reuseport", "shared", "handover"]

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Rounds; every row is measured once in each.") var rounds = 5
  @Option(help: "Seconds of one measurement.") var seconds = 2
  @Option(help: "Workers of each gateway.") var workers = 2
  @Option(parsing: .upToNextOption, help: "Kept-alive connections.") var connections = [4, 8, 1_000]

  var described: [String: String] {
    [
      "rounds": "\(rounds)", "seconds": "\(seconds)", "workers": "\(workers)",
      "connections": connections.map(String.init).joined(separator: " "),
    ]
  }

  func validate() throws {
    guard rounds > 0, seconds > 0, workers > 1, connections.allSatisfy({ $0 > 0 }) else {
      throw ValidationError("--rounds, --seconds and --connections must be above 0, --workers above 1")
    }
  }

  private struct Row {
    let strategy: String
    let connections: Int
    let gateway: GatewayProcess
    var costs: [RequestCost] = []
    /// The busiest worker's share of all workers' processor time: 1 / workers is even.
    var busiest: [Double] = []

    var name: String { "\(connections) connections, \(strategy)" }
    var cpu: Spread { Spread(costs.map(\.cpuMicroseconds))! }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let repository = try Catalogue(lab).repository()
    let gateways = try Accept.strategies.map { strategy in
      try GatewayProcess(
        lab, strategy, repository: repository,
        settings: BenchServers.fresh.adding(["http.accept": .text(strategy)]), workers: workers
      ).waitUntilReady()
    }
    var rows = connections.flatMap { count in
      zip(Accept.strategies, gateways).map { Row(strategy: $0, connections: count, gateway: $1) }
    }
    for gateway in gateways { _ = try measure(lab, gateway, connections: 64, seconds: 1) }
    for round in 1...rounds {
      note("round \(round) of \(rounds)")
      for index in rows.indices {
        let (cost, busiest) = try measure(
          lab, rows[index].gateway, connections: rows[index].connections, seconds: seconds)
        rows[index].costs.append(cost)
        rows[index].busiest.append(busiest)
      }
    }
    show(rows, &report)
  }

  private func measure(
    _ lab: Lab, _ gateway: GatewayProcess, connections: Int, seconds: Int
  ) throws -> (RequestCost, Double) {
    let before = ProcessTable.threadSeconds(gateway.process.pid, named: "worker-")
    let cost = try lab.measure(
      port: gateway.port, targets: [Catalogue.segmentTarget], processes: [gateway.process], seconds: seconds,
      connections: connections, cpus: [lab.machine.loadCPU])
    let spent = zip(ProcessTable.threadSeconds(gateway.process.pid, named: "worker-"), before).map { $0 - $1 }
    return (cost, (spent.max() ?? 0) / max(1e-9, spent.reduce(0, +)))
  }

  private func show(_ rows: [Row], _ report: inout ScenarioReport) {
    var table = TextTable([
      "", "CPU µs/request", "spread", "beside reuseport", "busiest worker's share", "requests/s", "p99",
    ])
    for row in rows {
      let base = rows.first { $0.connections == row.connections }!.cpu
      let busiest = Spread(row.busiest)!, rate = Spread(row.costs.map(\.figures.requestsPerSecond))!
      let p99 = Spread(row.costs.map(\.figures.p99))!
      table.add([
        row.name, Format.fixed(row.cpu.median, places: 2), row.cpu.range(places: 2),
        "\(Format.fixed(row.cpu.median / base.median, places: 2)) ×",
        "\(Format.percent(busiest.median)) (\(Format.percent(busiest.min))–\(Format.percent(busiest.max)))",
        Format.count(rate.median), Format.time(microseconds: p99.median),
      ])
      report.note(
        row.name,
        [
          "cpuMicroseconds": Figure(encoding: row.cpu), "busiestShare": Figure(encoding: busiest),
          "requestsPerSecond": Figure(encoding: rate), "p99Microseconds": Figure(encoding: p99),
        ])
      let errors = row.costs.reduce(0) { $0 + $1.figures.errors }
      report.check(errors == 0, "\(row.name): \(errors) requests had no good answer")
    }
    report.add(
      heading: "Ways in which connections come to workers",
      text:
        "Medians of \(rounds) rounds of \(seconds) s, \(workers) workers; wrk with one thread shares their processors.")
    report.add(table)
    report.add(SpreadChart("CPU per request", rows.map { .init($0.name, $0.cpu, colour: 0) }))
  }
}
