/// The limits of one client. The defaults suit memcached in the same rack and a request deadline of 50 ms.
public struct MemcachedSettings: Sendable, Equatable {
  /// How long an answer may take, from `get`, `set` or `delete`. A request that waited longer ends its connection and
  /// with it every other request of that node. Noticed within 2 ticks (`tickMilliseconds`).
  public var timeoutMilliseconds = 8
  /// For connection and greeting together. A name is resolved before, for as long as the system's resolver takes.
  public var connectTimeoutMilliseconds = 250
  /// Unanswered requests of one node; what is beyond is refused at once. A node that answers in 200 µs at this depth
  /// serves 20 million requests per second, so a full ring means that it hangs.
  public var pendingMax = 4096
  /// Bytes not yet taken by the kernel, of one node: eight of the largest values. Only sets count against it.
  public var queuedBytesMax = 8 << 20
  /// The server's `-I`. A larger value is refused here; one that comes from there ends the connection.
  public var valueBytesMax = MetaLimits.valueBytesMax
  /// Backoff: the n-th attempt in a row waits up to first · 2ⁿ⁻¹, jittered, never above max.
  public var reconnectFirstMilliseconds = 50
  public var reconnectMaxMilliseconds = 2000
  /// A connection that stood this long was a good one; the backoff starts anew after it.
  public var settledMilliseconds = 1000

  public init() {}

  var timeoutNanoseconds: UInt64 { UInt64(max(timeoutMilliseconds, 1)) * 1_000_000 }

  /// The timer looks for overdue requests this often, while there are any.
  var tickMilliseconds: Int { min(max(timeoutMilliseconds / 8, 1), 5) }

  var delays: Reconnection.Delays {
    Reconnection.Delays(
      firstMilliseconds: reconnectFirstMilliseconds, maxMilliseconds: reconnectMaxMilliseconds,
      settledMilliseconds: settledMilliseconds)
  }
}
