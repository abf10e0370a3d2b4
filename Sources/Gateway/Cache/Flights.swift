import Bytes
import Model

/// The searches for lists that are under way in one worker: one a key, however many requests want it.
///
/// A flight looks in memcached, then computes. Requests that want its key meanwhile wait with it; each keeps its own
/// deadline and leaves on its own. A flight without a waiter refreshes a list that was served stale or brings one in
/// that will probably be wanted.
///
/// Flights are used again: a search that memcached answers allocates nothing.
struct Flights: ~Copyable {
  /// Requests that may wait for one key. Above it they are answered from trending at once: they would all be woken in
  /// one turn, 1,024 × some 10 µs = 10 ms.
  static let waitersMax = 1_024

  enum Purpose {
    /// Somebody waits.
    case answer
    /// A list that was served stale is made anew.
    case refresh
    /// The list will probably be wanted: brought from memcached, but not computed.
    case prefetch
  }

  /// One search. Belongs to whoever `begin` gave it to until `end`.
  final class Flight {
    let index: Int
    fileprivate(set) var key = ByteBuffer(capacity: CacheKey.bytesMax)
    /// XXH3 of the key.
    fileprivate(set) var keyHash: UInt64 = 0
    fileprivate(set) var recipe: Recipe!
    /// The user's window when the list is the user's, else empty.
    fileprivate(set) var window = ByteBuffer(capacity: 64)
    var purpose = Purpose.answer
    var waiters: [Waiter] = []
    /// What its stages took, for those who wait and tell.
    var times = StageTimes()
    /// Memcached is asked for another program's list first.
    var asksForExternal = false
    /// Its placement's policy has changed since it began: who waits is answered, but the list is not kept.
    var isDisowned = false
    /// Memcached has nothing, or cannot be asked.
    var isReadyToCompute = false
    /// Who holds the flight: a reply of memcached that is owed, the queue of those that wait to be computed, the one of
    /// those that nobody waits for. It ends when none does.
    var isAsked = false
    var isQueued = false
    var isInBackground = false
    /// It waits for another worker or gateway to fill its key.
    var isAwaiting = false
    /// Its waiters have been told: what still holds it is to let it go.
    var isOver = false
    /// When waiting for memcached would take more of a waiter's time than it may.
    var patienceNanoseconds = UInt64.max

    var isHeld: Bool { isAsked || isQueued || isInBackground || isAwaiting }
    /// What it does next, and what it owes the fleet.
    var course = FlightCourse()
    fileprivate(set) var begunNanoseconds: UInt64 = 0
    /// When to ask again for what another fills; 0 when not waiting for that.
    var asksAgainNanoseconds: UInt64 = 0

    fileprivate init(index: Int) { self.index = index }

    var isUnderWay: Bool { recipe != nil }

    /// Whether a stored list is one that this flight would make.
    func accepts(_ list: borrowing RenderedList) -> Bool { list.createdAt >= window.withBytes { Recipe.reflects($0) } }
  }

  private var pool: [Flight] = []
  private var free: [Int] = []
  /// By XXH3 of the key. Two keys with one hash (2⁻⁶⁴ a pair) do not share a flight: the later computes alone.
  private var index = HashIndex()

  /// Flights that have begun and not ended.
  var count: Int { pool.count - free.count }

  subscript(_ place: Int) -> Flight { pool[place] }

  /// The flight that others may join for this key.
  func flight(_ key: RawSpan) -> Flight? {
    guard let place = index[xxh3(key)] else { return nil }
    let flight = pool[place]
    return flight.key.withBytes { equal($0, key) } ? flight : nil
  }

  /// Begins a search and lets others find it. `window` is copied.
  mutating func begin(_ key: RawSpan, _ recipe: Recipe, window: RawSpan, purpose: Purpose, now: UInt64) -> Flight {
    let flight = take()
    flight.begunNanoseconds = now
    flight.key.removeAll()
    flight.key.append(key)
    flight.keyHash = xxh3(key)
    flight.recipe = recipe
    flight.window.removeAll()
    flight.window.append(window)
    flight.purpose = purpose
    flight.times = StageTimes()
    _ = index.insert(flight.keyHash, flight.index)
    return flight
  }

  /// Nobody may join any more: its waiters are about to be told.
  mutating func close(_ flight: Flight) { index.remove(flight.keyHash, flight.index) }

  /// Others may join again: its list is being made anew.
  mutating func reopen(_ flight: Flight) {
    guard !flight.isDisowned else { return }
    _ = index.insert(flight.keyHash, flight.index)
  }

  /// The flight is over, nothing that it asked for is outstanding, and nobody holds it.
  mutating func end(_ flight: Flight) {
    precondition(flight.isUnderWay && !flight.isHeld, "a flight was ended twice, or somebody will come back to it")
    close(flight)
    flight.recipe = nil
    flight.waiters.removeAll(keepingCapacity: true)
    flight.asksForExternal = false
    flight.isDisowned = false
    flight.isReadyToCompute = false
    flight.isOver = false
    flight.patienceNanoseconds = .max
    flight.course = FlightCourse()
    flight.asksAgainNanoseconds = 0
    free.append(flight.index)
  }

  /// Those under way began by another policy: who waits is answered, but nobody joins them and nothing of them is kept.
  mutating func disown() {
    for flight in pool where flight.isUnderWay {
      flight.isDisowned = true
      close(flight)
    }
  }

  /// Calls `body` with each flight under way.
  func forEach(_ body: (Flight) -> Void) {
    for flight in pool where flight.isUnderWay { body(flight) }
  }

  private mutating func take() -> Flight {
    if let place = free.popLast() { return pool[place] }
    pool.append(Flight(index: pool.count))
    return pool[pool.count - 1]
  }
}

/// A request that waits: its connection's slot, and the visit that tells it from a later one. `list` is what it looks
/// for; nil when it only wants to know where the list came from.
struct Waiter: Sendable, Equatable {
  let slot: Int
  let visit: UInt64
  let list: Exchange.List?
}
