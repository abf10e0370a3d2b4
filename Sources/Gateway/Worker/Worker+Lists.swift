import Bytes
import Glibc
import Memcached
import Model
import Reactor
import Telemetry

// How a list is found: L1, then memcached, then computed here. One search a key, however many wait for it.
extension Worker {
  /// Looks for a list that an exchange wants, and tells the exchange when it is there.
  func find(_ list: Exchange.List, for connection: Connection) {
    guard let recipe = recipe(for: list, connection), let visit = connection.visit else { return }
    composeKey(of: recipe)
    let entry = l1.find(key.bytes, now: unixSeconds)
    guard let entry, l1.withValue(entry, { recipe.accepts(RenderedList(validated: $0)) }) else {
      metrics.l1.misses += 1
      return join(recipe, list, for: connection)
    }
    if unixSeconds < l1.freshUntil(entry) {
      metrics.l1.hits += 1
      let tier = list == .segment ? visit.prefetched ?? .l1 : .l1
      return l1.withValue(entry) { tell(connection, list, at: tier, $0) }
    }
    metrics.l1.stale += 1
    if flights.flight(key.bytes) == nil { begin(recipe, purpose: .refresh) }
    // The entry may have moved on with what the refresh did at once.
    composeKey(of: recipe)
    guard let entry = l1.find(key.bytes, now: unixSeconds) else { return join(recipe, list, for: connection) }
    l1.withValue(entry) { tell(connection, list, at: .stale, $0) }
  }

  /// The list is here: the exchange decides, and the answer is composed from it.
  private func tell(_ connection: Connection, _ list: Exchange.List, at tier: Tier, _ bytes: RawSpan) {
    guard case .answer(let answer)? = connection.visit?.exchange.found(list, at: tier) else { return }
    compose(answer, for: connection, list: bytes)
  }

  func recipe(for list: Exchange.List, _ connection: Connection) -> Recipe? {
    guard let visit = connection.visit else { return nil }
    return connection.window.withBytes { visit.recipe(for: list, placements[visit.placement], window: $0) }
  }

  func composeKey(of recipe: Recipe) {
    key.removeAll()
    recipe.append(keyTo: &key)
  }

  /// Waits for the key's flight, which is begun if there is none. The key stands in `self.key`.
  private func join(_ recipe: Recipe, _ list: Exchange.List, for connection: Connection) {
    let waiter = Flights.Waiter(slot: connection.slot, visit: connection.visit!.id, list: list)
    if let present = flights.flight(key.bytes), recipe.isAnswered(by: present.recipe) {
      guard present.waiters.count < Flights.waitersMax else { return cutShort(connection, because: .overloaded) }
      metrics.l1.collapsed += 1
      present.waiters.append(waiter)
      present.purpose = .answer
      return watchDeadlines()
    }
    let flight = begin(recipe, purpose: .answer)
    flight.waiters.append(waiter)
    if flight.isReadyToCompute { compute(flight) } else { watchDeadlines() }
  }

  /// Starts the search for the key that stands in `self.key`: in memcached, if a node of it answers.
  @discardableResult
  func begin(_ recipe: Recipe, purpose: Flights.Purpose) -> Flights.Flight {
    let flight = Flights.Flight(key: key.bytes.copied(), recipe: recipe, purpose: purpose)
    flights.begin(flight)
    if !askForExternal(flight) && !ask(flight) {
      flight.isReadyToCompute = true
      switch purpose {
      case .answer: break
      case .refresh: refreshes.append(flight)
      case .prefetch: flights.end(flight)
      }
    }
    return flight
  }

  /// Whether memcached was asked for the flight's key.
  func ask(_ flight: Flights.Flight) -> Bool {
    let (ticket, key) = (newTicket(), flight.key)
    let recache = Int(flight.recipe.policy.staleSeconds) + earlyRefreshSeconds()
    guard let memcached, memcached.get(key: key.span.bytes, recacheSeconds: recache, ticket: ticket) else {
      return false
    }
    tickets[ticket] = .list(flight)
    return true
  }

  /// XFetch (Vattani et al., VLDB 2015): the closer to expiry, the likelier a read is asked to refresh. Computing takes
  /// far less than memcached's grain of a second, so the margin is one of those.
  private func earlyRefreshSeconds() -> Int {
    1 + Int(-Glibc.log(Double.random(in: .leastNonzeroMagnitude...1, using: &random)))
  }

  /// Memcached has answered about a list.
  func listAnswered(_ flight: Flights.Flight, _ reply: borrowing CacheReply) {
    metrics.stages.memcached.record(nanoseconds: reply.durationNanoseconds)
    if flight.asksForExternal { return externalAnswered(flight, reply) }
    guard let createdAt = usable(reply, for: flight) else {
      metrics.l2.misses += 1
      return compute(flight)
    }
    keep(reply.value, flight, createdAt: createdAt)
    if unixSeconds < createdAt &+ flight.recipe.policy.freshSeconds {
      metrics.l2.hits += 1
      finish(flight, reply.value, at: .l2)
      if reply.won { refresh(flight) }
    } else {
      metrics.l2.stale += 1
      finish(flight, reply.value, at: .stale)
      // Only the winner refreshes; the others serve the stale list meanwhile.
      if reply.won { refresh(flight) }
    }
  }

  /// When the list in a reply was made; nil when the reply is no list that may be answered with.
  private func usable(_ reply: borrowing CacheReply, for flight: Flights.Flight) -> UInt32? {
    guard case .hit = reply.status else { return nil }
    do throws(RenderedListFault) {
      guard reply.flags == RenderedList.flags else { throw .foreign }
      let list = try RenderedList(reply.value, keyHash: flight.keyHash)
      return flight.recipe.accepts(list) ? list.createdAt : nil
    } catch {
      metrics.badLists += 1
      return nil
    }
  }

  /// Computes the list again when this turn's answers are out: nobody waits for it.
  private func refresh(_ flight: Flights.Flight) {
    let again = Flights.Flight(key: flight.key, recipe: flight.recipe, purpose: .refresh)
    flights.begin(again)
    refreshes.append(again)
  }

  /// Computes a flight's list and answers who waits, unless everyone is past their deadline.
  func compute(_ flight: Flights.Flight) {
    cutLate(flight)
    guard flight.purpose == .refresh || flight.purpose == .answer && !flight.waiters.isEmpty else {
      return flights.end(flight)
    }
    let started = loop.nowNanoseconds
    list.removeAll()
    var failure: RenderFailure?
    do throws(RenderFailure) {
      try flight.recipe.render(keyHash: flight.keyHash, now: unixSeconds, scratch: scratch, into: &list)
    } catch {
      failure = error
    }
    metrics.stages.compute.record(nanoseconds: loop.nowNanoseconds - started)
    if let failure { return fail(flight, because: FallbackReason(failure)) }
    list.withBytes { bytes in
      keep(bytes, flight, createdAt: unixSeconds)
      writeBack(bytes, flight)
      finish(flight, bytes, at: .computed)
    }
  }

  /// Sends a list to memcached without waiting. The TTL is shortened by up to a tenth, so that lists made together do
  /// not expire together.
  private func writeBack(_ bytes: RawSpan, _ flight: Flights.Flight) {
    let lifetime = Double(flight.recipe.policy.freshSeconds + flight.recipe.policy.staleSeconds)
    let ttl = max(2, Int(lifetime * (1 - 0.1 * Double.random(in: 0..<1, using: &random))))
    let key = flight.key
    memcached?.set(key: key.span.bytes, value: bytes, flags: RenderedList.flags, ttlSeconds: ttl)
  }

  func keep(_ bytes: RawSpan, _ flight: Flights.Flight, createdAt: UInt32) {
    guard !flight.isDisowned else { return }
    let fresh = createdAt &+ flight.recipe.policy.freshSeconds
    let key = flight.key
    l1.insert(key.span.bytes, bytes, freshUntil: fresh, staleUntil: fresh &+ flight.recipe.policy.staleSeconds)
  }

  // MARK: The end of a flight.

  /// Answers everyone who waits with the list.
  func finish(_ flight: Flights.Flight, _ bytes: RawSpan, at tier: Tier) {
    flights.end(flight)
    for waiter in flight.waiters {
      withWaiting(waiter) { connection in
        guard let list = waiter.list else {
          connection.visit?.prefetched = tier
          return
        }
        tell(connection, list, at: tier, bytes)
      }
    }
  }

  /// There is no such list: everyone who waits hears so.
  private func fail(_ flight: Flights.Flight, because cause: FallbackReason) {
    flights.end(flight)
    for waiter in flight.waiters {
      withWaiting(waiter) { connection in
        guard let list = waiter.list else { return }
        if let action = connection.visit?.exchange.missing(list, because: cause) { perform(action, for: connection) }
      }
    }
  }

  /// Calls `body` with a waiter's connection if it still waits for the same answer.
  func withWaiting(_ waiter: Flights.Waiter, _ body: (Connection) -> Void) {
    guard let connection = connections[waiter.slot], connection.visit?.id == waiter.visit else { return }
    body(connection)
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
