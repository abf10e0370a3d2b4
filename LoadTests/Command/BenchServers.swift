import LoadLab

/// The servers of `bench`: all run all the time on one processor; what is not asked does nothing.
struct BenchServers {
  /// As many keys as the L2 rows ask for in turn: far more than connections, so that requests never share a search.
  static let keys = 1_000
  /// Lists stay fresh for the whole run: what is measured is a hit, not a refresh.
  static let fresh: GatewayConfig = ["placements.home.fresh": "1h", "placements.detail.fresh": "1h"]
  static let noL1: GatewayConfig = ["cache.l1.bytes": 0]
  /// As many lists as can wait to be computed without that being an overload.
  static let computedConnections = 2
  /// The user's own list whether there is a window or not, so that each user's is computed.
  static let personal: GatewayConfig = ["placements.home.scope": "user"]

  let lab: Lab
  let connections: Int
  let scaling: [Int]
  private let cpus: [Int]
  private let loadCPUs: [Int]

  init(_ lab: Lab, connections: Int, scaling: [Int]) {
    self.lab = lab
    self.connections = connections
    self.scaling = scaling
    cpus = [lab.machine.serverCPU]
    loadCPUs = [lab.machine.loadCPU]
  }

  /// The rows in the order of the table, and the bytes of the answer that they are compared by.
  func rows() throws -> ([BenchRow], Int) {
    let catalogue = try Catalogue(lab)
    let repository = try catalogue.repository()
    let first = try gateway("l1", repository, settings: Self.fresh)
    // The second answer comes from L1, as those that are measured.
    try first.get(Catalogue.segmentTarget)
    let answerBytes = try first.get(Catalogue.segmentTarget).bytesInAll
    return (
      try peers(answerBytes) + l1(first) + l2(repository) + computed(repository) + scaling(repository), answerBytes
    )
  }

  private func peers(_ answerBytes: Int) throws -> [BenchRow] {
    var rows = [peer("floor", try lab.floor(answerBytes: answerBytes, cpus: cpus), beside: nil)]
    if findProgram("nginx") != nil {
      rows.append(peer("nginx return", try lab.nginxReturn(answerBytes: answerBytes, cpus: cpus), beside: "floor"))
    } else {
      note("nginx is not installed (apt-get install nginx-light): its rows are left out")
    }
    if findProgram("varnishd") != nil, findProgram("nginx") != nil {
      rows.append(peer("varnish", try lab.varnish(answerBytes: answerBytes, cpus: cpus), beside: "floor"))
    } else {
      note("varnish and nginx, its origin, are not both installed: varnish's row is left out")
    }
    return rows
  }

  private func l1(_ gateway: GatewayProcess) throws -> [BenchRow] {
    for target in Catalogue.userTargets(Self.keys) { try gateway.get(target) }
    return [
      row("l1", gateway, [Catalogue.segmentTarget], tier: "l1"),
      row("l1, 1,000 users", gateway, Catalogue.userTargets(Self.keys), tier: "l1"),
      row("popular", gateway, [Catalogue.trendingTarget], tier: "popular"),
    ]
  }

  private func l2(_ repository: String) throws -> [BenchRow] {
    let memcached = try MemcachedProcess(lab, cpus: cpus)
    let targets = Catalogue.itemTargets(Self.keys)
    let gateway = try gateway(
      "l2", repository, memcached: [memcached.address], settings: Self.fresh.adding(Self.noL1))
    var rows: [BenchRow] = []
    // Each list is computed once, so that the rows measure hits from the first request on.
    let sizes = try targets.map { try gateway.get($0).bytesInAll }.sorted()
    if findProgram("nginx") != nil {
      let keys = (0..<Self.keys).map { "page\($0)" }
      let nginx = try lab.nginxMemcached(
        answerBytes: sizes[sizes.count / 2], from: memcached, keys: keys, cpus: cpus)
      rows.append(
        BenchRow(
          "nginx memcached_pass + memcached", port: nginx.port, targets: keys.map { "/?key=\($0)" },
          processes: [nginx.process, memcached.process], connections: connections, loadCPUs: loadCPUs))
    }
    var own = row("l2 + memcached", gateway, targets, tier: "l2", beside: rows.first?.name)
    own.processes.append(memcached.process)
    own.besideLabel = "nginx"
    let short = try self.gateway(
      "l2-short", repository, memcached: [memcached.address],
      settings: Self.fresh.adding(Self.noL1).adding(["placements.detail.listItems": 20, "memcached.namespace": "short"])
    )
    for target in targets { try short.get(target) }
    var brief = row("l2 + memcached, lists of 20", short, targets, tier: "l2", beside: rows.first?.name)
    brief.processes.append(memcached.process)
    brief.besideLabel = "nginx"
    return rows + [own, brief]
  }

  private func computed(_ repository: String) throws -> [BenchRow] {
    let gateway = try gateway("computed", repository, settings: Self.personal.adding(Self.noL1))
    // Few connections: 32 clients that do nothing but ask for lists to be computed are an overload, and are answered with
    // what is trending.
    let rows = [
      row("computed, by user", gateway, Catalogue.userTargets(Self.keys), tier: "computed", beside: nil),
      row("computed, similar items", gateway, Catalogue.itemTargets(Self.keys), tier: "computed", beside: nil),
    ]
    return rows.map { row in
      var row = row
      row.connections = min(connections, Self.computedConnections)
      return row
    }
  }

  /// One worker and two on the same two processors, with few connections and with many; wrk shares them, so the ratio
  /// counts and not the rate.
  private func scaling(_ repository: String) throws -> [BenchRow] {
    guard lab.machine.cpus.count > 1 else {
      note("one processor: nothing to compare two workers on")
      return []
    }
    let pair = lab.machine.pairCPUs
    let one = try gateway("one", repository, settings: Self.fresh, cpus: pair)
    let two = try gateway("two", repository, settings: Self.fresh, workers: 2, cpus: pair)
    return scaling.flatMap { connections in
      [(one, "one worker"), (two, "two workers")].map { gateway, name in
        var row = row(
          "l1, \(name), \(connections) connections", gateway, [Catalogue.segmentTarget], tier: "l1",
          beside: gateway === two ? "l1, one worker, \(connections) connections" : nil)
        row.besideLabel = "one worker"
        row.connections = connections
        row.loadCPUs = pair
        row.loadThreads = 2
        return row
      }
    }
  }

  private func gateway(
    _ name: String, _ repository: String, memcached: [String] = [], settings: GatewayConfig, workers: Int = 1,
    cpus: [Int]? = nil
  ) throws -> GatewayProcess {
    try GatewayProcess(
      lab, name, repository: repository, memcached: memcached, settings: settings, workers: workers,
      cpus: cpus ?? self.cpus
    ).waitUntilReady()
  }

  private func peer(_ name: String, _ peer: Peer, beside: String?) -> BenchRow {
    BenchRow(
      name, port: peer.port, processes: [peer.process], connections: connections, loadCPUs: loadCPUs, beside: beside)
  }

  private func row(
    _ name: String, _ gateway: GatewayProcess, _ targets: [String], tier: String, beside: String? = "floor"
  ) -> BenchRow {
    var row = BenchRow(
      name, port: gateway.port, targets: targets, processes: [gateway.process], connections: connections,
      loadCPUs: loadCPUs, beside: beside)
    row.gateway = gateway
    row.tier = tier
    return row
  }
}
