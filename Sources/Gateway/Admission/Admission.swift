import Telemetry

// Which lists are computed, in what order, and who is answered with less because there is too much to do.
//
// A worker computes on its own loop, one list at a time: some 200 µs with the core's every cycle. So the number of
// computations under way is always one, and what a limit on concurrency would control elsewhere is the queue here.
// Four laws, each for one thing:
//
// 1. **A turn's budget** keeps hits fast. The queue is worked off after a turn's input has been read and answered, for
//    `turnBudgetNanoseconds` or one computation, whichever is more; then the sockets have their go. A hit that comes in
//    meanwhile waits for one computation, not for the queue. With c the loop's work a request and λ requests a second, a
//    turn takes T = S + λTc, so T = S ÷ (1 − λc): computing has every share of the core that hits leave, no less.
// 2. **CoDel, as servers use it** (Nichols and Jacobson, ACM Queue 10(5); the form of ACM Queue 2839461) bounds the time
//    in the queue. A burst is good: 200 misses at once are 40 ms of work and may all be in time, so whoever comes to an
//    empty queue may wait for `interval` (100 ms; deadlines are shorter). A queue that has not been empty for that long
//    is no burst: it only adds waiting, so the bound becomes `target` (5 ms) until it has been empty.
// 3. **Newest first while it stands** ("adaptive LIFO", same source): at three times what the core can do two of three
//    are answered with less anyway. First come, first served would let everyone wait 5 ms for it; newest first answers
//    those it computes after some 0.2 ms. Among the newest a key that others want too goes first: one computation then
//    answers many, and the next ones find it cached, so overload raises the hit ratio.
// 4. **A gradient limit on the number in the queue** (as concurrency-limits' Gradient2): who comes when more wait than
//    can be computed within the bound would only wait for nothing. With D the time from one computation's end to the
//    next while somebody waits (D ≥ S: it has the loop's other work in it), the bound holds target ÷ D of them
//    (5 ms ÷ 200 µs = 25). D is a slow average, taken up to twice as large when a quick one says that things have just
//    become slower: long ÷ short, clamped to 0.5…1. The oldest leaves when the queue is longer.
//
// Above that stand the levels of `Pressure`, for what the queue's own laws cannot mend: a loop that has no time left.
//
// A target below what a computation takes would refuse everything at moderate load, so target and interval grow with
// S: target ≥ 2 S.

/// The limits of a worker's admission. Nanoseconds, counts, bytes.
struct AdmissionSettings: Sendable {
  /// Lists that may wait to be computed, whatever the laws above say. 1,024 flights are some 2 MiB.
  var queueMax = 1_024
  var targetNanoseconds: UInt64 = 5_000_000
  var intervalNanoseconds: UInt64 = 100_000_000
  /// Keys that may be waited for, in memcached or in the queue.
  var waitingMax = 10_000
  /// Output that clients have not read, of all connections together.
  var bufferedBytesMax = 256 << 20
}

/// Why a list was not computed.
enum ShedReason: UInt8, Sendable, CaseIterable {
  /// More wait than can be computed within the bound, or than `queueMax`.
  case queueFull
  /// Waited longer than the bound.
  case sojourn
  /// Cannot be computed before its deadline.
  case late
  /// Nobody else wants the key, and the level is 3.
  case cold
  /// The level is 4: every miss is answered with what is trending.
  case pressure
  /// The level is 5 or more: 503.
  case refused
  /// Nobody waited for it, and the level is 1 or more, or too many like it wait.
  case background

  var name: StaticString {
    switch self {
    case .queueFull: "queue_full"
    case .sojourn: "sojourn"
    case .late: "late"
    case .cold: "cold"
    case .pressure: "pressure"
    case .refused: "refused"
    case .background: "background"
    }
  }
}

/// Decides what a worker computes. It holds no clock and does nothing: it is told when what happened.
struct Admission<Work> {
  /// What one turn spends on computing, if one computation takes less. A poll costs some 3 µs: 3 % of this.
  static var turnBudgetNanoseconds: UInt64 { 100_000 }
  /// Answers of those who waited in vain that one turn composes: 64 × some 10 µs.
  static var shedsPerTurnMax: Int { 64 }
  /// Kept of a request's time for composing and sending, or an eighth of what is left if that is less.
  static var reserveNanoseconds: UInt64 { 2_000_000 }

  enum Verdict {
    case queued
    /// It waits in the place of another, which is not computed.
    case queuedInsteadOf(Work)
    case shed(ShedReason)
  }

  enum Step {
    case compute(Work)
    /// The same for one that nobody waits for.
    case refresh(Work)
    case shed(Work, ShedReason)
    /// Nothing more in this turn.
    case rest
  }

  let settings: AdmissionSettings
  private(set) var pressure: Pressure
  private(set) var counts = AdmissionCounts()
  private var queue = ComputeQueue<Work>()
  /// Lists for which nobody waits: computed while nobody waits for any.
  private var background = ComputeQueue<Work>()
  private var hotKeys = HotKeys()
  /// What one computation takes.
  private var service = ServiceTime()
  /// From one computation's end to the next while somebody waits.
  private var turnover = ServiceTime()

  /// When the last computation ended while others waited; nil when the queue has been empty since.
  private var lastEndNanoseconds: UInt64?
  private var drainStartNanoseconds: UInt64 = 0
  private var computedInTurn = 0
  private var shedInTurn = 0

  init(_ settings: AdmissionSettings) {
    self.settings = settings
    pressure = Pressure(settings)
  }

  var level: PressureLevel { pressure.level }
  var waiting: Int { queue.count }
  /// Whether there is anything to do: the loop must not sleep.
  var isIdle: Bool { queue.isEmpty && background.isEmpty }

  // MARK: Arrivals.

  /// A list that no cache has is wanted by `deadline`: may it be computed? `byMany`: several requests wait for it already.
  mutating func admit(
    _ work: Work, keyHash: UInt64, byMany: Bool = false, deadlineNanoseconds deadline: UInt64, now: UInt64
  ) -> Verdict {
    let isKnown = hotKeys.note(keyHash, now: now)
    let isHot = isKnown || byMany
    if let reason = refusal(isHot: isHot, deadline: deadline, now: now) {
      counts.add(reason)
      return .shed(reason)
    }
    if queue.isEmpty { lastEndNanoseconds = nil }
    queue.add(work, isHot: isHot, now: now)
    guard queue.count > limit(now), let oldest = queue.takeOldest(givingUp: now) else { return .queued }
    counts.add(.queueFull)
    return .queuedInsteadOf(oldest.work)
  }

  /// A list that was served stale is to be made anew: false when there is no time for that. It may be wanted again.
  mutating func admitRefresh(_ work: Work, now: UInt64) -> Bool {
    guard level.refreshes, background.count < settings.queueMax else {
      counts.add(.background)
      return false
    }
    background.add(work, isHot: false, now: now)
    return true
  }

  /// Another request wants a key that is being looked for.
  mutating func noteJoined(keyHash: UInt64, now: UInt64) { hotKeys.note(keyHash, now: now) }

  private func refusal(isHot: Bool, deadline: UInt64, now: UInt64) -> ShedReason? {
    if level.refusesMisses { return .refused }
    if level >= .popular { return .pressure }
    if level >= .hotOnly && !isHot { return .cold }
    if !canStart(deadlineNanoseconds: deadline, now: now) { return .late }
    guard !isStanding(now) else { return nil }
    // First come, first served: those before it have their turn first.
    if queue.count >= settings.queueMax { return .queueFull }
    let before = UInt64(queue.count) * (turnover.meanNanoseconds ?? 0)
    return canStart(deadlineNanoseconds: deadline, now: now + before) ? nil : .late
  }

  /// Whether a computation that starts now would probably end in time. True while nothing is known of how long they take.
  func canStart(deadlineNanoseconds deadline: UInt64, now: UInt64) -> Bool {
    guard now < deadline else { return false }
    guard let service = service.nanoseconds(now, halvedEvery: settings.intervalNanoseconds) else { return true }
    let left = deadline - now
    return service + min(Self.reserveNanoseconds, left / 8) <= left
  }

  // MARK: The queue's laws.

  /// No burst: the queue has not been empty for a whole interval.
  func isStanding(_ now: UInt64) -> Bool { queue.heldNanoseconds(now) >= interval }

  private var target: UInt64 {
    max(settings.targetNanoseconds, 2 * (service.nanoseconds ?? 0))
  }

  /// As many targets as the settings say.
  private var interval: UInt64 {
    max(1, settings.intervalNanoseconds / settings.targetNanoseconds) * target
  }

  /// The longest time in the queue.
  func bound(_ now: UInt64) -> UInt64 { isStanding(now) ? target : interval }

  /// The most that may wait. A burst is bounded by its deadlines, see `refusal`.
  func limit(_ now: UInt64) -> Int {
    guard isStanding(now), let turnover = turnover.nanoseconds else { return settings.queueMax }
    return Int(clamping: min(UInt64(settings.queueMax), max(1, target / max(1, turnover))))
  }

  // MARK: Working it off.

  /// A turn's input has been answered: what is left of the turn is for computing.
  mutating func beginDrain(now: UInt64) {
    drainStartNanoseconds = now
    computedInTurn = 0
    shedInTurn = 0
  }

  /// What to do next in this turn. `isWantedByMany` tells of keys that several requests wait for by now.
  mutating func next(now: UInt64, isWantedByMany: (Work) -> Bool) -> Step {
    if shedInTurn < Self.shedsPerTurnMax, let (work, reason) = takeInVain(now) {
      shedInTurn += 1
      counts.add(reason)
      return .shed(work, reason)
    }
    guard computedInTurn == 0 || now < drainStartNanoseconds + Self.turnBudgetNanoseconds else { return .rest }
    let entry =
      isStanding(now)
      ? queue.takeNewest(preferring: { $0.isHot || isWantedByMany($0.work) }) : queue.takeOldest()
    if let entry { counts.sojourn.record(nanoseconds: now - entry.arrivedNanoseconds) }
    guard let work = entry?.work ?? background.takeOldest()?.work else { return .rest }
    computedInTurn += 1
    return entry == nil ? .refresh(work) : .compute(work)
  }

  /// The oldest, if it is not to be computed any more. Background work goes first: nobody has to be answered.
  private mutating func takeInVain(_ now: UInt64) -> (Work, ShedReason)? {
    if !level.refreshes, let refresh = background.takeOldest() { return (refresh.work, .background) }
    guard let oldest = queue.oldest else { return nil }
    if level.refusesMisses { return queue.takeOldest(givingUp: now).map { ($0.work, .refused) } }
    if level >= .popular { return queue.takeOldest(givingUp: now).map { ($0.work, .pressure) } }
    guard now > oldest.arrivedNanoseconds + bound(now) else { return nil }
    return queue.takeOldest(givingUp: now).map { ($0.work, .sojourn) }
  }

  /// A computation that `next` gave has ended. What turned out to be wanted by nobody is not reported.
  mutating func computed(from start: UInt64, to end: UInt64) {
    service.note(nanoseconds: end - start, now: end)
    turnover.note(nanoseconds: end - (lastEndNanoseconds ?? start), now: end)
    lastEndNanoseconds = queue.isEmpty ? nil : end
  }

  /// What `next` gave cannot be in time for anybody any more.
  mutating func foundLate() { counts.add(.late) }

  // MARK: Pressure.

  /// A turn is over. `edgeNanoseconds` is what it took without computing. True when the level has changed.
  mutating func turnEnded(edgeNanoseconds: UInt64, waiting: Int, bufferedBytes: Int, now: UInt64) -> Bool {
    pressure.note(
      Pressure.Signals(
        edgeNanoseconds: edgeNanoseconds, heldNanoseconds: queue.heldNanoseconds(now),
        standingNanoseconds: interval, waiting: waiting, bufferedBytes: bufferedBytes), now: now)
  }
}

/// What an admission has counted.
struct AdmissionCounts: Sendable {
  private(set) var shed = InlineArray<7, UInt64>(repeating: 0)
  /// Time in the queue of what was computed.
  var sojourn = LatencyHistogram()

  mutating func add(_ reason: ShedReason) { shed[Int(reason.rawValue)] += 1 }
  subscript(_ reason: ShedReason) -> UInt64 { shed[Int(reason.rawValue)] }

  mutating func add(_ other: AdmissionCounts) {
    for index in shed.indices { shed[index] += other.shed[index] }
    sojourn.add(other.sojourn)
  }
}
