import Bytes
import Configuration
import Memcached
import Model
import Reactor

// What a flight has to do with other workers and gateways: who fills a key that all of them miss. `FlightCourse` decides.
extension Worker {
  /// Flights that wait for another's fill are looked at this often.
  static let fleetTickMilliseconds = 1
  /// A flight that is older than this has gone wrong somewhere, and the next request for its key begins another. Each
  /// stage of a flight is bounded by itself: memcached by its timeout, waits for others by half the deadline.
  func isTooOld(_ flight: Flights.Flight) -> Bool {
    let ageMilliseconds = Int((loop.turnNanoseconds &- flight.begunNanoseconds) / 1_000_000)
    let deadlineMilliseconds = flight.recipe.shelf.policy.deadlineMicroseconds / 1000
    return ageMilliseconds > max(1000, 4 * settings.memcachedTimeoutMilliseconds + 2 * deadlineMilliseconds)
  }

  /// What comes next now that memcached has answered about a flight's list, which was made at `createdAt`; nil for no
  /// list that may be answered with.
  func nextStep(
    of flight: Flights.Flight, _ reply: borrowing CacheReply, createdAt: UInt32?
  ) -> FlightCourse.Step {
    let shelf = flight.recipe.shelf
    let step = flight.course.answered(
      found(reply, of: flight, createdAt), FlightCourse.Token(reply), cas: reply.cas,
      for: flight.purpose, patienceMilliseconds: shelf.policy.deadlineMicroseconds / 2000,
      chance: Double.random(in: 0..<1, using: &random))
    if case .serve(refreshes: true) = step, !reply.won { metrics.fleet.takeovers += 1 }
    return step
  }

  private func found(
    _ reply: borrowing CacheReply, of flight: Flights.Flight, _ createdAt: UInt32?
  ) -> FlightCourse.Found {
    if let createdAt {
      if unixSeconds < createdAt &+ flight.recipe.shelf.freshSeconds { return .fresh }
      guard reply.alreadyWon else { return .stale(watchedSeconds: 0) }
      return .stale(watchedSeconds: staleWatch.seconds(flight.keyHash, cas: reply.cas, now: unixSeconds))
    }
    switch reply.status {
    case .hit: return .unusable
    case .failed: return .noAnswer
    default: return .nothing
    }
  }

  /// Another worker or gateway fills the key: this flight asks again a little later.
  func wait(_ flight: Flights.Flight, milliseconds: Int) {
    metrics.fleet.waits += 1
    flight.asksAgainNanoseconds = loop.nowNanoseconds + UInt64(milliseconds) * 1_000_000
    flight.isAwaiting = true
    awaiting.append(flight)
    if let fleetTick, !fleetTick.isActive {
      fleetTick.start(milliseconds: Worker.fleetTickMilliseconds, repeating: true)
    }
  }

  func askAgain() {
    let now = loop.nowNanoseconds
    let waiting = awaiting
    awaiting.removeAll(keepingCapacity: true)
    for flight in waiting {
      guard now >= flight.asksAgainNanoseconds else {
        awaiting.append(flight)
        continue
      }
      flight.isAwaiting = false
      cut(flight) { now >= $0 }
      if flight.isOver || flight.isReadyToCompute {
        release(flight)
      } else if flight.waiters.isEmpty || !ask(flight) {
        queue(flight)
      }
    }
    if awaiting.isEmpty { fleetTick?.stop() }
  }

  /// Sends a computed list to memcached without waiting, if it is this flight's to write. The TTL is shortened by up to a
  /// tenth, so that lists made together do not expire together.
  func writeBack(_ bytes: RawSpan, _ flight: Flights.Flight) {
    guard admission.level.writesMemcached else { return }
    let mode: SetMode
    switch flight.course.write {
    case .always: mode = .always
    case .ifUnchanged(let cas): mode = .ifUnchanged(cas: cas)
    case .not:
      metrics.fleet.unwritten += 1
      return
    }
    flight.course.settled()
    let lifetime = Double(flight.recipe.shelf.freshSeconds + flight.recipe.shelf.staleSeconds)
    let ttl = max(2, Int(lifetime * (1 - 0.1 * Double.random(in: 0..<1, using: &random))))
    flight.key.withBytes { key in
      _ = memcached?.set(key: key, value: bytes, flags: RenderedList.flags, ttlSeconds: ttl, mode: mode)
    }
  }

  /// The flight ends. What it won and has not written is another's to win.
  func giveBack(_ flight: Flights.Flight) {
    let (debt, staleSeconds) = (flight.course.debt, Int(flight.recipe.shelf.staleSeconds))
    flight.course.settled()
    flight.key.withBytes { key in
      switch debt {
      case .none: return
      case .stub(let cas): _ = memcached?.delete(key: key, cas: cas)
      case .refresh(let cas): _ = memcached?.delete(key: key, cas: cas, staleSeconds: staleSeconds)
      }
      metrics.fleet.handedBack += 1
    }
  }
}
