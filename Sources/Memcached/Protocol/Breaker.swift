/// Whether a node may be asked, and when to try a lost one again: pure. Time and chance are given.
///
/// A request that gets no answer costs its waiter the whole `timeout`; one that is not sent costs nothing. So a node that
/// fails is not asked for a while, and the whiles grow:
///
///     closed ──too many failures──► open ──delay is over──► halfOpen ──probe answered in time──► closed
///        │                           ▲                          │
///        └─ one failure: reconnect   └────── probe failed ──────┘
///
/// Every failure here ends the connection, for an answer may still come on it (see `MetaConnection`). While there is
/// none, each request is a miss at once, whatever the state: nobody ever waits for the breaker. Closed, the next attempt
/// comes soon. Open, it comes after a delay that grows with each failed probe, and the probe is a connection and
/// greeting of our own, never somebody's request.
///
/// Two things open it: `failuresMax` failures with no answer between them, or, in a node that answers some and lets
/// others wait, a share of timeouts above `timeoutShareMax` within `windowMilliseconds`. One pause of a server times out
/// everything that was in flight at once, so the share counts only from `incidentsMin` pauses on.
///
/// A node that opens again soon after it closed flaps: each round costs the requests of one moment their timeout, so
/// each waits twice as long as the one before, whatever its probes say.
///
/// There is no limit on how many nodes of a pool may be open at once, as balancers have: an open node's keys go to no
/// other node, so opening one never burdens the rest.
struct Breaker {
  struct Limits: Equatable {
    /// Delays between attempts: the n-th failure in a row waits up to first · 2ⁿ⁻¹, never above max.
    var firstMilliseconds = 50
    var maxMilliseconds = 2000
    /// Failures in a row, with no answer between them, that open it.
    var failuresMax = 3
    /// Timeouts among the requests of the window, from this many incidents on.
    var timeoutShareMax = 0.05
    var incidentsMin = 3
    var windowMilliseconds = 10_000
    /// A connection that stood this long was a good one: counting starts anew after it. A breaker that opens within
    /// this time after it closed flaps; the n-th flap in a row waits up to flapFirst · 2ⁿ⁻¹, never above flapMax.
    var settledMilliseconds = 10_000
    var flapFirstMilliseconds = 1000
    var flapMaxMilliseconds = 30_000
  }

  let limits: Limits
  private(set) var state = BreakerState.closed
  private(set) var openedCount: UInt64 = 0
  /// Failures since the last answer.
  private(set) var failures = 0
  /// Times in a row that it opened soon after it had closed.
  private(set) var flaps = 0
  private var greetedNanoseconds: UInt64?
  private var closedNanoseconds: UInt64?
  private var window: Window

  init(limits: Limits) {
    self.limits = limits
    window = Window(nanoseconds: Self.nanoseconds(limits.windowMilliseconds))
  }

  /// A request was answered. O(1), a comparison and two additions: this is called for every answer.
  mutating func answered(now: UInt64) {
    failures = 0
    window.answered(now: now)
  }

  /// The wait is over: the next connection is a probe if this was open.
  mutating func attempts() {
    if state == .open { state = .halfOpen }
  }

  /// The connection's greeting was answered, and in time: requests may flow.
  mutating func greeted(now: UInt64) {
    greetedNanoseconds = now
    guard state != .closed else { return }
    state = .closed
    closedNanoseconds = now
    window.clear()
  }

  /// The attempt failed or the connection ended, with this many requests that waited too long: how many milliseconds to
  /// wait before the next attempt. `chance` is uniform in 0..<1.
  ///
  /// The wait is between half and all of its ceiling: never at once, and workers that lost the same node together come
  /// back apart.
  mutating func failed(timeouts: Int, now: UInt64, chance: Double) -> Int {
    if hasPassed(limits.settledMilliseconds, since: greetedNanoseconds, now) { failures = 0 }
    greetedNanoseconds = nil
    failures += 1
    window.failed(timeouts: timeouts, now: now)
    if state == .halfOpen {
      state = .open
    } else if state == .closed && isTooMuch {
      open(now: now)
    }
    // 2²⁰ first delays are beyond any max; the cap keeps the shift defined.
    var ceiling = min(limits.firstMilliseconds << min(max(failures, 1) - 1, 20), limits.maxMilliseconds)
    if state == .open && flaps > 0 {
      ceiling = max(ceiling, min(limits.flapFirstMilliseconds << min(flaps - 1, 20), limits.flapMaxMilliseconds))
    }
    return max(1, Int(Double(ceiling) * (0.5 + 0.5 * chance)))
  }

  private mutating func open(now: UInt64) {
    let isFlap = closedNanoseconds != nil && !hasPassed(limits.settledMilliseconds, since: closedNanoseconds, now)
    flaps = isFlap ? flaps + 1 : 0
    state = .open
    openedCount += 1
  }

  private var isTooMuch: Bool {
    failures >= limits.failuresMax
      || (window.incidents >= limits.incidentsMin && window.timeoutShare > limits.timeoutShareMax)
  }

  private func hasPassed(_ milliseconds: Int, since start: UInt64?, _ now: UInt64) -> Bool {
    start.map { now &- $0 >= Self.nanoseconds(milliseconds) } ?? false
  }

  private static func nanoseconds(_ milliseconds: Int) -> UInt64 { UInt64(max(milliseconds, 0)) * 1_000_000 }
}

/// Whether requests are sent to a node.
public enum BreakerState: UInt8, Sendable, Equatable, CaseIterable {
  /// They are, while it is connected.
  case closed
  /// They are misses at once, and no attempt is made for a while.
  case open
  /// They are misses at once, while one probe finds out.
  case halfOpen

  /// The word for labels and logs.
  public var label: StaticString {
    switch self {
    case .closed: "closed"
    case .open: "open"
    case .halfOpen: "half_open"
    }
  }
}

extension Breaker {
  /// Answers and timeouts of the last while, in two halves: the running one, and the one before. What is counted is
  /// between half a window and a whole one old.
  private struct Window {
    private struct Half {
      var answers = 0
      var timeouts = 0
      var incidents = 0
    }

    private let halfNanoseconds: UInt64
    private var startedNanoseconds: UInt64 = 0
    private var running = Half()
    private var previous = Half()

    init(nanoseconds: UInt64) { halfNanoseconds = max(nanoseconds / 2, 1) }

    var incidents: Int { running.incidents + previous.incidents }

    /// 0 when nothing was asked.
    var timeoutShare: Double {
      let timeouts = running.timeouts + previous.timeouts
      let all = timeouts + running.answers + previous.answers
      return all == 0 ? 0 : Double(timeouts) / Double(all)
    }

    mutating func answered(now: UInt64) {
      if now &- startedNanoseconds >= halfNanoseconds { turn(now: now) }
      running.answers += 1
    }

    mutating func failed(timeouts: Int, now: UInt64) {
      if now &- startedNanoseconds >= halfNanoseconds { turn(now: now) }
      running.timeouts += timeouts
      if timeouts > 0 { running.incidents += 1 }
    }

    mutating func clear() { (running, previous) = (Half(), Half()) }

    private mutating func turn(now: UInt64) {
      // A half that ended more than a half ago is out of the window.
      previous = now &- startedNanoseconds < 2 * halfNanoseconds ? running : Half()
      running = Half()
      startedNanoseconds = now
    }
  }
}
