/// One run of load: at whom, with what, how fast, how long.
public struct LoadPlan: Sendable {
  public var target: LoadTarget
  public var workload: Workload
  public var arrivals = Arrivals.poisson
  /// Offered, over all threads; the workload's phases scale it. Not used by a closed loop.
  public var ratePerSecond: Double
  /// Load before the figures begin: connections, caches and branch predictors warm up. In no figure.
  public var warmUpSeconds = 1.0
  public var durationSeconds: Double
  /// Kept alive, over all threads.
  public var connections = 64
  /// Generator threads; connections and requests are dealt out to them.
  public var threads = 1
  /// Requests on one connection that may wait for their answers. A connection takes a second request only when all
  /// others have one.
  public var pipelineDepth = 1
  /// From the planned start, so that a client's patience does not depend on how the generator is doing.
  public var timeoutMilliseconds = 1_000
  public var seed: UInt64 = 1
  public var slo: SLO?
  /// A good answer comes within this; nil is the SLO's `within`, else its longest percentile, else 50 ms, which is the
  /// gateway's default deadline.
  public var goodWithinMicroseconds: Double?
  /// Look into every 2xx body for what was asked for.
  public var verifiesBodies = true
  /// Write what was sent, and when it was planned, to this file, for `replay`.
  public var recordPath: String?
  /// Write which targets were answered, when, and with how many bytes, one "seconds key bytes" a line: what
  /// `needletail cache replay` reads.
  public var recordKeysPath: String?
  /// Instead of the workload's requests and their times.
  public var trace: Trace?
  /// A replay at 2 takes half the time.
  public var traceSpeed = 1.0
  /// A GET on a connection that ends before the first byte of its answer is asked once more on another, as browsers do
  /// (RFC 9112 §9.3.1). Off: it counts as `reset`.
  public var retriesLostGets = false
  /// Spin instead of sleeping when the next planned start is nearer than this. It costs a core and buys some 50 µs of
  /// wake-up time; 0 sleeps always.
  public var spinMicroseconds = 0.0
  /// Scenario name in the result; nil is the workload's name.
  public var name: String?

  public init(target: LoadTarget, workload: Workload, ratePerSecond: Double, durationSeconds: Double) {
    self.target = target
    self.workload = workload
    self.ratePerSecond = ratePerSecond
    self.durationSeconds = durationSeconds
  }

  var goodWithin: Double { goodWithinMicroseconds ?? slo?.goodWithinMicroseconds ?? 50_000 }
}

/// How requests follow each other.
public enum Arrivals: String, Sendable, CaseIterable {
  /// Open loop, independent visitors: exponential gaps.
  case poisson
  /// Open loop, equal gaps.
  case constant
  /// Each connection asks again when it has its answer: as many requests as the server takes. A server that stalls is
  /// asked less, so its latencies flatter it (coordinated omission).
  case closed
}

/// Something a scenario does while the load runs: kill a process, publish a snapshot.
public struct ScheduledAction {
  /// Since the measured part began.
  public var atSeconds: Double
  public var name: String
  /// On the thread that called `run`; the load goes on meanwhile. What it throws is noted in the run's mark.
  public var perform: () throws -> Void

  public init(atSeconds: Double, _ name: String, perform: @escaping () throws -> Void) {
    self.atSeconds = atSeconds
    self.name = name
    self.perform = perform
  }
}
