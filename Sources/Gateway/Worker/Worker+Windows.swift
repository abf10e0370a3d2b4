import Bytes
import Configuration
import Memcached
import Model
import Reactor

// A user's last interactions: this worker's copy, else memcached's.
extension Worker {
  /// Finds the window of the connection's user and tells the exchange. The segment's list, which most users without a
  /// window get, is asked for in the same batch.
  func fetchWindow(for connection: Connection) {
    guard let user = connection.visit.user else { return }
    key.removeAll()
    placements.windowKeys.append(user, to: &key)
    let entry = l1.find(key.bytes, now: unixSeconds)
    if let entry, memcached == nil || unixSeconds < l1.freshUntil(entry) {
      metrics.windows.hits += 1
      connection.visit.ground.window = l1.name(entry)
      return useWindow(entry, for: connection)
    }
    metrics.windows.misses += 1
    guard memcached != nil else { return beginWindow(of: user, for: connection) }
    connection.visit.ground.isWindowForeign = true
    if askForWindow(of: user, for: connection) { return prefetchSegmentList(for: connection) }
    // A copy that may be behind is better than none.
    if let entry { return useWindow(entry, for: connection) }
    tellWindow(.unavailable, to: connection)
  }

  /// Without memcached, who has no window here has none; that is kept too.
  private func beginWindow(of user: UserHash, for connection: Connection) {
    keepWindow(Window.empty.utf8.span.bytes, of: user)
    if let entry = copyOfWindow(of: user) { connection.visit.ground.window = l1.name(entry) }
    tellWindow(.empty, to: connection)
  }

  /// Whether a fetch of the window is under way after this. The window's key stands in `self.key`.
  private func askForWindow(of user: UserHash, for connection: Connection) -> Bool {
    let waiter = Waiter(slot: connection.slot, visit: connection.visit.id, list: nil)
    if tellsTimes { connection.visit.times.waitsSinceNanoseconds = loop.nowNanoseconds }
    if let fetch = windowFetches.fetch(of: user) {
      guard hasRoom(&fetch.waiters) else { return false }
      fetch.waiters.append(waiter)
      waitForWindow(connection)
      return true
    }
    guard let memcached else { return false }
    let fetch = windowFetches.begin(user)
    guard memcached.get(key: key.bytes, echoesKey: true, ticket: Ticket.window(fetch.index).number) else {
      windowFetches.end(fetch)
      return false
    }
    fetch.waiters.append(waiter)
    waitForWindow(connection)
    return true
  }

  /// Memcached has answered about a window.
  func windowAnswered(_ fetch: WindowFetches.Fetch, _ reply: borrowing CacheReply) {
    if tellsTimes {
      let (now, times) = (loop.nowNanoseconds, StageTimes(memcachedNanoseconds: reply.durationNanoseconds))
      for waiter in fetch.waiters { withWaiting(waiter) { $0.visit.times.add(times, now: now) } }
    }
    windowFetches.close(fetch)
    defer { windowFetches.end(fetch) }
    if fetch.isOvertaken, hasWindow(of: fetch.user) { return useOldWindow(for: fetch) }
    switch reply.status {
    case .hit where reply.flags == Window.flags && isWindow(reply.value): useWindow(reply.value, for: fetch)
    case .failed: useOldWindow(for: fetch)
    default:
      if case .hit = reply.status { metrics.badWindows += 1 }
      useWindow(Window.empty.utf8.span.bytes, for: fetch)
    }
  }

  private func useWindow(_ window: RawSpan, for fetch: WindowFetches.Fetch) {
    keepWindow(window, of: fetch.user)
    for waiter in fetch.waiters { withWaiting(waiter) { tellWindow(window, to: $0) } }
  }

  /// This worker's copy, whatever its age.
  private func copyOfWindow(of user: UserHash) -> L1Cache.Index? {
    key.removeAll()
    placements.windowKeys.append(user, to: &key)
    return key.withBytes { l1.find($0, now: unixSeconds) }
  }

  private func hasWindow(of user: UserHash) -> Bool { copyOfWindow(of: user) != nil }

  private func useOldWindow(for fetch: WindowFetches.Fetch) {
    for waiter in fetch.waiters {
      withWaiting(waiter) { connection in
        // Looked for anew for each: what is done for one may move the entry.
        guard let entry = copyOfWindow(of: fetch.user) else { return tellWindow(.unavailable, to: connection) }
        useWindow(entry, for: connection)
      }
    }
  }

  /// The fetch takes too long for this one: a copy that may be behind is better than none.
  func goOnWithoutWindow(_ connection: Connection) {
    guard let user = connection.visit.user, connection.visit.exchange.awaitsWindow else { return }
    guard let entry = copyOfWindow(of: user) else { return tellWindow(.unavailable, to: connection) }
    useWindow(entry, for: connection)
  }

  /// Keeps a window, empty ones too, so that a user's next request asks nobody. It outlives its freshness: with every
  /// node down an old copy still makes answers personal.
  func keepWindow(_ window: RawSpan, of user: UserHash) {
    windowFetches.fetch(of: user)?.isOvertaken = true
    key.removeAll()
    placements.windowKeys.append(user, to: &key)
    let lives = unixSeconds + UInt32(Window.ttlSeconds)
    let fresh = memcached == nil ? lives : unixSeconds + UInt32(settings.windowFreshSeconds)
    _ = key.withBytes { l1.insert($0, window, freshUntil: fresh, staleUntil: lives, now: unixSeconds) }
  }

  private func tellWindow(_ window: RawSpan, to connection: Connection) {
    connection.window.removeAll()
    connection.window.append(window)
    tellWindow(Exchange.WindowState(window), to: connection)
  }

  /// The same with a copy of this worker's. It is taken out first: what follows may change the cache.
  private func useWindow(_ entry: L1Cache.Index, for connection: Connection) {
    connection.window.removeAll()
    l1.withValue(entry) { connection.window.append($0) }
    tellWindow(connection.window.count > Window.emptyBytes ? .some : .empty, to: connection)
  }

  private func tellWindow(_ state: Exchange.WindowState, to connection: Connection) {
    perform(connection.visit.exchange.windowKnown(state), for: connection)
  }

  private func prefetchSegmentList(for connection: Connection) {
    let visit = connection.visit
    guard visit.shelf.placement.scope != .user, let subject = visit.subject(of: .segment) else { return }
    composeKey(subject, visit)
    guard l1.find(key.bytes, now: unixSeconds) == nil, flights.flight(key.bytes) == nil else { return }
    let flight = begin(subject, .segment, for: connection, purpose: .prefetch)
    guard flight.isUnderWay else { return }
    flight.waiters.append(Waiter(slot: connection.slot, visit: visit.id, list: nil))
  }
}

extension Exchange.WindowState {
  init(_ bytes: RawSpan) {
    self = bytes.byteCount > Window.emptyBytes ? .some : .empty
  }
}

extension Window {
  /// Bytes of a window without events: its head alone.
  static var emptyBytes: Int { 5 }
  static var empty: String { "NTW1\0" }
}

/// Whether a value is a window, so that it may be kept and read without another check.
func isWindow(_ bytes: RawSpan) -> Bool {
  do {
    _ = try Window(bytes).count
    return true
  } catch {
    return false
  }
}

extension RawSpan {
  /// A copy that may be kept.
  func copied() -> [UInt8] { withUnsafeBytes { Array($0) } }
}
