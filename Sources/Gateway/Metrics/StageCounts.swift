import Model
import Reactor
import Telemetry

/// Times the stages of one list after the other. One worker's.
struct StageClock: ComputeStageReceiver {
  private let loop: EventLoop
  private var last: UInt64 = 0
  /// Of the last list, by stage.
  fileprivate private(set) var nanoseconds = InlineArray<6, UInt64>(repeating: 0)

  init(_ loop: EventLoop) { self.loop = loop }

  /// A list begins now; returns when that is.
  mutating func begin() -> UInt64 {
    last = loop.nowNanoseconds
    return last
  }

  /// One look at the clock a stage: 25 ns beside some 10 µs.
  mutating func ended(_ stage: ComputeStage) {
    let now = loop.nowNanoseconds
    nanoseconds[stage.rawValue] = now - last
    last = now
  }
}

extension WorkerMetrics {
  /// Where the time goes of an answer that no L1 had.
  struct Stages: Sendable {
    var memcached = LatencyHistogram()
    /// Making the list, or failing to: the whole of it.
    var compute = LatencyHistogram()
    /// The parts of that, by `ComputeStage`, of lists that were made.
    private(set) var parts = InlineArray<6, LatencyHistogram>(repeating: LatencyHistogram())

    /// Takes in a list that was made.
    mutating func record(_ clock: borrowing StageClock) {
      for stage in parts.indices { parts[stage].record(nanoseconds: clock.nanoseconds[stage]) }
    }

    mutating func add(_ other: Stages) {
      memcached.add(other.memcached)
      compute.add(other.compute)
      for stage in parts.indices { parts[stage].add(other.parts[stage]) }
    }
  }
}

extension MetricsPage {
  func stages(_ page: inout PrometheusText) {
    let stages = result.metrics.stages
    page.family("stage_duration_seconds", .histogram, "Time of the stages of an answer that no L1 had.")
    page.histogram("stage_duration_seconds", [("stage", "memcached")], stages.memcached)
    page.histogram("stage_duration_seconds", [("stage", "compute")], stages.compute)
    page.family(
      "compute_stage_duration_seconds", .histogram,
      "Time of the parts of stage compute, of lists that were made: prepare (the query vector), rules (filter and "
        + "history), search (candidates), features (what is known of each, and their relevance), diversity (which, in "
        + "which order), render (the stored list).")
    for stage in ComputeStage.allCases {
      page.histogram(
        "compute_stage_duration_seconds", [("stage", stage.name.description)], stages.parts[stage.rawValue])
    }
  }
}
