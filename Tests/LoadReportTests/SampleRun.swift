import Glibc
import TestSupport

@testable import LoadGenerator

/// A run with figures of the right shape; the seed makes them.
func sampleRun(_ name: String, seed: UInt64 = 1, rate: Double = 4_000, seconds: Int = 20, median: Double = 90)
  -> RunResult
{
  var random = SeededRandom(seed: seed)
  func latency(_ factor: Double) -> LatencySummary {
    // A body that grows slowly and a tail tenfold every second nine.
    func at(_ quantile: Double) -> Double {
      let nines = -log10(1 - min(quantile, 0.999999))
      return median * factor * (0.6 + 0.5 * nines + 0.25 * nines * nines)
    }
    var summary = LatencySummary()
    summary.count = UInt64(rate) * UInt64(seconds)
    (summary.p50Microseconds, summary.p90Microseconds) = (at(0.5), at(0.9))
    (summary.p99Microseconds, summary.p999Microseconds) = (at(0.99), at(0.999))
    (summary.p9999Microseconds, summary.maxMicroseconds) = (at(0.9999), at(0.999999))
    let steps = (0..<60).map { 1 - 1 / pow(10, Double($0) / 12) } + [1]
    summary.curve = steps.map { CurvePoint(quantile: $0, microseconds: at($0)) }
    return summary
  }
  let series = (0..<seconds).map { second in
    let stopped = (8..<11).contains(second)
    return SecondSample(
      second: second, offered: UInt64(rate), completed: UInt64(rate), good: UInt64(rate) - (stopped ? 40 : 0),
      errors: stopped ? 12 : 0, p50Microseconds: median * (stopped ? 3 : 1),
      p99Microseconds: median * (stopped ? 60 : 4) * Double.random(in: 0.8...1.3, using: &random),
      maxMicroseconds: median * (stopped ? 140 : 15) * Double.random(in: 0.7...1.6, using: &random))
  }
  let counts = RunCounts(
    measuredSeconds: Double(seconds), offered: UInt64(rate) * UInt64(seconds), started: UInt64(rate) * UInt64(seconds),
    completed: UInt64(rate) * UInt64(seconds), good: UInt64(rate) * UInt64(seconds) - 120, late: 3, dropped: 0,
    errors: 36, connects: 64, bytesReceived: 90_000_000)
  let whole = OutcomeResult(count: counts.completed, good: counts.good, response: latency(1), service: latency(0.8))
  var run = RunResult(
    name: name, startedAt: "2026-11-23T04:00:00Z",
    environment: RunEnvironment(
      cpu: "A processor", cores: 2, kernel: "6.18", commit: "abc", loadAverage: 0.1, sharesCores: true, versions: [:]),
    settings: RunSettings(
      url: "http://127.0.0.1:1", workload: "mixed", arrivals: "poisson", ratePerSecond: rate, warmUpSeconds: 1,
      durationSeconds: Double(seconds), connections: 64, threads: 1, pipelineDepth: 1, timeoutMilliseconds: 1_000,
      seed: seed, slo: "p99=2ms", goodWithinMicroseconds: 2_000),
    validity: RunValidity(isValid: true, reasons: [], lag: latency(0.1), cpuShare: 0.4), counts: counts,
    response: latency(1), service: latency(0.8))
  run.tiers = ["l1": whole, "l2": whole, "computed": whole]
  run.statuses = ["200": whole, "503": whole]
  run.series = series
  run.marks = [
    RunMark(atSeconds: 3, name: "train version 2", tookSeconds: 3.5),
    RunMark(atSeconds: 8, name: "SIGSTOP memcached", tookSeconds: 0),
    RunMark(atSeconds: 11, name: "SIGCONT", tookSeconds: 0),
    RunMark(atSeconds: 11.6, name: "memcached answers again", tookSeconds: 0.4),
    RunMark(atSeconds: 18.9, name: "SIGKILL memcached", tookSeconds: 0),
  ]
  return run
}
