import Telemetry

/// What one worker has counted. The worker alone writes it; a scrape takes a copy, and the copies are added.
struct WorkerMetrics: Sendable {
  /// Placements in the order of the settings; one more row stands for requests that have none.
  private(set) var requests: [RequestCounts]
  private(set) var fallbacks: [FallbackCounts]
  var stages = Stages()
  var l1 = CacheCounts()
  var l2 = CacheCounts()
  var windows = CacheCounts()
  var fleet = FleetCounts()
  /// Answers that were sent again as they had been composed.
  var repeated: UInt64 = 0
  /// Items of stored lists that were left out of answers for being unavailable.
  var unavailableSkipped: UInt64 = 0
  var badLists: UInt64 = 0
  var badWindows: UInt64 = 0
  var connectionsOpen = 0
  var connectionsAccepted: UInt64 = 0
  var connectionsShed: UInt64 = 0
  var closed = CloseCounts()
  /// Connections cut while lingering.
  var lingersCut: UInt64 = 0
  /// What is held against `http.bufferBytes`.
  var bufferBytes = 0
  var malformed: UInt64 = 0
  var batches: UInt64 = 0
  var inFlight = 0
  var admission = AdmissionCounts()
  var computeQueueLength = 0
  var pressureLevel = PressureLevel.calm
  var pressureChanges: UInt64 = 0
  var eventsAccepted: UInt64 = 0
  var eventsRejected: UInt64 = 0
  var eventsDuplicate: UInt64 = 0
  var windowWrites: UInt64 = 0
  var windowConflicts: UInt64 = 0
  var windowFailures: UInt64 = 0
  var impressions = SourceCounts()
  var clicks = SourceCounts()
  /// What each version did, whatever the placement.
  var versions = VersionTable()
  /// Of the worker's loop: turns, time in callbacks, and the longest turn since the last scrape, which bounds what an
  /// event had to wait.
  var turns: UInt64 = 0
  var busyNanoseconds: UInt64 = 0
  var longestTurnNanoseconds: UInt64 = 0

  init(placementCount: Int) {
    requests = Array(repeating: RequestCounts(), count: placementCount + 1)
    fallbacks = Array(repeating: FallbackCounts(), count: placementCount)
  }

  /// Makes rows for placements that a reload added. The row of requests without a placement stays the last.
  mutating func grow(placementCount: Int) {
    while fallbacks.count < placementCount {
      requests.insert(RequestCounts(), at: requests.count - 1)
      fallbacks.append(FallbackCounts())
    }
  }

  mutating func answered(placement: Int, tier: Tier, status: Int, nanoseconds: UInt64) {
    requests[placement].add(status: status, row: Int(tier.rawValue))
    requests[placement].durations[Int(tier.rawValue)].record(nanoseconds: nanoseconds)
  }

  /// An answer that no tier gave: an error, an event batch, a health check.
  mutating func answered(placement: Int?, status: Int) {
    requests[placement ?? requests.count - 1].add(status: status, row: RequestCounts.untieredRow)
  }

  mutating func fellBack(placement: Int, _ fallback: Fallback) {
    fallbacks[placement].counts[
      Int(fallback.reason.rawValue) * Fallback.Source.allCases.count + Int(fallback.source.rawValue)] += 1
  }

  /// Of all answers that a tier gave.
  var answerLatency: LatencyHistogram {
    var total = LatencyHistogram()
    for row in requests { for duration in row.durations { total.add(duration) } }
    return total
  }

  mutating func add(_ other: WorkerMetrics) {
    for index in requests.indices { requests[index].add(other.requests[index]) }
    for index in fallbacks.indices { fallbacks[index].add(other.fallbacks[index]) }
    stages.add(other.stages)
    l1.add(other.l1)
    l2.add(other.l2)
    windows.add(other.windows)
    fleet.add(other.fleet)
    repeated += other.repeated
    unavailableSkipped += other.unavailableSkipped
    badLists += other.badLists
    badWindows += other.badWindows
    connectionsOpen += other.connectionsOpen
    connectionsAccepted += other.connectionsAccepted
    connectionsShed += other.connectionsShed
    closed.add(other.closed)
    lingersCut += other.lingersCut
    bufferBytes += other.bufferBytes
    malformed += other.malformed
    batches += other.batches
    inFlight += other.inFlight
    admission.add(other.admission)
    computeQueueLength += other.computeQueueLength
    pressureLevel = max(pressureLevel, other.pressureLevel)
    pressureChanges += other.pressureChanges
    eventsAccepted += other.eventsAccepted
    eventsRejected += other.eventsRejected
    eventsDuplicate += other.eventsDuplicate
    windowWrites += other.windowWrites
    windowConflicts += other.windowConflicts
    windowFailures += other.windowFailures
    impressions.add(other.impressions)
    clicks.add(other.clicks)
    versions.add(other.versions)
    turns += other.turns
    busyNanoseconds += other.busyNanoseconds
    longestTurnNanoseconds = max(longestTurnNanoseconds, other.longestTurnNanoseconds)
  }
}

extension WorkerMetrics {
  struct RequestCounts: Sendable {
    /// The status codes that are told apart; any other counts as the last, which the gateway never sends by itself.
    static let statuses = [200, 304, 202, 204, 400, 404, 405, 408, 413, 414, 417, 431, 501, 503, 505, 500]
    /// The row of answers that no tier gave, behind those of the tiers.
    static let untieredRow = Tier.allCases.count

    /// By row, then status: a table, because a hit counts here.
    private var counts = Array(repeating: UInt64(0), count: (untieredRow + 1) * statuses.count)
    var durations = Array(repeating: LatencyHistogram(), count: Tier.allCases.count)

    mutating func add(status: Int, row: Int) {
      var column = 0
      while column < RequestCounts.statuses.count - 1 && RequestCounts.statuses[column] != status { column += 1 }
      counts[row * RequestCounts.statuses.count + column] += 1
    }

    /// What was counted of a tier, or of none: statuses that occurred, ascending.
    func answers(of tier: Tier?) -> [(status: Int, count: UInt64)] {
      let row = tier.map { Int($0.rawValue) } ?? RequestCounts.untieredRow
      return RequestCounts.statuses.enumerated().map { ($1, counts[row * RequestCounts.statuses.count + $0]) }
        .filter { $0.1 > 0 }.sorted { $0.0 < $1.0 }
    }

    mutating func add(_ other: RequestCounts) {
      for index in counts.indices { counts[index] += other.counts[index] }
      for index in durations.indices { durations[index].add(other.durations[index]) }
    }
  }

  struct FallbackCounts: Sendable {
    var counts = Array(
      repeating: UInt64(0), count: FallbackReason.allCases.count * Fallback.Source.allCases.count)

    mutating func add(_ other: FallbackCounts) {
      for index in counts.indices { counts[index] += other.counts[index] }
    }
  }

  struct CacheCounts: Sendable {
    var hits: UInt64 = 0
    var misses: UInt64 = 0
    var stale: UInt64 = 0
    var collapsed: UInt64 = 0
    var evictions: UInt64 = 0
    var entries: UInt64 = 0
    var bytes: UInt64 = 0

    mutating func add(_ other: CacheCounts) {
      hits += other.hits
      misses += other.misses
      stale += other.stale
      collapsed += other.collapsed
      evictions += other.evictions
      entries += other.entries
      bytes += other.bytes
    }
  }
}
