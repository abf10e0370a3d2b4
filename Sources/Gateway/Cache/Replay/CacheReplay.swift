/// What eviction policies would have answered to a recorded trace: how L1's policy and size are chosen.
///
/// A miss or a stale hit is followed by the value, at once: a refresh takes a millisecond, and the trace counts seconds.
public struct CacheReplay: Sendable {
  public enum Policy: String, Sendable, CaseIterable {
    case sieve = "SIEVE (serves)"
    case doorkept = "SIEVE, doorkeeper"
    case textbookSieve = "SIEVE, as published"
    case lru = "LRU"
    case s3fifo = "S3-FIFO"
    case tinyLFU = "W-TinyLFU"
    /// LRU with room for everything: what TTLs and first accesses leave to any policy.
    case unbounded = "unbounded"
  }

  public struct Result: Sendable, Equatable {
    public let policy: Policy
    public var accesses = 0
    public var fresh = 0
    public var stale = 0
    public var evictions: UInt64 = 0
    /// The most that was held at any time.
    public var bytesPeak = 0

    /// The share that was answered from the cache, fresh or stale.
    public var hitRatio: Double { accesses == 0 ? 0 : Double(fresh + stale) / Double(accesses) }
    public var staleRatio: Double { accesses == 0 ? 0 : Double(stale) / Double(accesses) }
  }

  public let trace: KeyTrace
  public let freshSeconds: UInt32
  public let staleSeconds: UInt32

  public init(_ trace: KeyTrace, freshSeconds: UInt32, staleSeconds: UInt32) {
    self.trace = trace
    self.freshSeconds = freshSeconds
    self.staleSeconds = staleSeconds
  }

  /// The least cache that refuses none of the trace's entries: no entry may be above 1/64 of it.
  public var bytesMin: Int { ((0..<trace.keyCount).map { trace.cost(of: $0) }.max() ?? 1) * 64 }

  /// O(accesses), times the policy's own cost.
  public func run(_ policy: Policy, bytesMax: Int) -> Result {
    switch policy {
    case .sieve: run(SievePolicy(trace, bytesMax: bytesMax), policy)
    case .doorkept: run(DoorkeptSievePolicy(trace, bytesMax: bytesMax), policy)
    case .textbookSieve: run(TextbookSievePolicy(trace, bytesMax: bytesMax), policy)
    case .lru: run(LRUPolicy(trace, bytesMax: bytesMax), policy)
    case .s3fifo: run(S3FIFOPolicy(trace, bytesMax: bytesMax), policy)
    case .tinyLFU: run(TinyLFUPolicy(trace, bytesMax: bytesMax), policy)
    case .unbounded: run(LRUPolicy(trace, bytesMax: max(trace.footprintBytes, bytesMin)), policy)
    }
  }

  private func run(_ cache: consuming some ReplayPolicy & ~Copyable, _ policy: Policy) -> Result {
    var cache = cache
    var result = Result(policy: policy)
    for place in 0..<trace.count {
      // The clock starts above 0, as a real one does.
      let (key, now) = (Int(trace.keys[place]), trace.seconds[place] + 1)
      let find = cache.look(key, now: now)
      result.accesses += 1
      if find == .fresh { result.fresh += 1 }
      if find == .stale { result.stale += 1 }
      if find != .fresh {
        cache.put(key, now: now, freshUntil: now + freshSeconds, staleUntil: now + freshSeconds + staleSeconds)
      }
      result.bytesPeak = max(result.bytesPeak, cache.byteCount)
    }
    result.evictions = cache.evictions
    return result
  }
}
