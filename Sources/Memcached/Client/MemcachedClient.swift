public import Reactor

/// A pool of memcached servers, asked over the meta protocol: one pipelined connection a server, one write a server and
/// turn, and no call that blocks.
///
/// `get`, `set` and `delete` return whether the request was taken. True: `memcachedAnswered` follows exactly once for
/// its ticket, on a later call from the loop, with an answer or a failure. False: an instant miss, nothing follows.
/// A request is refused when its node is down or has too much outstanding, when the key cannot be one, or when the
/// value is too large; `status` counts which. So a caller that waits for nothing but its tickets never waits in vain.
///
/// A failed server's keys are misses until it is back: they are never sent to another one, which would serve what it
/// kept from the last failure.
///
/// Belongs to one worker: used on its loop's thread, and closed before its receiver goes.
public final class MemcachedClient {
  /// What the loop holds of a client, which may go before it. Not a weak reference: an object that has had one counts
  /// its references through a table ever after, twice as slowly.
  private final class TurnEnd {
    unowned(unsafe) var client: MemcachedClient?
  }

  private let loop: EventLoop
  private let settings: MemcachedSettings
  private let ring: Ring?
  private let nodes: [Node]
  private var ticker: Timer!
  private let turnEnd = TurnEnd()
  private var isTicking = false
  private var hasOutput = false
  /// When the ticker last looked; 0 before its first look.
  private var seenNanoseconds: UInt64 = 0

  /// Begins to connect. Without nodes every request is refused. The receiver must outlive the client.
  /// Throws when the nodes cannot be a ring. `seed`: of the jitter of reconnections; nil for one of the system.
  public init(
    loop: EventLoop, nodes: [NodeAddress], settings: MemcachedSettings = MemcachedSettings(), seed: UInt64? = nil,
    receiver: any MemcachedReceiver
  ) throws(RingError) {
    ring = nodes.isEmpty ? nil : try Ring(nodes: nodes)
    self.loop = loop
    self.settings = settings
    let seed = seed ?? .random(in: 0...(.max))
    self.nodes = nodes.enumerated().map { Node($1, index: $0, on: loop, settings, seed: seed &+ UInt64($0), receiver) }
    ticker = Timer(loop: loop) { [unowned self] in tick() }
    loop.atTurnEnd { [turnEnd] in turnEnd.client?.flush() }
    turnEnd.client = self
    for node in self.nodes { node.connect() }
  }

  /// Nobody is told: say `close` first where somebody waits.
  deinit {
    turnEnd.client = nil
    for node in nodes { node.abandon() }
  }

  // MARK: Requests

  /// Asks for a key.
  /// - Parameters:
  ///   - recacheSeconds: one caller of all wins (`won`) when the item has less than this left.
  ///   - vivifySeconds: on a miss the server keeps an empty stub this long, at least 2 s: the first caller wins, later
  ///     ones see `alreadyWon`. Not for keys that classic clients read: to them the stub is an empty hit.
  ///   - echoesKey: the server names the key with its answer, and an answer that names another ends the connection. For
  ///     values that do not say themselves whose they are.
  /// - Complexity: O(bytes of key); allocates nothing once buffers have their size.
  public func get(
    key: RawSpan, recacheSeconds: Int? = nil, vivifySeconds: Int? = nil, echoesKey: Bool = false, ticket: UInt64
  ) -> Bool {
    guard let node = node(for: key) else { return false }
    let now = loop.nowNanoseconds
    return submitted(
      node.submit(.get) { connection throws(MemcachedFailure) in
        try connection.get(
          key: key, recacheSeconds: recacheSeconds, vivifySeconds: vivifySeconds, echoesKey: echoesKey, ticket: ticket,
          now: now)
      })
  }

  /// Stores a value. Without a ticket nobody is told; the answer is still checked and counted.
  /// - Parameter ttlSeconds: kept within 2 s and 30 days; see `MetaLimits`.
  @discardableResult
  public func set(
    key: RawSpan, value: RawSpan, flags: UInt32, ttlSeconds: Int, mode: SetMode = .always, ticket: UInt64? = nil
  ) -> Bool {
    guard let node = node(for: key) else { return false }
    let now = loop.nowNanoseconds
    return submitted(
      node.submit(.set) { connection throws(MemcachedFailure) in
        // Value bytes only: the rest is bounded by pendingMax × the longest command.
        guard connection.queuedBytes + value.byteCount <= settings.queuedBytesMax || !connection.isReady else {
          throw .overloaded
        }
        try connection.set(
          key: key, value: value, flags: flags, ttlSeconds: ttlSeconds, mode: mode, ticket: ticket, now: now)
      })
  }

  /// Deletes a key; with `staleSeconds` keeps it that much longer, marked stale, for the next reader to refresh. With
  /// `cas` only if it is still that revision.
  @discardableResult
  public func delete(key: RawSpan, cas: UInt64? = nil, staleSeconds: Int? = nil, ticket: UInt64? = nil) -> Bool {
    guard let node = node(for: key) else { return false }
    let now = loop.nowNanoseconds
    return submitted(
      node.submit(.delete) { connection throws(MemcachedFailure) in
        try connection.delete(key: key, cas: cas, staleSeconds: staleSeconds, ticket: ticket, now: now)
      })
  }

  /// Sends what was asked since the last flush. The loop does this at the end of every turn.
  public func flush() {
    guard hasOutput else { return }
    hasOutput = false
    for node in nodes { node.flush() }
  }

  /// Fails what is pending, from inside this call, and ends all connections. Every later request is refused.
  public func close() {
    ticker.stop()
    for node in nodes { node.close() }
  }

  // MARK: State

  public var nodeCount: Int { nodes.count }

  public func status(of node: Int) -> NodeStatus { nodes[node].status }

  /// Index of the server that a key belongs to; nil without servers.
  public func nodeIndex(for key: RawSpan) -> Int? { ring?.node(for: key) }

  private func node(for key: RawSpan) -> Node? {
    guard let ring else { return nil }
    return nodes[ring.node(for: key)]
  }

  private func submitted(_ isTaken: Bool) -> Bool {
    guard isTaken else { return false }
    hasOutput = true
    if !isTicking {
      isTicking = true
      seenNanoseconds = 0
      ticker.start(milliseconds: settings.tickMilliseconds, repeating: true)
    }
    return true
  }

  /// Ticks only while something is pending, so an idle client wakes nobody.
  private func tick() {
    let seen = seenNanoseconds
    seenNanoseconds = loop.nowNanoseconds
    var isPending = false
    for node in nodes where node.pendingCount > 0 {
      node.checkOverdue(seen: seen)
      isPending = isPending || node.pendingCount > 0
    }
    if !isPending {
      ticker.stop()
      isTicking = false
    }
  }
}
