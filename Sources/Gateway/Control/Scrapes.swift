import Memcached

/// Collections of the workers' counters that are under way, and the newest that is complete.
struct Scrapes {
  struct Result {
    var metrics: WorkerMetrics
    /// By worker, then by node.
    var nodes: [[NodeStatus]] = []
  }

  private struct Pending {
    var missing: Set<Int>
    var result: Result?
    let done: (Result) -> Void
  }

  private var pending: [UInt64: Pending] = [:]
  private var next: UInt64 = 0

  /// Registers a collection; the workers are told its number.
  mutating func begin(workers: Set<Int>, _ done: @escaping (Result) -> Void) -> UInt64 {
    next += 1
    pending[next] = Pending(missing: workers, done: done)
    return next
  }

  mutating func collect(_ scrape: UInt64, _ worker: Int, _ metrics: WorkerMetrics, _ nodes: [NodeStatus]) {
    guard var one = pending[scrape], one.missing.remove(worker) != nil else { return }
    if one.result == nil { one.result = Result(metrics: metrics) } else { one.result?.metrics.add(metrics) }
    one.result?.nodes.append(nodes)
    pending[scrape] = one.missing.isEmpty ? nil : one
    if one.missing.isEmpty, let result = one.result { one.done(result) }
  }
}
