/// When to try a lost node again: exponential, jittered, and pure. Time and chance are given.
///
/// This is also the circuit breaker. A node without a connection is open: its requests are misses at once and cost
/// nothing. The next attempt is the half-open probe, made with a connection and a greeting of our own rather than with
/// somebody's request. Requests flow again when the greeting has been answered.
struct Reconnection {
  struct Delays: Equatable {
    var firstMilliseconds = 50
    var maxMilliseconds = 2000
    /// A connection that lived this long was a good one: the next loss starts at the first delay again. One that
    /// greets and then hangs, again and again, does not.
    var settledMilliseconds = 1000
  }

  let delays: Delays
  private(set) var failures = 0
  private var readySince: UInt64?

  init(delays: Delays) { self.delays = delays }

  mutating func becameReady(now: UInt64) { readySince = now }

  /// The attempt failed or the connection ended: how many milliseconds to wait. `chance` is uniform in 0..<1.
  ///
  /// The n-th failure in a row waits between half and all of min(first · 2ⁿ⁻¹, max): never at once, and workers
  /// that lost the same node together come back apart.
  mutating func ended(now: UInt64, chance: Double) -> Int {
    if let readySince, now &- readySince >= UInt64(delays.settledMilliseconds) * 1_000_000 { failures = 0 }
    readySince = nil
    failures += 1
    // 2^20 first delays are beyond any max; the cap keeps the shift defined.
    let ceiling = min(delays.firstMilliseconds << min(failures - 1, 20), delays.maxMilliseconds)
    return max(1, Int(Double(ceiling) * (0.5 + 0.5 * chance)))
  }
}
