import Reactor

/// The open connections in the order in which they were last heard of, so that the longest idle one is found in O(1).
///
/// A connection that is used does not tell the queue: it notes the time, which it does anyway, and the queue finds out
/// when its turn comes, as clock algorithms do. The order is kept by a timer wheel that is asked for the earliest
/// instead of for what is due: a radix heap whose keys only grow (Ahuja, Mehlhorn, Orlin, Tarjan, JACM 1990). Looking
/// at one that has been used since moves it to its new place, O(1), at most once for each time it was used.
struct IdleQueue: ~Copyable {
  /// What `lastActive` knows of a connection.
  enum Activity {
    /// Nothing is under way since then.
    case idleSince(UInt64)
    /// A request or an answer is under way, so it is no candidate now.
    case busy
    case gone
  }

  /// Connections looked at before one of those seen has to do: 64 × some 100 ns of cache misses.
  static let looksMax = 64

  private var order: TimerWheel

  init(nowNanoseconds: UInt64) {
    order = TimerWheel(tickNanoseconds: 1_000_000, nowNanoseconds: nowNanoseconds)
  }

  var count: Int { order.count }

  /// Adds a connection that was active just now.
  mutating func insert(_ slot: Int, activeNanoseconds: UInt64) {
    order.schedule(slot, atNanoseconds: activeNanoseconds)
  }

  mutating func remove(_ slot: Int) { order.cancel(slot) }

  /// No connection has been idle since before this; nil when there is none.
  var earliestNanoseconds: UInt64? { order.nextNanoseconds }

  /// Removes and returns the connection that has been idle longest; nil when none of those looked at is idle.
  /// Exact to a millisecond unless `looksMax` connections were used since their turn last came: then the longest idle
  /// of those. O(looksMax) at worst.
  mutating func takeLongestIdle(now: UInt64, _ lastActive: (Int) -> Activity) -> Int? {
    var looks = IdleQueue.looksMax
    var best: (slot: Int, since: UInt64)?
    while looks > 0 {
      looks -= 1
      var work = Int.max
      guard let slot = order.takeEarliest(work: &work) else { break }
      switch lastActive(slot) {
      case .gone: continue
      case .busy: insert(slot, activeNanoseconds: now)
      case .idleSince(let since):
        if since <= order.reachedNanoseconds { return slot }
        insert(slot, activeNanoseconds: since)
        if best == nil || since < best!.since { best = (slot, since) }
      }
    }
    if let best { remove(best.slot) }
    return best?.slot
  }

  /// Removes and returns a connection that has been idle since before `limit`; nil when none of those looked at is.
  /// `looks` bounds the work of several calls.
  mutating func takeIdle(
    sinceBefore limit: UInt64, now: UInt64, looks: inout Int, _ lastActive: (Int) -> Activity
  ) -> Int? {
    while looks > 0, let slot = order.takeExpired(at: limit, work: &looks) {
      switch lastActive(slot) {
      case .gone: continue
      case .busy: insert(slot, activeNanoseconds: now)
      case .idleSince(let since):
        if since <= limit { return slot }
        insert(slot, activeNanoseconds: since)
      }
    }
    return nil
  }
}
