import Memcached

/// What a flight does next, and what it owes the fleet: pure, no I/O and no clock. `Worker` does what it says.
///
/// Within a worker one flight a key is all there is. Across workers and gateways, memcached hands out claims: the first
/// to miss a key makes an empty stub and wins it (`N`), the first to read a list that is about to expire wins its refresh
/// (`R`); everyone else is told that somebody has (`Z`). So a key that a whole fleet wants is computed once.
///
///     ask ─┬─ a list ──► serve it, and refresh it if this flight won that
///          ├─ nothing, won ──► compute, write over the stub
///          ├─ nothing, another's ──► wait 2, 4, 8 ms and ask again: the other takes a fraction of that ──► compute, unwritten
///          └─ no answer ──► compute
///
/// Once is not promised where it cannot be: while a node is away each worker computes for itself; a winner that dies
/// leaves its stub for `stubSeconds`, in which each worker computes, and its refresh token until `takeoverSeconds` have
/// passed; memcached may evict a stub. What is written is then still one value: all but the first meet a changed CAS.
struct FlightCourse: Sendable, Equatable {
  /// How long a stub stands if its winner dies: far above any computation; memcached counts in seconds and may be one
  /// early.
  static let stubSeconds = 5
  /// Waits for another's fill: a list takes 0.1 to 0.3 ms to compute, so one is the rule and three mean a dead winner.
  static let waitsMilliseconds: InlineArray<3, Int> = [2, 4, 8]
  /// A list that is stale for longer than this and still not refreshed has lost its winner.
  static let takeoverSeconds: UInt32 = 5

  /// What memcached had for the key.
  enum Found: Sendable, Equatable {
    case fresh
    /// Past fresh by this many seconds.
    case stale(seconds: UInt32)
    /// Something, but no list that may be answered with.
    case unusable
    case nothing
    case noAnswer
  }

  /// Who fills or refreshes the key.
  enum Token: Sendable, Equatable { case none, won, anothers }

  enum Step: Sendable, Equatable {
    /// Answer who waits with the list that came; then compute it anew if `refreshes`.
    case serve(refreshes: Bool)
    case compute
    /// Ask again at once, to claim what is missing.
    case ask
    case wait(milliseconds: Int)
    /// Nobody wants it, or somebody else does it.
    case end
  }

  /// How the list that is computed goes to memcached.
  enum Write: Sendable, Equatable {
    case always
    /// If the key still holds what was seen.
    case ifUnchanged(cas: UInt64)
    case not
  }

  /// What must be undone when the flight ends without its list.
  enum Debt: Sendable, Equatable {
    case none
    /// Delete the stub, so that another may win.
    case stub(cas: UInt64)
    /// Mark the list stale again, which makes a new token.
    case refresh(cas: UInt64)
  }

  private(set) var write = Write.always
  private(set) var debt = Debt.none
  private(set) var waits = 0
  /// Whether the key was asked for with a claim. A prefetch makes none: it would not compute.
  private(set) var claims = false

  /// Memcached is about to be asked.
  mutating func asks(for purpose: Flights.Purpose) { claims = purpose != .prefetch }

  /// Memcached has answered, or cannot. `cas` names what the key holds now; 0 for nothing. `chance` is uniform in 0..<1.
  mutating func answered(
    _ found: Found, _ token: Token, cas: UInt64, for purpose: Flights.Purpose, chance: Double = 0
  ) -> Step {
    switch found {
    case .fresh: return serve(refreshes: token == .won, token, cas)
    case .stale(let seconds): return serve(refreshes: refreshes(seconds, token, chance), token, cas)
    case .unusable:
      write = .ifUnchanged(cas: cas)
      if token == .won { debt = .refresh(cas: cas) }
      return purpose == .prefetch ? .end : .compute
    case .nothing: return missed(token, cas, purpose)
    case .noAnswer: return purpose == .prefetch ? .end : .compute
    }
  }

  /// The list is on its way to memcached, or what was owed has been given back.
  mutating func settled() { debt = .none }

  private mutating func serve(refreshes: Bool, _ token: Token, _ cas: UInt64) -> Step {
    if refreshes { write = .ifUnchanged(cas: cas) }
    if token == .won { debt = .refresh(cas: cas) }
    return .serve(refreshes: refreshes)
  }

  /// Somebody else refreshes it, unless they have not for too long. Each takes over at a time of its own within as long
  /// again, so that mostly one does. Without any token its TTL was longer than ours are: nobody will be told to.
  private func refreshes(_ staleSeconds: UInt32, _ token: Token, _ chance: Double) -> Bool {
    switch token {
    case .won, .none: true
    case .anothers: Double(staleSeconds) >= Double(Self.takeoverSeconds) * (1 + chance)
    }
  }

  private mutating func missed(_ token: Token, _ cas: UInt64, _ purpose: Flights.Purpose) -> Step {
    switch token {
    case .won:
      write = .ifUnchanged(cas: cas)
      debt = .stub(cas: cas)
      return .compute
    case .anothers:
      guard purpose == .answer else { return .end }
      write = .not
      guard waits < Self.waitsMilliseconds.count else { return .compute }
      waits += 1
      return .wait(milliseconds: Self.waitsMilliseconds[waits - 1])
    case .none:
      if purpose == .prefetch { return .end }
      // Somebody began to wait for what was only prefetched.
      return claims ? .compute : .ask
    }
  }
}

extension FlightCourse.Token {
  init(_ reply: borrowing CacheReply) { self = reply.won ? .won : reply.alreadyWon ? .anothers : .none }
}
