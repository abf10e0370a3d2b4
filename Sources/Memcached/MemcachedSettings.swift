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
  /// When a node that fails is left alone, and when it is tried again; see `Breaker`. The n-th attempt in a row waits up
  /// to first · 2ⁿ⁻¹, jittered, never above max.
  public var reconnectFirstMilliseconds = 50
  public var reconnectMaxMilliseconds = 2000
  /// Failures in a row, with no answer between them, that open a node's breaker.
  public var failuresMax = 3
  /// The share of requests that may time out within 10 s before the breaker opens.
  public var timeoutShareMax = 0.05
  /// A connection that stood this long was a good one. A breaker that opens sooner after it closed flaps: the waits
  /// double from 1 s up to the maximum.
  public var settledMilliseconds = 10_000
  public var flapFirstMilliseconds = 1000
  public var flapMaxMilliseconds = 30_000

  public init() {}

  var timeoutNanoseconds: UInt64 { UInt64(max(timeoutMilliseconds, 1)) * 1_000_000 }

  /// The timer looks for overdue requests this often, while there are any.
  var tickMilliseconds: Int { min(max(timeoutMilliseconds / 8, 1), 5) }

  var breaker: Breaker.Limits {
    Breaker.Limits(
      firstMilliseconds: reconnectFirstMilliseconds, maxMilliseconds: reconnectMaxMilliseconds,
      failuresMax: failuresMax, timeoutShareMax: timeoutShareMax, settledMilliseconds: settledMilliseconds,
      flapFirstMilliseconds: flapFirstMilliseconds, flapMaxMilliseconds: flapMaxMilliseconds)
  }
}
