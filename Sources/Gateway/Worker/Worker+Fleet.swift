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
  /// stage of a flight is bounded by itself: memcached by its timeout, waits for others by 14 ms.
  var flightAgeMaxNanoseconds: UInt64 { UInt64(max(1000, 4 * settings.memcachedTimeoutMilliseconds)) * 1_000_000 }

  /// What comes next now that memcached has answered about a flight's list, which was made at `createdAt`; nil for no
  /// list that may be answered with.
  func nextStep(
    of flight: Flights.Flight, _ reply: borrowing CacheReply, createdAt: UInt32?
  ) -> FlightCourse.Step {
    let step = flight.course.answered(
      found(reply, createdAt, freshSeconds: flight.recipe.policy.freshSeconds), FlightCourse.Token(reply),
      cas: reply.cas, for: flight.purpose, chance: Double.random(in: 0..<1, using: &random))
    if case .serve(refreshes: true) = step, !reply.won { metrics.fleet.takeovers += 1 }
    return step
  }

  private func found(
    _ reply: borrowing CacheReply, _ createdAt: UInt32?, freshSeconds: UInt32
  ) -> FlightCourse.Found {
    if let createdAt {
      let freshUntil = createdAt &+ freshSeconds
      return unixSeconds < freshUntil ? .fresh : .stale(seconds: unixSeconds - freshUntil)
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
      cutLate(flight)
      if flight.waiters.isEmpty {
        flights.end(flight)
      } else if !ask(flight) {
        compute(flight)
      }
    }
    if awaiting.isEmpty { fleetTick?.stop() }
  }

  /// Sends a computed list to memcached without waiting, if it is this flight's to write. The TTL is shortened by up to a
  /// tenth, so that lists made together do not expire together.
  func writeBack(_ bytes: RawSpan, _ flight: Flights.Flight) {
    let mode: SetMode
    switch flight.course.write {
    case .always: mode = .always
    case .ifUnchanged(let cas): mode = .ifUnchanged(cas: cas)
    case .not:
      metrics.fleet.unwritten += 1
      return
    }
    flight.course.settled()
    let lifetime = Double(flight.recipe.policy.freshSeconds + flight.recipe.policy.staleSeconds)
    let ttl = max(2, Int(lifetime * (1 - 0.1 * Double.random(in: 0..<1, using: &random))))
    flight.key.withBytes { key in
      _ = memcached?.set(key: key, value: bytes, flags: RenderedList.flags, ttlSeconds: ttl, mode: mode)
    }
  }

  /// The flight ends without its list: what it won is another's to win.
  func giveBack(_ flight: Flights.Flight) {
    let (debt, staleSeconds) = (flight.course.debt, Int(flight.recipe.policy.staleSeconds))
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
