import Memcached

/// What a flight does next, and what it owes the fleet: pure, no I/O and no clock. `Worker` does what it says.
///
/// Within a worker one flight a key is all there is. Across workers and gateways, memcached hands out claims: the first
/// to miss a key makes an empty stub and wins it (`N`), the first to read a list that is about to expire wins its refresh
/// (`R`); everyone else is told that somebody has (`Z`). So a key that a whole fleet wants is computed once.
///
///     ask ─┬─ a list ──► serve it, and refresh it if this flight won that
///          ├─ nothing, won ──► compute, write over the stub
///          ├─ nothing, another's ──► wait 2, 4, 8 … ms and ask again, for half the deadline ──► compute, unwritten
///          └─ no answer ──► compute
///
/// Once is not promised where it cannot be: while a node is away each worker computes for itself; a winner that dies
/// leaves its stub for `stubSeconds`, in which each worker computes, and its refresh token until `takeoverSeconds` have
/// passed; memcached may evict a stub. What is written is then still one value: all but the first meet a changed CAS.
struct FlightCourse: Sendable, Equatable {
  /// How long a stub stands if its winner dies: far above any computation; memcached counts in seconds and may be one
  /// early.
  static let stubSeconds = 5
  /// The first wait for another's fill; each is twice the one before. A list takes 0.1 to 0.3 ms to compute, so one wait
  /// is the rule, and three, 14 ms of a deadline of 50, mean a dead winner.
  static let firstWaitMilliseconds = 2
  /// A refresh that another has won for longer than this and that has not come has lost its winner.
  static let takeoverSeconds: UInt32 = 5

  /// What memcached had for the key.
  enum Found: Sendable, Equatable {
    case fresh
    /// Past fresh, and known to be another's to refresh for this many seconds.
    case stale(watchedSeconds: UInt32)
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
  private var isPrefetch = false

  /// Memcached is about to be asked. Nothing is claimed that would not be written.
  mutating func asks(for purpose: Flights.Purpose, mayClaim: Bool = true) {
    isPrefetch = purpose == .prefetch
    claims = mayClaim && !isPrefetch
  }

  /// Memcached has answered, or cannot. `cas` names what the key holds now; 0 for nothing. `chance` is uniform in 0..<1.
  /// Waits for others take `patienceMilliseconds` at most.
  mutating func answered(
    _ found: Found, _ token: Token, cas: UInt64, for purpose: Flights.Purpose, patienceMilliseconds: Int,
    chance: Double = 0
  ) -> Step {
    switch found {
    case .fresh: return serve(refreshes: token == .won, token, cas)
    case .stale(let watched): return serve(refreshes: refreshes(watched, token, chance), token, cas)
    case .unusable:
      write = .ifUnchanged(cas: cas)
      if token == .won { debt = .refresh(cas: cas) }
      return purpose == .prefetch ? .end : .compute
    case .nothing: return missed(token, cas, purpose, patienceMilliseconds)
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
  private func refreshes(_ watchedSeconds: UInt32, _ token: Token, _ chance: Double) -> Bool {
    switch token {
    case .won, .none: true
    case .anothers: Double(watchedSeconds) >= Double(Self.takeoverSeconds) * (1 + chance)
    }
  }

  private mutating func missed(
    _ token: Token, _ cas: UInt64, _ purpose: Flights.Purpose, _ patienceMilliseconds: Int
  ) -> Step {
    switch token {
    case .won:
      write = .ifUnchanged(cas: cas)
      debt = .stub(cas: cas)
      return .compute
    case .anothers:
      guard purpose == .answer else { return .end }
      write = .not
      let wait = Self.firstWaitMilliseconds << min(waits, 20)
      let waited = wait - Self.firstWaitMilliseconds
      guard waited + wait <= patienceMilliseconds else { return .compute }
      waits += 1
      return .wait(milliseconds: wait)
    case .none:
      if purpose == .prefetch { return .end }
      // Somebody began to wait for what was only prefetched: once more, with a claim.
      return isPrefetch ? .ask : .compute
    }
  }
}

extension FlightCourse.Token {
  init(_ reply: borrowing CacheReply) { self = reply.won ? .won : reply.alreadyWon ? .anothers : .none }
}

/// Since when this worker knows that another has won a list's refresh: a refresh that does not come is taken over.
///
/// A direct-mapped table: 1,024 × 16 bytes a worker. A key that another pushes out is watched anew, which delays its
/// takeover and does no more.
struct StaleWatch: ~Copyable {
  private static let slotCount = 1024
  private struct Slot {
    var revision: UInt64 = 0
    var sinceSeconds: UInt32 = 0
  }
  private var slots = Array(repeating: Slot(), count: slotCount)

  /// Seconds since this revision of the key was first seen here as another's to refresh; 0 the first time.
  mutating func seconds(_ keyHash: UInt64, cas: UInt64, now: UInt32) -> UInt32 {
    let revision = keyHash ^ cas &* 0x9E37_79B9_7F4A_7C15
    let slot = Int(truncatingIfNeeded: keyHash) & (Self.slotCount - 1)
    if slots[slot].revision == revision { return now &- slots[slot].sinceSeconds }
    slots[slot] = Slot(revision: revision, sinceSeconds: now)
    return 0
  }
}
