/// Counters of one node, from the start of the client. Plain numbers: read them on the loop's thread, or copy them out.
public struct NodeMetrics: Sendable {
  /// Accepted by `get`, `set` and `delete`.
  public internal(set) var gets: UInt64 = 0
  public internal(set) var sets: UInt64 = 0
  public internal(set) var deletes: UInt64 = 0
  /// Answers. What is neither answered nor failed is pending.
  public internal(set) var hits: UInt64 = 0
  public internal(set) var misses: UInt64 = 0
  public internal(set) var stored: UInt64 = 0
  /// An `.add` or CAS set that lost.
  public internal(set) var notStored: UInt64 = 0
  /// Win tokens received.
  public internal(set) var won: UInt64 = 0
  /// Connections that became usable after the first one, and attempts that did not.
  public internal(set) var reconnects: UInt64 = 0
  public internal(set) var connectFailures: UInt64 = 0
  public internal(set) var bytesSent: UInt64 = 0
  public internal(set) var bytesReceived: UInt64 = 0
  private var failures = InlineArray<16, UInt64>(repeating: 0)

  public var requests: UInt64 { gets + sets + deletes }

  /// Requests that failed or were refused in this way.
  public func count(of failure: MemcachedFailure) -> UInt64 { failures[Int(failure.rawValue)] }

  mutating func add(_ kind: PendingRequest.Kind) {
    switch kind {
    case .get: gets += 1
    case .set: sets += 1
    case .delete: deletes += 1
    case .probe: break
    }
  }

  mutating func add(_ failure: MemcachedFailure) { failures[Int(failure.rawValue)] += 1 }

  mutating func add(_ status: CacheReply.Status, won hasWon: Bool) {
    switch status {
    case .hit: hits += 1
    case .miss: misses += 1
    case .stored: stored += 1
    case .notStored, .exists: notStored += 1
    case .deleted: break
    case .failed(let failure): add(failure)
    }
    if hasWon { won += 1 }
  }
}

/// Whether a node can be asked.
public enum NodeState: Sendable, Equatable {
  /// Being connected to for the first time, or again.
  case connecting
  /// Requests are taken. The text is the server's version.
  case up(version: String)
  /// Requests are misses at once; the next attempt comes after the delay. The text says what happened.
  case down(reason: String, retryMilliseconds: Int)
  /// The client was closed.
  case closed
}

/// What an operator sees of one node.
public struct NodeStatus: Sendable {
  public let address: NodeAddress
  public let state: NodeState
  public let breaker: BreakerState
  /// How often the breaker has opened.
  public let breakerOpenedCount: UInt64
  /// Sent, or waiting for the end of the turn, and not yet answered.
  public let pending: Int
  public let metrics: NodeMetrics

  public var isUp: Bool { if case .up = state { true } else { false } }
}
