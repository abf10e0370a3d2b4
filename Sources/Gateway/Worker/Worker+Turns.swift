import Bytes
import Configuration
import Events
import Logging
import Memcached
import Model
import Reactor

// What happens once a turn, once a tick and at deadlines.
extension Worker {
  /// The time of day is taken this often.
  static let tickMilliseconds = 250

  /// The turn's events are handled: connections that were answered out of turn go on, then lists are computed.
  func endTurn() {
    // What is asked of memcached from here on would wait for the next turn: its own hook has had its go.
    defer { memcached?.flush() }
    goOn()
    computeInTurn()
  }

  /// Connections that were answered out of turn take up what came in meanwhile.
  func goOn() { while let connection = resumed.popLast() { connection.goOn() } }

  /// Looks at the time, and at what has no deadline in the wheel.
  func housekeep() {
    refreshClock()
    let now = loop.nowNanoseconds
    settleLateBatches(now: now)
    logPressure()
    if let drainDeadlineNanoseconds, now > drainDeadlineNanoseconds { stop() }
  }

  /// Answers those whose deadline `isLate`, and forgets them.
  func cut(_ flight: Flights.Flight, where isLate: (UInt64) -> Bool) {
    var isAnyoneGone = false
    for waiter in flight.waiters where waiter.list != nil {
      withWaiting(waiter) { connection in
        if isLate(connection.visit.deadlineNanoseconds) { cutShort(connection, because: .deadlineExceeded) }
      }
      isAnyoneGone = isAnyoneGone || !isWaiting(waiter)
    }
    guard isAnyoneGone else { return }
    flight.waiters.removeAll { !isWaiting($0) }
  }

  /// Answers now with the best that is at hand.
  func cutShort(_ connection: Connection, because reason: FallbackReason) {
    perform(connection.visit.exchange.cutShort(because: reason), for: connection)
  }
}

extension Worker: MemcachedReceiver {
  func memcachedAnswered(_ ticket: UInt64, _ reply: borrowing CacheReply) {
    switch Ticket(ticket) {
    case .list(let place): listAnswered(flights[place], reply)
    case .window(let place): windowAnswered(windowFetches[place], reply)
    case .windowUpdate(let id):
      if let update = windowUpdates.removeValue(forKey: id) { windowUpdateAnswered(update, reply) }
    }
  }

  func memcachedChanged(node: Int, to state: NodeState) {
    switch state {
    case .up(let version):
      log.notice(
        "memcached node is up",
        metadata: ["node": "\(settings.memcachedServers[node])", "version": "\(version)", "worker": "\(index)"])
    case .down(let reason, _):
      log.warning(
        "memcached node is down",
        metadata: ["node": "\(settings.memcachedServers[node])", "reason": "\(reason)", "worker": "\(index)"])
    case .connecting, .closed: break
    }
  }
}
