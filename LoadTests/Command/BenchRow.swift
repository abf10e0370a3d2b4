import LoadLab
import LoadReport

/// Something to measure: where, what to ask for, whose processor time counts, which tier must answer.
struct BenchRow {
  let name: String
  let port: Int
  let targets: [String]
  var processes: [LabProcess]
  var gateway: GatewayProcess?
  var tier: String?
  /// The row that it is a multiple of.
  var beside: String?
  /// What the table calls that row.
  var besideLabel: String?
  var connections: Int
  /// Processors of wrk, and its threads.
  var loadCPUs: [Int]
  var loadThreads = 1
  private var costs: [RequestCost] = []
  private var tiers: [String: Int] = [:]

  init(
    _ name: String, port: Int, targets: [String] = ["/"], processes: [LabProcess], connections: Int, loadCPUs: [Int],
    beside: String? = nil
  ) {
    self.name = name
    self.port = port
    self.targets = targets
    self.processes = processes
    self.connections = connections
    self.loadCPUs = loadCPUs
    self.beside = beside
  }

  struct Measurement {
    let cost: RequestCost
    /// Answers by tier meanwhile, by the gateway's own count.
    let tiers: [String: Int]
  }

  func measure(_ lab: Lab, seconds: Int) throws -> Measurement {
    let before = try gateway?.tiers() ?? [:]
    let cost = try lab.measure(
      port: port, targets: targets, processes: processes, seconds: seconds, connections: connections,
      threads: loadThreads, cpus: loadCPUs)
    let after = try gateway?.tiers() ?? [:]
    return Measurement(cost: cost, tiers: after.merging(before) { $0 - $1 })
  }

  mutating func add(_ measurement: Measurement) {
    costs.append(measurement.cost)
    tiers.merge(measurement.tiers, uniquingKeysWith: +)
  }

  func spread(_ value: (RequestCost) -> Double) -> Spread { Spread(costs.map(value))! }

  /// No errors, and the tier that is measured is the one that answered.
  func check(_ report: inout ScenarioReport) {
    let errors = costs.reduce(0) { $0 + $1.figures.errors }
    report.check(errors == 0, "\(name): \(errors) requests had no good answer")
    guard let tier else { return }
    // What is no recommendation has no tier: the questions for these counts.
    let all = tiers.reduce(0) { $0 + ($1.key.isEmpty ? 0 : $1.value) }
    report.check(
      Double(tiers[tier, default: 0]) > 0.99 * Double(all),
      "\(name): answered by \(tiers.filter { !$0.key.isEmpty }.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }), not by \(tier)"
    )
  }
}
