/// The configuration as the gateway uses it: typed, in one unit each, already checked.
public struct Settings: Sendable {
  public var listen: String
  public var workers: Int
  public var adminListen: String
  public var adminTokenFile: String?
  public var echo: Bool

  public var repository: String
  public var model: String?
  public var dataDirectory: String
  public var pollIntervalMilliseconds: Int
  public var keepVersions: Int
  public var warmBudgetMilliseconds: Int
  /// Public key files or keys; empty when signatures are not asked for.
  public var trustKeys: [String]
  public var repositoryAccess: RepositorySettings
  public var identityKeyFile: String?
  public var gates: GateSettings

  /// Empty for no second cache.
  public var memcachedServers: [String]
  public var memcachedNamespace: String
  public var memcachedTimeoutMilliseconds: Int
  public var memcachedConnectTimeoutMilliseconds: Int

  public var l1Bytes: Int
  public var windowFreshSeconds: Int

  public var http: HTTPSettings
  public var overload: OverloadSettings
  public var corsOrigins: [String]
  public var events: EventSettings
  public var canary: CanarySettings
  public var languages: [String]
  public var regions: [String]
  public var logLevel: String
  public var logFormat: String
  /// By name; `home`, `detail` and `trending` are always there.
  public var placements: [String: PlacementSettings]

  public init(_ configuration: Configuration) throws(ConfigurationError) {
    let read = SettingsReader(configuration)
    listen = read.text("listen")
    workers = read.whole("workers")
    adminListen = read.text("admin.listen")
    adminTokenFile = read.optionalText("admin.tokenFile")
    echo = read.flag("echo")
    repository = read.text("repository")
    model = read.optionalText("model")
    dataDirectory = read.text("dataDir")
    pollIntervalMilliseconds = read.milliseconds("snapshots.pollInterval")
    keepVersions = read.whole("snapshots.keepVersions")
    warmBudgetMilliseconds = read.milliseconds("snapshots.warmBudget")
    trustKeys = read.list("trust.keys")
    repositoryAccess = RepositorySettings(read)
    identityKeyFile = read.optionalText("identity.keyFile")
    gates = GateSettings(read)
    memcachedServers = read.list("memcached.servers").filter { $0 != "none" }
    memcachedNamespace = read.text("memcached.namespace")
    memcachedTimeoutMilliseconds = read.milliseconds("memcached.timeout")
    memcachedConnectTimeoutMilliseconds = read.milliseconds("memcached.connectTimeout")
    l1Bytes = read.bytes("cache.l1.bytes")
    windowFreshSeconds = read.milliseconds("window.fresh") / 1000
    http = HTTPSettings(read)
    overload = OverloadSettings(read)
    corsOrigins = read.list("cors.origins")
    events = EventSettings(read)
    canary = CanarySettings(read)
    languages = read.list("context.languages")
    regions = read.list("context.regions")
    logLevel = read.text("log.level")
    logFormat = read.text("log.format")
    var placements: [String: PlacementSettings] = [:]
    for name in Configuration.standardPlacements + configuration.placementNames {
      placements[name] = PlacementSettings(read, name)
    }
    self.placements = placements
    try check(read)
  }

  /// What no single key's form can say.
  private func check(_ read: SettingsReader) throws(ConfigurationError) {
    try canary.check(read)
    let models = placements.keys.sorted().map { "placements.\($0).model" }
    for path in ["memcached.namespace", "model"] + models {
      let text = read.text(path)
      guard text.isEmpty || isName(text) else {
        throw ConfigurationError(read.origin(path), "\(path): \"\(text)\" must be 1 to 32 of a-z, 0-9 and -")
      }
    }
    guard !memcachedNamespace.isEmpty else {
      throw ConfigurationError(read.origin("memcached.namespace"), "memcached.namespace must not be empty")
    }
    guard http.lameDuckMilliseconds <= http.drainTimeoutMilliseconds else {
      throw ConfigurationError(
        read.origin("http.lameDuck"),
        "http.lameDuck is \(read.text("http.lameDuck")), longer than http.drainTimeout, which it is a part of")
    }
    guard overload.intervalMilliseconds >= 2 * overload.targetDelayMilliseconds else {
      throw ConfigurationError(
        read.origin("overload.interval"), "overload.interval must be at least twice overload.targetDelay: a burst is longer than the wait that is aimed at")
    }
    for (name, placement) in placements where placement.numResults > placement.listItems {
      throw ConfigurationError(
        read.origin("placements.\(name).numResults"),
        "placements.\(name).numResults is \(placement.numResults), more than its listItems \(placement.listItems)")
    }
  }
}

/// Limits of the HTTP edge. Bytes, milliseconds.
public struct HTTPSettings: Sendable {
  public var connectionsMax, pipelinedMax: Int
  public var headBytes, bodyBytes, outputBytes, bufferBytes: Int
  public var serverTiming: Bool
  /// A second.
  public var rateBytesMin: Int
  public var bodyTimeoutMilliseconds: Int
  public var headTimeoutMilliseconds, idleTimeoutMilliseconds, writeTimeoutMilliseconds, drainTimeoutMilliseconds: Int
  public var lameDuckMilliseconds: Int
  /// `AcceptStrategy` by its name.
  public var accept: String

  init(_ read: SettingsReader) {
    connectionsMax = read.whole("http.connectionsMax")
    pipelinedMax = read.whole("http.pipelinedMax")
    headBytes = read.bytes("http.headBytes")
    bodyBytes = read.bytes("http.bodyBytes")
    outputBytes = read.bytes("http.outputBytes")
    serverTiming = read.flag("http.serverTiming")
    bufferBytes = read.bytes("http.bufferBytes")
    rateBytesMin = read.bytes("http.rateMin")
    bodyTimeoutMilliseconds = read.milliseconds("http.bodyTimeout")
    headTimeoutMilliseconds = read.milliseconds("http.headTimeout")
    idleTimeoutMilliseconds = read.milliseconds("http.idleTimeout")
    writeTimeoutMilliseconds = read.milliseconds("http.writeTimeout")
    drainTimeoutMilliseconds = read.milliseconds("http.drainTimeout")
    lameDuckMilliseconds = read.milliseconds("http.lameDuck")
    accept = read.text("http.accept")
  }
}

/// What a worker may take on. Milliseconds, bytes.
public struct OverloadSettings: Sendable {
  public var computeQueueMax: Int
  public var targetDelayMilliseconds, intervalMilliseconds: Int
  public var bufferedBytes: Int

  init(_ read: SettingsReader) {
    computeQueueMax = read.whole("overload.computeQueueMax")
    targetDelayMilliseconds = read.milliseconds("overload.targetDelay")
    intervalMilliseconds = read.milliseconds("overload.interval")
    bufferedBytes = read.bytes("overload.bufferedBytes")
  }
}

public struct EventSettings: Sendable {
  public var batchMax, bodyBytes, queueMax: Int

  init(_ read: SettingsReader) {
    batchMax = read.whole("events.batchMax")
    bodyBytes = read.bytes("events.bodyBytes")
    queueMax = read.whole("events.queueMax")
  }
}

/// One placement as configured. What is nil is left to the snapshot.
public struct PlacementSettings: Sendable, Equatable {
  public var model: String?
  public var scope: String
  public var freshSeconds, staleSeconds: Int
  public var deadlineMicroseconds: Int
  public var numResults, listItems: Int
  public var context: [String]
  public var external: Bool
  public var filter: String
  public var candidates: Int?
  public var similarity, popularity, freshness, affinity, contextWeight, diversity: Double?
  public var freshnessHalfLifeDays: Double?

  init(_ read: SettingsReader, _ name: String) {
    let at = "placements.\(name)."
    model = read.optionalText(at + "model")
    scope = read.text(at + "scope")
    freshSeconds = read.milliseconds(at + "fresh") / 1000
    staleSeconds = read.milliseconds(at + "stale") / 1000
    deadlineMicroseconds = read.milliseconds(at + "deadline") * 1000
    numResults = min(read.whole(at + "numResults"), read.isSet(at + "numResults") ? .max : read.whole(at + "listItems"))
    listItems = read.whole(at + "listItems")
    context = read.list(at + "context")
    external = read.flag(at + "external")
    filter = read.text(at + "filter")
    candidates = read.optionalNumber(at + "candidates").map(Int.init)
    similarity = read.optionalNumber(at + "weights.similarity")
    popularity = read.optionalNumber(at + "weights.popularity")
    freshness = read.optionalNumber(at + "weights.freshness")
    affinity = read.optionalNumber(at + "weights.affinity")
    contextWeight = read.optionalNumber(at + "weights.context")
    diversity = read.optionalNumber(at + "diversity")
    freshnessHalfLifeDays = read.optionalText(at + "freshnessHalfLife").flatMap(readDuration).map {
      Double($0.components.seconds) / 86400
    }
  }
}

/// Reads checked values in their types: what fails here is a mistake in the table, not in anybody's file.
struct SettingsReader {
  private let configuration: Configuration

  init(_ configuration: Configuration) { self.configuration = configuration }

  func isSet(_ path: String) -> Bool { configuration.values[path] != nil }
  func origin(_ path: String) -> ConfigOrigin { configuration.value(path).origin }
  func list(_ path: String) -> [String] { configuration.value(path).texts }
  func text(_ path: String) -> String { configuration.value(path).texts.last ?? "" }
  func optionalText(_ path: String) -> String? { text(path).isEmpty ? nil : text(path) }
  func whole(_ path: String) -> Int { Int(text(path))! }
  func flag(_ path: String) -> Bool { Bool(text(path))! }
  func bytes(_ path: String) -> Int { byteCount(text(path))! }
  func optionalNumber(_ path: String) -> Double? { optionalText(path).map { Double($0)! } }
  func milliseconds(_ path: String) -> Int {
    let parts = readDuration(text(path))!.components
    return Int(parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000)
  }
}
