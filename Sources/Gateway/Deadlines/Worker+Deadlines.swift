import Bytes
import Configuration
import HTTP
import Reactor

/// What the slots of a worker's wheel are for.
enum DeadlineSlot: Equatable {
  /// Connections that have been idle for too long are looked for.
  case idleness
  /// A client owes something: the rest of a request, or reading.
  case connection(Int)
  /// A connection's request waits for its answer.
  case answer(Int)
  /// A flight waits for memcached.
  case flight(Int)

  var number: Int {
    switch self {
    case .idleness: 0
    case .connection(let slot): 1 + 3 * slot
    case .answer(let slot): 2 + 3 * slot
    case .flight(let place): 3 + 3 * place
    }
  }

  init(_ number: Int) {
    let place = (number - 1) / 3
    switch number % 3 {
    case _ where number == 0: self = .idleness
    case 1: self = .connection(place)
    case 2: self = .answer(place)
    default: self = .flight(place)
    }
  }
}

// What clients and the worker owe each other by when. Requests that come whole and are answered at once leave no trace
// here: a deadline in the wheel is looked at when it comes, and set anew if the connection has moved on.
extension Worker {
  /// Deadlines of connections are rounded up to this, so that thousands of slow clients wake the loop 15 times a second
  /// and not a thousand: 2²⁶ ns.
  static let connectionGrainNanoseconds: UInt64 = 1 << 26
  /// Idle connections are looked for no more often than this.
  static let sweepNanoseconds: UInt64 = 250_000_000
  /// Connections looked at in one sweep: 256 × some 100 ns of cache misses.
  static let sweepLooksMax = 256
  /// A client has had its last answer for this long when a drain stops waiting for it to close: pools often leave a
  /// connection that the server has closed until they want it next.
  static let drainLingerNanoseconds: UInt64 = 1_000_000_000
  /// Connections that let go for one that asks for more: what one read brings is seldom more than one of them held.
  private static let culpritsMax = 8

  func deadlineReached(_ slot: DeadlineSlot) {
    switch slot {
    case .idleness: sweepIdle()
    case .connection(let slot): connections[slot]?.deadlineReached(now: loop.nowNanoseconds)
    case .answer(let slot): if let connection = connections[slot] { answersDue(connection, loop.nowNanoseconds) }
    case .flight(let place): patienceReached(flights[place], now: loop.nowNanoseconds)
    }
  }

  // MARK: Requests.

  /// The connection's request waits for something: it is answered at its deadline at the latest.
  func watchDeadline(of connection: Connection) {
    watchAnswer(of: connection, atNanoseconds: connection.visit.deadlineNanoseconds)
  }

  func watchAnswer(of connection: Connection, atNanoseconds time: UInt64) {
    deadlines.schedule(DeadlineSlot.answer(connection.slot).number, noLaterThanNanoseconds: time)
  }

  func watchPatience(of flight: Flights.Flight) {
    deadlines.schedule(
      DeadlineSlot.flight(flight.index).number, noLaterThanNanoseconds: flight.patienceNanoseconds)
  }

  /// One answer is waited for, or each undecided part of a batch, whose deadlines share the connection's place.
  private func answersDue(_ connection: Connection, _ now: UInt64) {
    guard let batch = connection.batch else {
      if connection.visit.isOpen { answerDue(connection, now) }
      return
    }
    // The last part that is decided may end it all: what lies in the pool again is not to be touched.
    for part in 0..<batch.count where connection.batch === batch && !batch[part].isDecided {
      withPart(part, of: batch, on: connection) { if connection.visit.isOpen { answerDue(connection, now) } }
    }
  }

  private func answerDue(_ connection: Connection, _ now: UInt64) {
    let visit = connection.visit
    guard now < visit.deadlineNanoseconds else { return cutShort(connection, because: .deadlineExceeded) }
    if let patience = windowPatience(visit) {
      guard now >= patience else { return watchAnswer(of: connection, atNanoseconds: patience) }
      goOnWithoutWindow(connection)
    }
    if visit.isOpen { watchDeadline(of: connection) }
  }

  /// Whether one more may wait; those that have been answered meanwhile make room. O(waiting), only when full.
  func hasRoom(_ waiters: inout [Waiter]) -> Bool {
    guard waiters.count >= Flights.waitersMax else { return true }
    waiters.removeAll { waiter in connections[waiter.slot]?.visit.id != waiter.visit }
    return waiters.count < Flights.waitersMax
  }

  // MARK: Connections.

  /// The connection's deadline is looked at then, or soon after.
  func wake(_ connection: Connection, atNanoseconds deadline: UInt64) {
    let grain = Worker.connectionGrainNanoseconds - 1
    let (rounded, overflows) = deadline.addingReportingOverflow(grain)
    deadlines.schedule(
      DeadlineSlot.connection(connection.slot).number, noLaterThanNanoseconds: overflows ? .max : rounded & ~grain)
  }

  /// Nothing of the connection is left but the slot, which another may get.
  func forget(_ connection: Connection) {
    deadlines.cancel(DeadlineSlot.connection(connection.slot).number)
    deadlines.cancel(DeadlineSlot.answer(connection.slot).number)
    idleQueue.remove(connection.slot)
    buffers.release(connection.slot)
  }

  /// From now on connections make room sooner, and let go of what they linger for.
  func hurryClients() {
    patience.lingerNanoseconds = min(patience.lingerNanoseconds, Worker.drainLingerNanoseconds)
    let now = loop.nowNanoseconds
    patience.drain = (now, Worker.drainRequestNanoseconds)
    for case let connection? in connections {
      if connection.phase == .lingering {
        wake(connection, atNanoseconds: now + patience.lingerNanoseconds)
      } else if connection.isInsideRequest {
        wake(connection, atNanoseconds: now + Worker.drainRequestNanoseconds)
      }
    }
    deadlines.schedule(DeadlineSlot.idleness.number, atNanoseconds: now)
  }

  // MARK: Idle ones.

  /// A new connection: idle until it says something.
  func watchIdleness(of connection: Connection) {
    idleQueue.insert(connection.slot, activeNanoseconds: connection.activeNanoseconds)
    scheduleSweep(now: loop.turnNanoseconds)
  }

  /// Above the cap the connection that has been idle longest goes; false when none is idle.
  func makeRoom() -> Bool {
    guard metrics.connectionsOpen >= settings.http.connectionsMax else { return true }
    guard let slot = idleQueue.takeLongestIdle(now: loop.turnNanoseconds, idleness) else { return false }
    connections[slot]?.close(.room)
    metrics.connectionsOpen -= 1
    metrics.connectionsShed += 1
    return true
  }

  private func sweepIdle() {
    let now = loop.nowNanoseconds
    let timeout = idleNanoseconds
    let limit = now > timeout ? now - timeout : 0
    var looks = Worker.sweepLooksMax
    while let slot = idleQueue.takeIdle(sinceBefore: limit, now: now, looks: &looks, idleness) {
      connections[slot]?.close(drainDeadlineNanoseconds == nil ? .idle : .drain)
    }
    if looks == 0 {
      deadlines.schedule(DeadlineSlot.idleness.number, atNanoseconds: now)
    } else {
      scheduleSweep(now: now)
    }
  }

  /// Sweeps when the longest idle may have been idle for too long, which under pressure is sooner than it was.
  func scheduleSweep(now: UInt64) {
    guard let earliest = idleQueue.earliestNanoseconds else { return }
    let due = max(now + Worker.sweepNanoseconds, earliest + idleNanoseconds)
    deadlines.schedule(DeadlineSlot.idleness.number, noLaterThanNanoseconds: due)
  }

  /// What a connection may be idle for now; little while the node drains.
  private var idleNanoseconds: UInt64 {
    guard drainDeadlineNanoseconds == nil else { return min(patience.idleNanoseconds, Worker.drainQuietNanoseconds) }
    // A busy loop has nothing from closing idle connections, which come back as new ones; from the level on at which
    // nothing is computed for anyone, it is about having room at all.
    let level = Int(admission.level.rawValue) - Int(PressureLevel.hotOnly.rawValue)
    return patience.idleNanoseconds(
      open: metrics.connectionsOpen, connectionsMax: settings.http.connectionsMax, pressure: Double(max(0, level)) / 3)
  }

  private func idleness(_ slot: Int) -> IdleQueue.Activity {
    guard let connection = connections[slot], connection.stream.isOpen else { return .gone }
    return connection.isIdle ? .idleSince(connection.activeNanoseconds) : .busy
  }

  // MARK: Buffers.

  /// The connection holds so much now. If all hold too much together, some have to let go, and it may be this one.
  func hold(_ connection: Connection, bytes: Int) {
    let now = loop.turnNanoseconds
    var culprit = buffers.hold(connection.slot, bytes: bytes, now: now)
    var rounds = Worker.culpritsMax
    while let slot = culprit, rounds > 0 {
      rounds -= 1
      // One that is being answered cannot be told anything else; then whoever asks has to go without.
      let hasLetGo = connections[slot]?.giveUpBuffers() ?? false
      if slot == connection.slot { return }
      guard hasLetGo else {
        _ = connection.giveUpBuffers()
        return
      }
      culprit = buffers.culprit(asking: connection.slot, now: now)
    }
  }

  /// There is no room for the rest of the request: not the client's fault, and worth another try.
  func refuseForRoom(_ connection: Connection) {
    claimOutbox(for: connection)
    metrics.answered(placement: nil, status: 503)
    let problem = Problem(
      status: 503, detail: "Too many requests are arriving at once, and this one has taken longest.")
    composer.write(problem, .close, to: .get, into: &outbox) { out in out.append(field: "Retry-After", "1") }
  }

  // MARK: Turns.

  /// The connection has had its share of this turn, and goes on when the others' input has been read.
  func goOnLater(_ connection: Connection) {
    givenWay.append(connection)
    // A message to itself, because it wakes the loop without making others wait for a timer's millisecond.
    if givenWay.count == 1 { mailbox.post(.takeTurns) }
  }

  func takeTurns() {
    let waiting = givenWay
    givenWay.removeAll(keepingCapacity: true)
    for connection in waiting { connection.goOn() }
  }
}
