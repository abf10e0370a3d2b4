import Bytes
import Model

/// The searches for lists that are under way in one worker: one a key, however many requests want it.
///
/// A flight looks in memcached, then computes. Requests that want its key meanwhile wait with it; each keeps its own
/// deadline and leaves on its own. A flight without a waiter refreshes a list that was served stale or brings one in
/// that will probably be wanted.
struct Flights {
  /// Requests that may wait for one key. Above it they are answered from trending at once: they would all be woken in
  /// one turn, 1,024 × some 10 µs = 10 ms.
  static let waitersMax = 1_024

  /// A request that waits: its connection's slot, and the visit that tells it from a later one. `list` is what it
  /// looks for; nil when it only wants to know where the list came from.
  struct Waiter: Sendable, Equatable {
    let slot: Int
    let visit: UInt64
    let list: Exchange.List?
  }

  enum Purpose {
    /// Somebody waits.
    case answer
    /// A list that was served stale is made anew.
    case refresh
    /// The list will probably be wanted: brought from memcached, but not computed.
    case prefetch
  }

  final class Flight {
    let key: [UInt8]
    /// XXH3 of the key.
    let keyHash: UInt64
    let recipe: Recipe
    var purpose: Purpose
    var waiters: [Waiter] = []
    /// Memcached is asked for another program's list first.
    var asksForExternal = false
    /// Its placement's policy has changed since it began: who waits is answered, but the list is not kept.
    var isDisowned = false
    /// Memcached has nothing, or cannot be asked.
    var isReadyToCompute = false

    init(key: [UInt8], recipe: Recipe, purpose: Purpose) {
      self.key = key
      keyHash = xxh3(key.span.bytes)
      self.recipe = recipe
      self.purpose = purpose
    }
  }

  /// By XXH3 of the key. Two keys with one hash (2⁻⁶⁴ a pair) do not share a flight: the later computes alone.
  private var flights: [UInt64: Flight] = [:]

  var count: Int { flights.count }
  var all: some Collection<Flight> { flights.values }

  func flight(_ key: RawSpan) -> Flight? {
    guard let flight = flights[xxh3(key)] else { return nil }
    return flight.key.withBytes { equal($0, key) } ? flight : nil
  }

  /// Lets others find the flight, unless another key's has the place.
  mutating func begin(_ flight: Flight) {
    if flights[flight.keyHash] == nil { flights[flight.keyHash] = flight }
  }

  mutating func end(_ flight: Flight) {
    if flights[flight.keyHash] === flight { flights[flight.keyHash] = nil }
  }

  /// Those under way began by another policy: what comes later does not wait for them, and keeps nothing of them.
  mutating func disown() {
    for flight in flights.values { flight.isDisowned = true }
  }
}
