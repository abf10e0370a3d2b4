internal import FoundationEssentials

/// What one run of load found: what is printed, drawn, written as one JSON line and compared with an SLO.
///
/// Durations are microseconds, rates are per second of the measured part: what was planned during the warm-up is in no
/// figure here.
public struct RunResult: Codable, Sendable {
  /// Grows when a field changes its meaning; new fields may come at any time.
  public var schemaVersion = 1
  /// The scenario, or the workload where there is no scenario.
  public var name: String
  /// When the run began, ISO 8601, UTC.
  public var startedAt: String
  public var environment: RunEnvironment
  public var settings: RunSettings
  /// The run was ended before its time (Ctrl-C): the figures are of the part that ran.
  public var isPartial = false
  public var validity: RunValidity
  public var counts: RunCounts
  /// Every request that got an answer or waited in vain for its whole timeout, in which case the timeout counts.
  /// From the planned start: a server that stalls is charged for everyone who came meanwhile.
  public var response: LatencySummary
  /// The same requests from the moment the generator sent them: what a closed loop would have seen.
  public var service: LatencySummary
  /// By the `detail` of `Cache-Status`: `l1` `l2` `computed` `stale` `popular`, `other` for a detail that is none of
  /// these, and `none` where there is no such header. Requests for recommendations only.
  public var tiers: [String: OutcomeResult] = [:]
  /// By HTTP status.
  public var statuses: [String: OutcomeResult] = [:]
  /// By the workload's names of requests; `events` for what the click model sent.
  public var requests: [String: OutcomeResult] = [:]
  /// By `ErrorKind`; kinds that did not happen are absent.
  public var errors: [String: UInt64] = [:]
  /// Impressions and clicks that were sent, by event type.
  public var events: [String: UInt64] = [:]
  /// Answers by model version; 0 is the answers without a model.
  public var models: [String: UInt64] = [:]
  /// What was wrong with the first few wrong bodies.
  public var faults: [String] = []
  /// Second by second of the measured part, by the second in which a request was planned.
  public var series: [SecondSample] = []
  /// What the scenario did meanwhile.
  public var marks: [RunMark] = []
  /// Empty where no SLO was asked for.
  public var slo: [ObjectiveResult] = []

  /// All objectives hold; true without any.
  public var isSLOMet: Bool { slo.allSatisfy(\.isMet) }
}

/// Where and by what the run was made.
public struct RunEnvironment: Codable, Sendable {
  public var cpu: String
  public var cores: Int
  public var kernel: String
  /// Of the generator's working folder, `git describe --always --dirty=+`; empty outside of a repository.
  public var commit: String
  /// Load average of one minute when the run began.
  public var loadAverage: Double
  /// The target is on this machine, so server and generator compete for its cores.
  public var sharesCores: Bool
  /// Programs that took part, by name. A lab adds its own.
  public var versions: [String: String]
}

/// What was asked for.
public struct RunSettings: Codable, Sendable {
  public var url: String
  public var workload: String
  /// `poisson`, `constant`, `closed` or `replay`.
  public var arrivals: String
  /// Before the workload's phases scale it; nil where the loop is closed.
  public var ratePerSecond: Double?
  public var warmUpSeconds: Double
  public var durationSeconds: Double
  public var connections: Int
  public var threads: Int
  public var pipelineDepth: Int
  public var timeoutMilliseconds: Int
  /// The same seed makes the same requests at the same planned times.
  public var seed: UInt64
  public var slo: String?
  /// A good answer is 2xx, verified, and not later than this.
  public var goodWithinMicroseconds: Double
}

/// Whether the generator was good enough for its figures to mean anything.
public struct RunValidity: Codable, Sendable {
  /// Lag above which a run is invalid, and the share of a core above which a generator thread is saturated: what is the
  /// generator's own would be charged to the server.
  public static let lagP99MicrosecondsMax = 1_000.0
  public static let cpuShareMax = 0.8

  public var isValid: Bool
  /// Sentences, when it is not.
  public var reasons: [String]
  /// From a request's planned start to the moment the generator turned to it: its own lateness.
  public var lag: LatencySummary
  /// CPU time of the busiest generator thread as a share of one core, less what it spent spinning until a planned start.
  public var cpuShare: Double
}

public struct RunCounts: Codable, Sendable {
  public var measuredSeconds: Double
  /// Planned.
  public var offered: UInt64
  /// Sent, or at least handed to a connection.
  public var started: UInt64
  /// Answered, whatever the status.
  public var completed: UInt64
  /// 2xx, verified, in time.
  public var good: UInt64
  /// Started more than a millisecond after their plan, for whatever reason.
  public var late: UInt64
  /// Never started: the wait for a connection took the whole timeout, or the queue was full.
  public var dropped: UInt64
  /// Of all kinds; a request has at most one.
  public var errors: UInt64
  /// Attempts to connect, the first ones and those before the measured part included, and how many failed.
  public var connects: UInt64
  public var connectFailures: UInt64 = 0
  /// Asked a second time because the connection ended under the first (`retriesLostGets`).
  public var retries: UInt64 = 0
  /// Of answers, head and body.
  public var bytesReceived: UInt64

  public var offeredPerSecond: Double { Double(offered) / measuredSeconds }
  public var startedPerSecond: Double { Double(started) / measuredSeconds }
  public var completedPerSecond: Double { Double(completed) / measuredSeconds }
  public var goodPerSecond: Double { Double(good) / measuredSeconds }
  public var goodShare: Double { offered == 0 ? 1 : Double(good) / Double(offered) }
}

/// A histogram's figures. All 0 while `count` is.
public struct LatencySummary: Codable, Sendable {
  public var count: UInt64 = 0
  public var meanMicroseconds = 0.0
  public var p50Microseconds = 0.0
  public var p90Microseconds = 0.0
  public var p99Microseconds = 0.0
  public var p999Microseconds = 0.0
  public var p9999Microseconds = 0.0
  public var maxMicroseconds = 0.0
  /// For drawing: ascending, denser towards 1, as HdrHistogram prints it. Only for the run's whole response and service
  /// time.
  public var curve: [CurvePoint]?
}

public struct CurvePoint: Codable, Sendable {
  /// 0…1.
  public var quantile: Double
  public var microseconds: Double
}

/// The requests of one tier, status or name.
public struct OutcomeResult: Codable, Sendable {
  public var count: UInt64
  public var good: UInt64
  public var response: LatencySummary
  public var service: LatencySummary
}

/// Why a request counts as failed.
public enum ErrorKind: String, Codable, Sendable, CaseIterable {
  /// No connection could be made while it waited.
  case connect
  /// The connection ended with the request on it.
  case reset
  /// No answer in time; the connection is closed, because its next answer would be this one.
  case timeout
  /// What came is no HTTP answer.
  case malformed
  /// A status that the request did not expect.
  case status
  /// A 2xx whose body is not what was asked for.
  case wrongBody
  /// Never sent: no connection was free in time.
  case dropped
}

public struct SecondSample: Codable, Sendable {
  /// Seconds since the measured part began.
  public var second: Int
  public var offered: UInt64
  public var completed: UInt64
  public var good: UInt64
  public var errors: UInt64
  public var p50Microseconds: Double
  public var p99Microseconds: Double
  public var maxMicroseconds: Double
}

/// Something that was done while the load ran.
public struct RunMark: Codable, Sendable {
  /// Since the measured part began; negative in the warm-up.
  public var atSeconds: Double
  public var name: String
  public var tookSeconds: Double
  /// Why it failed, if it did.
  public var error: String?

  public init(atSeconds: Double, name: String, tookSeconds: Double, error: String? = nil) {
    self.atSeconds = atSeconds
    self.name = name
    self.tookSeconds = tookSeconds
    self.error = error
  }
}

/// One objective of an SLO, and what was measured.
public struct ObjectiveResult: Codable, Sendable {
  /// As written: `p99=2ms`.
  public var objective: String
  public var isMet: Bool
  /// The measured value in the objective's words: `1.83ms`.
  public var measured: String
}

extension RunResult {
  /// One line of JSON, keys in order, for files that grow by a line a run.
  public func jsonLine() -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Nothing here can fail: no infinities are ever stored.
    return String(decoding: try! encoder.encode(self), as: UTF8.self)
  }

  public static func read(jsonLine: String) throws -> RunResult {
    try JSONDecoder().decode(RunResult.self, from: Data(jsonLine.utf8))
  }
}
