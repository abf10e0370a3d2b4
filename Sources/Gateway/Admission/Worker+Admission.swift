import Configuration
import HTTP
import Logging
import Model
import Reactor
import Telemetry

// What `Admission` decides, done: lists wait to be computed until a turn's input has been answered.
extension Worker {
  /// The wait for memcached is over, or there is none: the flight's list is to be computed, if it may be.
  func queue(_ flight: Flights.Flight) {
    flight.isReadyToCompute = true
    if flight.purpose == .refresh { return queueRefresh(flight) }
    let now = loop.nowNanoseconds
    guard flight.purpose == .answer, let deadline = lastDeadline(of: flight) else {
      // Nobody waits any more. What it has claimed it fills all the same, when there is time.
      if flight.course.debt != .none { return refresh(flight) }
      close(flight)
      return release(flight)
    }
    let verdict = admission.admit(
      flight, keyHash: flight.keyHash, byMany: flight.waiters.count > 1, deadlineNanoseconds: deadline, now: now)
    switch verdict {
    case .queued: flight.isQueued = true
    case .queuedInsteadOf(let other):
      flight.isQueued = true
      shed(other, .queueFull)
    case .shed(let reason): shed(flight, reason)
    }
  }

  /// A list that nobody waits for is to be made anew, when there is time.
  func queueRefresh(_ flight: Flights.Flight) {
    flight.isInBackground = admission.admitRefresh(flight, now: loop.turnNanoseconds)
    guard !flight.isInBackground else { return }
    close(flight)
    release(flight)
  }

  /// One more waits for a flight under way. A refresh that somebody waits for now must not wait until nobody does.
  func join(_ flight: Flights.Flight, _ waiter: Waiter, _ connection: Connection) {
    flight.waiters.append(waiter)
    flight.purpose = .answer
    admission.noteJoined(keyHash: flight.keyHash, now: loop.turnNanoseconds)
    watchDeadline(of: connection)
    if flight.isInBackground && !flight.isQueued { return queue(flight) }
    if !flight.isReadyToCompute { waitForMemcached(flight, connection) }
  }

  /// Until when it is worth computing: when the last who waits must be answered.
  private func lastDeadline(of flight: Flights.Flight) -> UInt64? {
    var last: UInt64?
    for waiter in flight.waiters where waiter.list != nil {
      withWaiting(waiter) { last = max(last ?? 0, $0.visit.deadlineNanoseconds) }
    }
    return last
  }

  /// The list is not computed: who waits is answered with less. As a refresh, if it is one too, it stays.
  private func shed(_ flight: Flights.Flight, _ reason: ShedReason) {
    flight.isQueued = false
    if !flight.isInBackground { close(flight) }
    for waiter in flight.waiters where waiter.list != nil {
      withWaiting(waiter) { connection in
        switch reason {
        case .refused: refuseForNow(connection)
        case .late: cutShort(connection, because: .deadlineExceeded)
        default: cutShort(connection, because: .overloaded)
        }
      }
    }
    flight.waiters.removeAll(keepingCapacity: true)
    if flight.isInBackground { flight.purpose = .refresh }
    release(flight)
  }

  /// 503, when everything else has been given up. Clients that are refused together must not come back together.
  private func refuseForNow(_ connection: Connection) {
    let placement = connection.visit.shelf.index
    _ = connection.visit.exchange.cutShort(because: .overloaded)
    if connection.batch != nil { return refusePart(ofBatchOn: connection) }
    metrics.versions.refused(row: connection.visit.shelf.row)
    answerBusy(connection, placement: placement)
  }

  func answerBusy(_ connection: Connection, placement: Int?) {
    let seconds = Int.random(in: Worker.retryAfterSeconds, using: &random)
    answer(Worker.busy, on: connection, placement: placement) { $0.append(field: "Retry-After", "\(seconds)") }
  }

  static let busy = Problem(
    status: 503, detail: "This node has more to do than it can; ask again after the time in Retry-After.")

  /// The quiet times of all levels together are below 2 s.
  static let retryAfterSeconds = 1...4

  // MARK: Once a turn.

  /// After a poll: takes in how busy the loop is, then computes what the turn has time for. While something waits the
  /// loop goes on without sleeping, and what it polls meanwhile comes first.
  func computeInTurn() {
    let activity = loop.activity
    // Also called when timers and mailboxes have had their say: then the sockets are next.
    if activity.turns != polled.turns {
      notePressure(activity)
      if !admission.isIdle {
        workOff()
        goOn()
      }
    }
    guard !admission.isIdle else { return }
    if let turnTimer, !turnTimer.isActive { turnTimer.start(milliseconds: 0) }
  }

  private func notePressure(_ activity: LoopActivity) {
    let computing = metrics.stages.compute.sumNanoseconds
    let busy = activity.busyNanoseconds - polled.busyNanoseconds
    let computed = computing - polled.computeNanoseconds
    polled = (activity.turns, activity.busyNanoseconds, computing)
    let hasChanged = admission.turnEnded(
      edgeNanoseconds: busy > computed ? busy - computed : 0, waiting: flights.count + windowFetches.count,
      bufferedBytes: buffers.bytes, now: loop.turnNanoseconds)
    guard hasChanged else { return }
    scheduleSweep(now: loop.turnNanoseconds)
    pressureLog.note(admission.level)
    logPressure()
  }

  private func workOff() {
    admission.beginDrain(now: loop.nowNanoseconds)
    while true {
      switch admission.next(now: loop.nowNanoseconds, isWantedByMany: { $0.waiters.count > 1 }) {
      case .rest: return
      case .compute(let flight):
        flight.isQueued = false
        computeIfWanted(flight)
      case .refresh(let flight):
        flight.isInBackground = false
        if flight.isOver { release(flight) } else { compute(flight) }
      case .shed(let flight, .background):
        flight.isInBackground = false
        if !flight.isQueued { close(flight) }
        release(flight)
      case .shed(let flight, let reason): shed(flight, reason)
      }
    }
  }

  /// Answers those who cannot be in time, and computes for the others.
  private func computeIfWanted(_ flight: Flights.Flight) {
    guard !flight.isOver else { return release(flight) }
    let now = loop.nowNanoseconds
    cut(flight) { !admission.canStart(deadlineNanoseconds: $0, now: now) }
    guard lastDeadline(of: flight) != nil else {
      admission.foundLate()
      if !flight.isInBackground { close(flight) } else { flight.purpose = .refresh }
      return release(flight)
    }
    compute(flight)
  }

  func logPressure() {
    guard let line = pressureLog.line(admission.level, now: loop.turnNanoseconds) else { return }
    log.log(
      level: line.highest >= .hotOnly ? .warning : .notice, "pressure level is \(line.level.rawValue)",
      metadata: [
        "level": "\(line.level)", "highest": "\(line.highest)", "changes": "\(line.changes)", "worker": "\(index)",
        "queued": "\(admission.waiting)",
      ])
  }

  // MARK: Shares of a request's time.

  /// Memcached may take half of what a request has left, and no more than `memcached.timeout`, of which the client takes
  /// care. When that is up the list is computed; the reply, when it comes, is kept.
  func waitForMemcached(_ flight: Flights.Flight, _ connection: Connection) {
    watchDeadline(of: connection)
    let (visit, now) = (connection.visit, loop.turnNanoseconds)
    let left = visit.deadlineNanoseconds > now ? visit.deadlineNanoseconds - now : 0
    if left / 2 < UInt64(settings.memcachedTimeoutMilliseconds) * 1_000_000 {
      flight.patienceNanoseconds = min(flight.patienceNanoseconds, now + left / 2)
      watchPatience(of: flight)
    }
  }

  /// The same for a window.
  func waitForWindow(_ connection: Connection) {
    watchDeadline(of: connection)
    if let patience = windowPatience(connection.visit) { watchAnswer(of: connection, atNanoseconds: patience) }
  }

  /// A flight's patience may be over. It may also be another search than the one that was to be looked at.
  func patienceReached(_ flight: Flights.Flight, now: UInt64) {
    guard flight.isAsked || flight.isAwaiting, !flight.isReadyToCompute, flight.patienceNanoseconds != .max else { return }
    guard now >= flight.patienceNanoseconds else { return watchPatience(of: flight) }
    if flight.purpose == .answer { queue(flight) }
  }

  /// When a request has waited for a window for long enough; nil when memcached's timeout is before that.
  func windowPatience(_ visit: Visit) -> UInt64? {
    let half = (visit.deadlineNanoseconds - visit.startedNanoseconds) / 2
    return half < UInt64(settings.memcachedTimeoutMilliseconds) * 1_000_000 ? visit.startedNanoseconds + half : nil
  }

  // MARK: Older lists.

  /// The second at which a list is looked up: an earlier one under pressure, so that it may be stale for twice as long.
  func lookUpSeconds(_ shelf: Shelf) -> UInt32 {
    guard admission.level.servesLongStale else { return unixSeconds }
    return unixSeconds - min(unixSeconds, shelf.staleSeconds)
  }
}

extension AdmissionSettings {
  init(_ settings: Settings) {
    queueMax = settings.overload.computeQueueMax
    targetNanoseconds = UInt64(settings.overload.targetDelayMilliseconds) * 1_000_000
    intervalNanoseconds = UInt64(settings.overload.intervalMilliseconds) * 1_000_000
    bufferedBytesMax = settings.overload.bufferedBytes
    waitingMax = settings.http.connectionsMax
  }
}
