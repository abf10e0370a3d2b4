import Bytes
import Memcached
import Model
import Reactor
import Telemetry

// How a list is found: L1, then memcached, then computed here. One search a key, however many wait for it.
extension Worker {
  /// Looks for a list that an exchange wants, and tells the exchange when it is there.
  func find(_ list: Exchange.List, for connection: Connection) {
    let visit = connection.visit
    guard let subject = visit.subject(of: list) else { return }
    composeKey(subject, visit)
    let seconds = lookUpSeconds(visit.shelf)
    let found = l1.find(key.bytes, now: seconds)
    if tellsTimes { visit.times.cacheNanoseconds = elapsedNanoseconds(visit) }
    guard let entry = found else {
      metrics.l1.misses += 1
      return join(subject, list, for: connection)
    }
    guard isUsable(entry, list, connection), unixSeconds < l1.staleUntil(entry) else {
      if admission.level.servesLongStale { return tellLongStale(connection, list, entry) }
      metrics.l1.misses += 1
      return join(subject, list, for: connection)
    }
    if unixSeconds < l1.freshUntil(entry) {
      metrics.l1.hits += 1
      let tier = list == .segment ? visit.prefetched ?? .l1 : .l1
      visit.ground.list = l1.name(entry)
      l1.withValue(entry) { tell(connection, list, at: tier, $0) }
      return keepComposed()
    }
    metrics.l1.stale += 1
    if admission.level.refreshes, flights.flight(key.bytes) == nil {
      begin(subject, list, for: connection, purpose: .refresh)
    }
    // The entry may have moved on with what the refresh did at once.
    composeKey(subject, visit)
    guard let entry = l1.find(key.bytes, now: unixSeconds) else { return join(subject, list, for: connection) }
    l1.withValue(entry) { tell(connection, list, at: .stale, $0) }
  }

  /// Whether a list that was found reflects all that its user has done.
  private func isUsable(_ entry: L1Cache.Index, _ list: Exchange.List, _ connection: Connection) -> Bool {
    guard list == .user else { return true }
    let reflects = connection.window.withBytes { Recipe.reflects($0) }
    return l1.withValue(entry) { RenderedList(validated: $0).createdAt >= reflects }
  }

  /// The list is here: the exchange decides, and the answer is composed from it.
  private func tell(_ connection: Connection, _ list: Exchange.List, at tier: Tier, _ bytes: RawSpan) {
    guard case .answer(let answer) = connection.visit.exchange.found(list, at: tier) else { return }
    compose(answer, for: connection, list: bytes)
  }

  /// Composes a list's key into `self.key`.
  func composeKey(_ subject: Subject, _ visit: Visit) {
    key.removeAll()
    let shelf = visit.shelf!
    shelf.served!.keys[shelf.index].append(subject, visit.bucket, visit.variant, to: &key)
  }

  /// Under pressure a list may answer that is older than it should be: `because` says so.
  private func tellLongStale(_ connection: Connection, _ list: Exchange.List, _ entry: L1Cache.Index) {
    metrics.l1.stale += 1
    guard case .answer(let answer) = connection.visit.exchange.found(list, at: .stale, because: .overloaded) else {
      return
    }
    l1.withValue(entry) { compose(answer, for: connection, list: $0) }
  }

  /// Waits for the key's flight, which is begun if there is none. The key stands in `self.key`.
  private func join(_ subject: Subject, _ list: Exchange.List, for connection: Connection) {
    let waiter = Waiter(slot: connection.slot, visit: connection.visit.id, list: list)
    if tellsTimes { connection.visit.times.waitsSinceNanoseconds = loop.nowNanoseconds }
    let present = flights.flight(key.bytes)
    if let present, isTooOld(present) {
      flights.close(present)
    } else if let present, isAnswered(by: present, list, connection) {
      guard hasRoom(&present.waiters) else { return cutShort(connection, because: .overloaded) }
      // A prefetch is nobody's yet: probably this very request began it, with its window.
      connection.visit.isCollapsed = present.purpose != .prefetch
      if connection.visit.isCollapsed { metrics.l1.collapsed += 1 }
      return join(present, waiter, connection)
    }
    let flight = begin(subject, list, for: connection, purpose: .answer)
    flight.waiters.append(waiter)
    if flight.isReadyToCompute {
      watchDeadline(of: connection)
      queue(flight)
    } else {
      waitForMemcached(flight, connection)
    }
  }

  /// Whether a flight of the same key makes what the connection wants: from the same window.
  private func isAnswered(by flight: Flights.Flight, _ list: Exchange.List, _ connection: Connection) -> Bool {
    guard list == .user else { return true }
    return connection.window.withBytes { window in flight.window.withBytes { equal($0, window) } }
  }

  /// Starts the search for the key that stands in `self.key`: in memcached, if a node of it answers.
  ///
  /// A prefetch that cannot be asked for is over when this returns.
  @discardableResult
  func begin(
    _ subject: Subject, _ list: Exchange.List, for connection: Connection, purpose: Flights.Purpose
  ) -> Flights.Flight {
    let recipe = connection.visit.recipe(for: subject)
    let flight = key.withBytes { key in
      connection.window.withBytes { window in
        flights.begin(
          key, recipe, window: window.extracting(first: list == .user ? window.byteCount : 0), purpose: purpose,
          now: loop.turnNanoseconds)
      }
    }
    if !askForExternal(flight) && !ask(flight) {
      flight.isReadyToCompute = true
      switch purpose {
      case .answer: break
      case .refresh: queueRefresh(flight)
      case .prefetch: flights.end(flight)
      }
    }
    return flight
  }

  /// Whether memcached was asked for the flight's key.
  func ask(_ flight: Flights.Flight) -> Bool {
    guard let memcached else { return false }
    // Who wins must refresh: under pressure nobody wants to.
    let recache = admission.level.refreshes ? Int(flight.recipe.shelf.staleSeconds) + EarlyRefresh.seconds(&random) : nil
    flight.course.asks(for: flight.purpose, mayClaim: admission.level.writesMemcached)
    let vivify = flight.course.claims ? FlightCourse.stubSeconds : nil
    flight.isAsked = flight.key.withBytes {
      memcached.get(
        key: $0, recacheSeconds: recache, vivifySeconds: vivify, ticket: Ticket.list(flight.index).number)
    }
    return flight.isAsked
  }

  /// Memcached has answered about a list.
  func listAnswered(_ flight: Flights.Flight, _ reply: borrowing CacheReply) {
    metrics.stages.memcached.record(nanoseconds: reply.durationNanoseconds)
    flight.isAsked = false
    flight.times.memcachedNanoseconds += reply.durationNanoseconds
    if flight.asksForExternal { return externalAnswered(flight, reply) }
    let createdAt = usable(reply, for: flight)
    let step = nextStep(of: flight, reply, createdAt: createdAt)
    guard case .serve(let refreshes) = step, let createdAt else {
      metrics.l2.misses += 1
      return flight.isReadyToCompute ? release(flight) : missed(flight, step)
    }
    // What was computed meanwhile is newer.
    if !flight.isOver || !isKept(flight) { keep(reply.value, flight, createdAt: createdAt) }
    let isFresh = unixSeconds < createdAt &+ flight.recipe.shelf.freshSeconds
    if isFresh { metrics.l2.hits += 1 } else { metrics.l2.stale += 1 }
    if flight.isOver { return release(flight) }
    answerWaiters(of: flight, reply.value, at: isFresh ? .l2 : .stale)
    if refreshes && !flight.isQueued { refresh(flight) } else { release(flight) }
  }

  /// Memcached has no list for the flight.
  private func missed(_ flight: Flights.Flight, _ step: FlightCourse.Step) {
    switch step {
    case .serve, .compute: queue(flight)
    case .ask: if !ask(flight) { queue(flight) }
    case .wait(let milliseconds): wait(flight, milliseconds: milliseconds)
    case .end:
      close(flight)
      release(flight)
    }
  }

  /// When the list in a reply was made; nil when the reply is no list that may be answered with.
  private func usable(_ reply: borrowing CacheReply, for flight: Flights.Flight) -> UInt32? {
    guard case .hit = reply.status else { return nil }
    do throws(RenderedListFault) {
      guard reply.flags == RenderedList.flags else { throw .foreign }
      let list = try RenderedList(reply.value, keyHash: flight.keyHash)
      // memcached's clock has a grain of a second and its times a floor of two: what it still holds may be past stale.
      let shelf = flight.recipe.shelf
      guard unixSeconds < list.createdAt &+ shelf.freshSeconds &+ shelf.staleSeconds else { return nil }
      return flight.accepts(list) ? list.createdAt : nil
    } catch {
      metrics.badLists += 1
      return nil
    }
  }

  /// Computes the list again when this turn's answers are out: nobody waits for it.
  func refresh(_ flight: Flights.Flight) {
    flight.purpose = .refresh
    flight.times = StageTimes()
    flight.waiters.removeAll(keepingCapacity: true)
    flights.reopen(flight)
    flight.isOver = false
    queueRefresh(flight)
  }

  /// Computes a flight's list and answers who waits. The flight is over.
  func compute(_ flight: Flights.Flight) {
    if flight.purpose == .refresh { metrics.fleet.computedRefreshes += 1 } else { metrics.fleet.computedAnswers += 1 }
    let started = stageClock.begin()
    list.removeAll()
    var failure: RenderFailure?
    do throws(RenderFailure) {
      try flight.window.withBytes { (window) throws(RenderFailure) in
        try flight.recipe.render(
          keyHash: flight.keyHash, window: window, now: unixSeconds, telling: &stageClock, scratch: scratch,
          into: &list)
      }
      metrics.stages.record(stageClock)
    } catch {
      failure = error
    }
    let ended = loop.nowNanoseconds
    flight.times.computeNanoseconds = ended - started
    metrics.stages.compute.record(nanoseconds: ended - started)
    admission.computed(from: started, to: ended)
    if let failure { return fail(flight, because: FallbackReason(failure)) }
    list.withBytes { bytes in
      keep(bytes, flight, createdAt: unixSeconds)
      writeBack(bytes, flight)
      finish(flight, bytes, at: .computed)
    }
  }

  func keep(_ bytes: RawSpan, _ flight: Flights.Flight, createdAt: UInt32) {
    guard !flight.isDisowned else { return }
    let fresh = createdAt &+ flight.recipe.shelf.freshSeconds
    flight.key.withBytes { key in
      _ = l1.insert(
        key, bytes, freshUntil: fresh, staleUntil: fresh &+ flight.recipe.shelf.staleSeconds, now: unixSeconds)
    }
  }

  private func isKept(_ flight: Flights.Flight) -> Bool {
    flight.key.withBytes { l1.find($0, now: unixSeconds) } != nil
  }

  // MARK: The end of a flight.

  /// Answers everyone who waits with the list. The flight is over.
  func finish(_ flight: Flights.Flight, _ bytes: RawSpan, at tier: Tier) {
    answerWaiters(of: flight, bytes, at: tier)
    release(flight)
  }

  private func answerWaiters(of flight: Flights.Flight, _ bytes: RawSpan, at tier: Tier) {
    close(flight)
    for waiter in flight.waiters {
      withWaiting(waiter) { connection in
        guard let list = waiter.list else {
          connection.visit.prefetched = tier
          return
        }
        if tellsTimes { connection.visit.times.add(flight.times, now: loop.nowNanoseconds) }
        tell(connection, list, at: tier, bytes)
      }
    }
  }

  /// There is no such list: everyone who waits hears so.
  private func fail(_ flight: Flights.Flight, because cause: FallbackReason) {
    close(flight)
    for waiter in flight.waiters {
      withWaiting(waiter) { connection in
        guard let list = waiter.list else { return }
        perform(connection.visit.exchange.missing(list, because: cause), for: connection)
      }
    }
    release(flight)
  }

  /// Its waiters are about to be told, and nobody may join any more.
  func close(_ flight: Flights.Flight) {
    flights.close(flight)
    flight.isOver = true
  }

  /// Lets go of a flight that is over, or that nobody waits for: it ends with the last who holds it.
  func release(_ flight: Flights.Flight) {
    guard !flight.isHeld else { return }
    giveBack(flight)
    flights.end(flight)
  }

  /// Calls `body` with a waiter's connection if it still waits for the same answer.
  func withWaiting(_ waiter: Waiter, _ body: (Connection) -> Void) {
    guard let connection = connections[waiter.slot] else { return }
    if connection.visit.id == waiter.visit { return body(connection) }
    guard let batch = connection.batch, let part = batch.part(ofVisit: waiter.visit) else { return }
    withPart(part, of: batch, on: connection) { body(connection) }
  }

  /// Whether who waits still does.
  func isWaiting(_ waiter: Waiter) -> Bool {
    guard let connection = connections[waiter.slot] else { return false }
    return connection.visit.id == waiter.visit || connection.batch?.part(ofVisit: waiter.visit) != nil
  }
}

extension FallbackReason {
  /// Why a list could not be made.
  init(_ failure: RenderFailure) {
    switch failure {
    case .unknownSubject, .unsearchable: self = .unknownUser
    case .nothingLeft, .filter: self = .filterEmpty
    }
  }
}
