/// How much a worker gives up so that it can go on. Each level gives up what the one before does, and more; each is
/// cheaper than the one before, and the last ones cost next to nothing a request.
///
/// Up to `.refusing` every hit of a cache and every health check is answered as ever.
enum PressureLevel: UInt8, Sendable, Comparable, CaseIterable {
  case calm
  /// Stale lists are served and not made anew.
  case noRefresh
  /// Lists are served stale for longer. What is computed is still written to memcached: a write costs some microseconds,
  /// and leaving it out keeps the cache cold, which is what the pressure came from.
  case longStale
  /// Only keys that are asked for repeatedly are computed.
  case hotOnly
  /// Nothing is computed: every miss is answered with what is trending.
  case popular
  /// Misses are answered with 503 and a time to come back.
  case refusing
  /// New connections are closed at once.
  case closed

  static func < (left: PressureLevel, right: PressureLevel) -> Bool { left.rawValue < right.rawValue }

  var refreshes: Bool { self < .noRefresh }
  var writesMemcached: Bool { self < .popular }
  var servesLongStale: Bool { self >= .longStale }
  var refusesMisses: Bool { self >= .refusing }
  var accepts: Bool { self < .closed }
}

/// The level that a worker's signals call for.
///
/// It rises at once, by as many levels as the worst signal asks for. It falls one level at a time, after a quiet time in
/// which every signal was below half of what the level needs. A level that takes its own cause away would fall, rise and
/// fall for as long as the load lasts, so each fall that proves wrong (a rise soon after it) doubles the quiet time, up
/// to 8 intervals, 0.8 s; each that proves right halves it, so that recovery gathers speed.
struct Pressure: Sendable {
  struct Signals: Sendable {
    /// What the turn took without computing. An event waits up to that long for the loop before anyone can measure it:
    /// nothing else shows what queues in the kernel. Computing is left out: it is bounded a turn, and a large catalogue
    /// must not look like a busy loop.
    var edgeNanoseconds: UInt64
    /// For how long lists have waited to be computed without a break.
    var heldNanoseconds: UInt64
    /// From when on that counts as a queue that stands.
    var standingNanoseconds: UInt64
    /// Keys waited for.
    var waiting: Int
    /// Output that clients have not read.
    var bufferedBytes: Int
  }

  /// Parts of a limit, in 16ths, at which levels 1 to 6 begin. A signal that a level cannot relieve has no place there:
  /// unread output shrinks with the answers (503) and the connections only, and the queue's own laws hold what waits to
  /// be computed in bounds, so a standing queue gives up background work and leaves the core to those who wait.
  ///
  ///     edge ÷ target            ½     1     2     4     8     16   5 ms: 2.5 5 10 20 40 80 ms
  ///     held ÷ standing          ¼     1     –     –     –     –
  ///     waiting ÷ waitingMax     ½     ⅝     ¾     ⅞     1     –
  ///     buffered ÷ bufferedMax   –     –     –     –     ¾     1
  private static let edgeTriggers: [6 of UInt64] = [8, 16, 32, 64, 128, 256]
  private static let heldTriggers: [6 of UInt64] = [4, 16, .max, .max, .max, .max]
  private static let waitingTriggers: [6 of UInt64] = [8, 10, 12, 14, 16, .max]
  private static let bufferedTriggers: [6 of UInt64] = [.max, .max, .max, .max, 12, 16]

  /// Turns that must all be long before a level rises for it. A thread that loses its core for 100 ms has one long turn,
  /// then one of some 10 ms for what has come meanwhile, then a short one.
  private static let turnsMin = 3
  /// The quiet time doubles up to this many times.
  private static let doublingsMax: UInt64 = 3

  private(set) var level = PressureLevel.calm
  private(set) var changes: UInt64 = 0
  private let settings: AdmissionSettings
  private var edges = InlineArray<3, UInt64>(repeating: 0)
  private var turn = 0
  private var calmSince: UInt64?
  private var fellAt: UInt64?
  /// Of the quiet time now, and when the last descent began.
  private var doublings: UInt64 = 0
  private var doublingsAtRise: UInt64 = 0

  init(_ settings: AdmissionSettings) { self.settings = settings }

  private var quietNanoseconds: UInt64 { settings.intervalNanoseconds << doublings }

  /// Takes in what a turn shows; true when the level has changed.
  mutating func note(_ signals: Signals, now: UInt64) -> Bool {
    edges[turn] = signals.edgeNanoseconds
    turn = turn + 1 == Self.turnsMin ? 0 : turn + 1
    // Nearly every turn of nearly every day: three comparisons.
    if level == .calm && isCalm(signals) { return false }
    let before = level
    let wanted = level(for: signals, scale: 1)
    if wanted > level {
      rise(to: wanted, now)
    } else if level > .calm {
      // Half of the trigger is where a level may be left: twice the signal must not reach it.
      fall(towards: level(for: signals, scale: 2), now)
    }
    if level != before { changes += 1 }
    return level != before
  }

  /// Whether no signal comes near a trigger.
  private func isCalm(_ signals: Signals) -> Bool {
    2 * signals.edgeNanoseconds < settings.targetNanoseconds && signals.heldNanoseconds == 0
      && 2 * signals.waiting < settings.waitingMax && 2 * signals.bufferedBytes < settings.bufferedBytesMax
  }

  private mutating func rise(to wanted: PressureLevel, _ now: UInt64) {
    // A fall was wrong if its cause is back within twice the time that was to show that it is gone.
    let isBack = fellAt.map { now < $0 + 2 * (settings.intervalNanoseconds << doublingsAtRise) } ?? false
    doublingsAtRise = isBack ? min(doublingsAtRise + 1, Self.doublingsMax) : 0
    doublings = doublingsAtRise
    level = wanted
    calmSince = nil
  }

  private mutating func fall(towards floor: PressureLevel, _ now: UInt64) {
    guard floor < level else {
      calmSince = nil
      return
    }
    let since = calmSince ?? now
    calmSince = since
    guard now >= since + quietNanoseconds else { return }
    level = PressureLevel(rawValue: level.rawValue - 1)!
    doublings = doublings > 0 ? doublings - 1 : 0
    fellAt = now
    calmSince = now
  }

  private func level(for signals: Signals, scale: UInt64) -> PressureLevel {
    var edge = UInt64.max
    for index in edges.indices { edge = min(edge, edges[index]) }
    return max(
      Self.level(edge, settings.targetNanoseconds, Self.edgeTriggers, scale),
      Self.level(signals.heldNanoseconds, signals.standingNanoseconds, Self.heldTriggers, scale),
      Self.level(UInt64(signals.waiting), UInt64(settings.waitingMax), Self.waitingTriggers, scale),
      Self.level(UInt64(signals.bufferedBytes), UInt64(settings.bufferedBytesMax), Self.bufferedTriggers, scale))
  }

  private static func level(
    _ value: UInt64, _ limit: UInt64, _ triggers: [6 of UInt64], _ scale: UInt64
  ) -> PressureLevel {
    let (parts, overflows) = value.multipliedReportingOverflow(by: 16 * scale)
    let share = overflows ? UInt64.max - 1 : parts / max(1, limit)
    // `.max` is reached by no share.
    for place in (0..<6).reversed() where share >= triggers[place] { return PressureLevel(rawValue: UInt8(place + 1))! }
    return .calm
  }
}
