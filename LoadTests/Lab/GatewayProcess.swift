internal import FoundationEssentials

/// One running `needletail serve` on ports of its own.
public final class GatewayProcess {
  public let port: Int
  public let adminPort: Int
  /// Its data folder: a gateway started on it again restarts from the snapshot it holds.
  public let dataFolder: String
  public let configFile: String
  public private(set) var process: LabProcess
  private let lab: Lab
  private let cpus: [Int]
  public private(set) var startedSeconds: Double

  /// Starts one; it may not be ready on return.
  ///
  /// - Parameters:
  ///   - repository: a folder of snapshots that hold `Catalogue.model`.
  ///   - memcached: addresses of nodes; without any the gateway has no L2.
  ///   - settings: keys of Config/needletail.yaml over the defaults.
  ///   - workers: 0 is one a core.
  public init(
    _ lab: Lab, _ name: String = "gateway", repository: String, memcached: [String] = [],
    settings: GatewayConfig = [:], workers: Int = 1, cpus: [Int] = [], dataFolder: String? = nil
  ) throws(LabError) {
    self.lab = lab
    self.cpus = cpus
    port = try freePort()
    adminPort = try freePort()
    if let dataFolder { self.dataFolder = dataFolder } else { self.dataFolder = try lab.subfolder("\(name)-data") }
    let config: GatewayConfig = [
      "listen": .text("127.0.0.1:\(port)"), "admin.listen": .text("127.0.0.1:\(adminPort)"),
      "workers": .number(workers), "repository": .text(repository), "dataDir": .text(self.dataFolder),
      "model": .text(Catalogue.model), "memcached.servers": .list(memcached),
    ]
    configFile = try lab.subfolder("\(name)-config") + "/needletail.yaml"
    try write(config.adding(settings).yaml, to: configFile)
    startedSeconds = monotonicSeconds()
    process = try GatewayProcess.start(lab, name, configFile, cpus)
  }

  private static func start(
    _ lab: Lab, _ name: String, _ configFile: String, _ cpus: [Int], _ flags: [String] = []
  ) throws(LabError) -> LabProcess {
    try lab.start(name, [lab.needletail, "serve", "--config", configFile] + flags, cpus: cpus)
  }

  /// Starts another process with the same configuration, ports and data folder; `process` is then the new one. The
  /// old one is returned as it is.
  @discardableResult
  public func startAnother(_ flags: String...) throws(LabError) -> LabProcess {
    let old = process
    startedSeconds = monotonicSeconds()
    process = try GatewayProcess.start(lab, old.name, configFile, cpus, flags)
    return old
  }

  public var address: String { "127.0.0.1:\(port)" }

  @discardableResult
  public func waitUntilReady(within seconds: Double = 30) throws(LabError) -> GatewayProcess {
    try process.wait(for: "readyz 200", within: seconds) { isReady }
    return self
  }

  public var isReady: Bool { HTTPAnswer.ask(port: port, "/readyz")?.status == 200 }

  /// A 200 of the public listener; anything else is trouble.
  @discardableResult
  public func get(_ target: String) throws(LabError) -> HTTPAnswer { try ask("GET", port, target) }

  @discardableResult
  public func admin(_ method: String, _ target: String, body: String = "") throws(LabError) -> HTTPAnswer {
    try ask(method, adminPort, target, body)
  }

  private func ask(
    _ method: String, _ port: Int, _ target: String, _ body: String = ""
  ) throws(LabError) -> HTTPAnswer {
    guard let answer = HTTPAnswer.ask(method, port: port, target, body: body) else {
      throw .trouble("\(method) \(target) had no answer; \(process.name) \(process.fate):\n\(process.said())")
    }
    guard answer.status == 200 else {
      throw .trouble("\(method) \(target) was answered \(answer.status): \(answer.body.prefix(300))")
    }
    return answer
  }

  /// The version that serves, as the admin listener says; nil while none does.
  public func servingVersion() throws(LabError) -> Int? {
    struct Status: Decodable { let serving: Int? }
    let answer = try admin("GET", "/admin/v1/models/\(Catalogue.model)")
    return (try? JSONDecoder().decode(Status.self, from: Data(answer.body.utf8)))?.serving
  }

  public func metrics() throws(LabError) -> MetricsText { MetricsText(try admin("GET", "/metrics").body) }

  /// Answers so far by tier, by the gateway's own count.
  public func tiers() throws(LabError) -> [String: Int] {
    try metrics().sums(of: "needletail_http_requests_total", by: "tier").mapValues { Int($0) }
  }
}
