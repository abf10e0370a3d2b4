/// What became of one request. Lent during `memcachedAnswered` only: `value` points into the connection's input.
public struct CacheReply: ~Escapable {
  public enum Status: Sendable, Equatable {
    /// `value` is what the key holds, one byte or more.
    case hit
    /// Nothing is there, or only the empty stub of a fill under way (`won`, `alreadyWon`). Also the answer to deleting
    /// what is not there.
    case miss
    /// A set was stored.
    case stored
    /// An `.add` met a present key, or a CAS set met an absent one.
    case notStored
    /// The key has changed since the CAS value was read.
    case exists
    /// A delete did what it was asked.
    case deleted
    case failed(MemcachedFailure)

    var isFailure: Bool { if case .failed = self { true } else { false } }
  }

  public let status: Status
  /// Empty unless `status` is `.hit`.
  public let value: RawSpan
  /// As given to `set`; CONTRACTS gives them their meaning.
  public let flags: UInt32
  /// Seconds until the item expires, after this request's own `vivifySeconds` took effect; −1 for never.
  public let ttlSeconds: Int
  /// Names this revision of the item; 0 when there is none.
  public let cas: UInt64
  /// This request, and no other in the fleet, should fill or refresh the key.
  public let won: Bool
  /// The item was invalidated and is kept only to be served meanwhile.
  public let stale: Bool
  /// Somebody else won and has not written yet. Do not poll.
  public let alreadyWon: Bool
  /// Index of the node that was asked.
  public let node: Int
  /// From the call of `get`, `set` or `delete` to this answer.
  public let durationNanoseconds: UInt64

  @_lifetime(copy value)
  init(_ answer: MetaConnection.Answer, value: RawSpan, node: Int) {
    status = answer.status
    self.value = value
    flags = answer.flags.clientFlags
    ttlSeconds = answer.flags.ttlSeconds
    cas = answer.flags.cas
    won = answer.flags.has(.won)
    stale = answer.flags.has(.stale)
    alreadyWon = answer.flags.has(.alreadyWon)
    self.node = node
    durationNanoseconds = answer.durationNanoseconds
  }
}

/// Receives the answers of one client, on the loop's thread.
public protocol MemcachedReceiver: AnyObject {
  /// Called exactly once for each ticket that `get`, `set` or `delete` accepted (returned true for), and never before
  /// that call has returned. New requests may be made from inside it; they leave at the end of the turn.
  func memcachedAnswered(_ ticket: UInt64, _ reply: borrowing CacheReply)

  /// A node came up, went down or was closed; attempts to connect are not told. For logs; the default does nothing.
  func memcachedChanged(node: Int, to state: NodeState)
}

extension MemcachedReceiver {
  public func memcachedChanged(node: Int, to state: NodeState) {}
}
