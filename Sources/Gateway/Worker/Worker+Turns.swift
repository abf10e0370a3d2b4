import Bytes
import Configuration
import Events
import Logging
import Memcached
import Model
import Reactor

/// What a reply of memcached is for, as the number that it is asked under: the kind in the two highest bits.
enum Ticket {
  /// `Flights`, `WindowFetches`: the place in their pool, which is held until the reply has come.
  case list(Int)
  case window(Int)
  /// `Worker.windowUpdates`.
  case windowUpdate(UInt64)

  private static let kindShift: UInt64 = 62
  private static let placeMask: UInt64 = 1 << kindShift - 1

  var number: UInt64 {
    switch self {
    case .list(let place): UInt64(place)
    case .window(let place): 1 << Ticket.kindShift | UInt64(place)
    case .windowUpdate(let id): 2 << Ticket.kindShift | id
    }
  }

  init(_ number: UInt64) {
    let place = number & Ticket.placeMask
    switch number >> Ticket.kindShift {
    case 0: self = .list(Int(place))
    case 1: self = .window(Int(place))
    default: self = .windowUpdate(place)
    }
  }
}

// What happens once a turn, once a tick and at deadlines.
extension Worker {
  /// Connections are looked at for their deadlines this often; no deadline is finer than that.
  static let tickMilliseconds = 250
  /// A client has had its last answer for this long when a drain stops waiting for it to close: pools often leave a
  /// connection that the server has closed until they want it next.
  static let drainLingerMilliseconds = 1000
  /// While answers are waited for, their deadlines are looked at this often: libuv's grain.
  static let deadlineTickMilliseconds = 1

  /// The turn's events are handled: connections that were answered out of turn go on, then lists are computed.
  func endTurn() {
    // What is asked of memcached from here on would wait for the next turn: its own hook has had its go.
    defer { memcached?.flush() }
    goOn()
    computeInTurn()
  }

  /// Connections that were answered out of turn take up what came in meanwhile.
  func goOn() { while let connection = resumed.popLast() { connection.goOn() } }

  /// Looks at the time, and at connections that have been idle, slow or stuck for too long.
  func housekeep() {
    refreshClock()
    let now = loop.nowNanoseconds
    let limits = settings.http
    for case let connection? in connections {
      let quiet = now > connection.activeNanoseconds ? (now - connection.activeNanoseconds) / 1_000_000 : 0
      let inside = now > connection.startedNanoseconds ? (now - connection.startedNanoseconds) / 1_000_000 : 0
      if connection.queuedBytes > 0 {
        if quiet > limits.writeTimeoutMilliseconds { connection.close() }
      } else if connection.phase == .lingering {
        let patience =
          drainDeadlineNanoseconds == nil ? limits.writeTimeoutMilliseconds : Worker.drainLingerMilliseconds
        if quiet > patience { connection.close() }
      } else if connection.isInsideRequest {
        let patience = requestPatienceMilliseconds(startedNanoseconds: connection.startedNanoseconds, now: now)
        if inside > patience { connection.timeOut() }
      } else if connection.isIdle, quiet > limits.idleTimeoutMilliseconds {
        connection.close()
      }
    }
    if drainDeadlineNanoseconds != nil { closeQuiet(now: now) }
    settleLateBatches(now: now)
    logPressure()
    if let drainDeadlineNanoseconds, now > drainDeadlineNanoseconds { stop() }
  }

  func watchDeadlines() {
    guard let deadlineTick, !deadlineTick.isActive else { return }
    deadlineTick.start(milliseconds: Worker.deadlineTickMilliseconds, repeating: true)
  }

  /// Answers whoever waits past their deadline with the best there is. O(waiting), and only while somebody waits.
  func checkDeadlines() {
    guard flights.count > 0 || windowFetches.count > 0 else {
      deadlineTick?.stop()
      return
    }
    flights.forEach { cutLate($0) }
    let now = loop.nowNanoseconds
    windowFetches.forEach { fetch in
      for waiter in fetch.waiters { withWaiting(waiter) { cutIfLate($0, now) } }
    }
    stopWaitingForMemcached(now)
  }

  /// Answers those of a flight's waiters who are past their deadline.
  func cutLate(_ flight: Flights.Flight) {
    let now = loop.nowNanoseconds
    cut(flight) { now >= $0 }
  }

  /// Answers those whose deadline `isLate`, and forgets them.
  func cut(_ flight: Flights.Flight, where isLate: (UInt64) -> Bool) {
    var isAnyoneGone = false
    for waiter in flight.waiters where waiter.list != nil {
      withWaiting(waiter) { connection in
        if isLate(connection.visit.deadlineNanoseconds) { cutShort(connection, because: .deadlineExceeded) }
      }
      isAnyoneGone = isAnyoneGone || connections[waiter.slot]?.visit.id != waiter.visit
    }
    guard isAnyoneGone else { return }
    flight.waiters.removeAll { waiter in connections[waiter.slot]?.visit.id != waiter.visit }
  }

  private func cutIfLate(_ connection: Connection, _ now: UInt64) {
    guard now >= connection.visit.deadlineNanoseconds else { return }
    cutShort(connection, because: .deadlineExceeded)
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
