/// Deadlines of many things at once, without a clock: things are small integers (slots), time is what the caller says.
///
/// A hierarchical wheel (Varghese and Lauck, SOSP 1987) of 64 places a level, with a bit a place (as William Ahern's
/// timeout.c, tokio's wheel). The lists are threaded through one flat array, so that scheduling, moving and cancelling
/// are a few stores, O(1), and allocate nothing once the array has met the highest slot. Eleven levels of six bits
/// hold every 64-bit tick: no deadline is too far, none wraps around, and a clock that has jumped by a year costs
/// eleven steps, not a step a tick.
///
///     wheel.schedule(slot, atNanoseconds: deadline)
///     var work = 256
///     while let slot = wheel.takeExpired(at: now, work: &work) { … }      // may schedule and cancel in here
///
/// Nothing expires early; what is due expires in the order of ticks. What falls due at once may be much: `work` bounds
/// the steps of one call, a step being one slot given out or moved to a finer level, and the rest waits for the next
/// call. A slot moves at most ten times in its life, one that is due within 64 ticks at most once, within 64² twice.
///
/// Deadlines that are mostly moved on before they come, such as those of a connection that is used, need not touch the
/// wheel for that: keep the deadline with the thing, `schedule(_:noLaterThanNanoseconds:)` when it may have come
/// nearer, and on expiry look at it and schedule again.
public struct TimerWheel: ~Copyable {
  private static let levelBits = 6
  private static let places = 1 << levelBits
  /// ⌈64 / 6⌉.
  private static let levels = 11
  /// The nodes before those of the slots are the ends of lists, one a place; then one for the slots of a coarse place
  /// that has begun and whose slots are being moved to finer levels.
  private static let moving = levels * places
  private static let firstSlot = moving + 1
  /// A node that is in no list.
  private static let none = UInt32.max

  /// 16 bytes a slot: two slots for each of 10,000 connections are 313 KiB.
  private struct Node {
    var previous, next: UInt32
    /// When it is due; of a slot in no list, meaningless.
    var tick: UInt64 = 0
  }

  public let tickNanoseconds: UInt64
  /// Slots that are scheduled.
  public private(set) var count = 0

  private var nodes: [Node]
  /// Bit `place` of each level: its list is not empty.
  private var occupied = InlineArray<11, UInt64>(repeating: 0)
  /// Bit `level`: some place of it is not empty.
  private var occupiedLevels: UInt16 = 0
  /// No slot is due before this tick. A scheduled slot lies at the level of the highest digit, to the base of 64, in
  /// which its tick differs from this one: so all of a level come before all of the next, and places in their order.
  private var elapsed: UInt64

  /// - Parameters:
  ///   - tickNanoseconds: the grain; a deadline counts as reached when its tick has begun.
  ///   - nowNanoseconds: any time not after the deadlines to come.
  public init(tickNanoseconds: UInt64, nowNanoseconds: UInt64 = 0, slots: Int = 0) {
    precondition(tickNanoseconds > 0)
    self.tickNanoseconds = tickNanoseconds
    elapsed = nowNanoseconds / tickNanoseconds
    nodes = (0..<UInt32(TimerWheel.firstSlot)).map { Node(previous: $0, next: $0) }
    reserve(slots: slots)
  }

  public var isEmpty: Bool { count == 0 }

  /// How far the wheel has turned: the deadline of the slot that was taken last, or the time at which none was left.
  public var reachedNanoseconds: UInt64 { nanoseconds(elapsed) }

  /// Makes room for slots below `slots`, so that scheduling them allocates nothing.
  public mutating func reserve(slots: Int) {
    precondition(slots < Int(TimerWheel.none) - TimerWheel.firstSlot)
    let missing = TimerWheel.firstSlot + slots - nodes.count
    guard missing > 0 else { return }
    nodes.append(contentsOf: repeatElement(Node(previous: TimerWheel.none, next: TimerWheel.none), count: missing))
  }

  /// When `slot` is due, rounded up to a tick; nil when it is not scheduled.
  public func deadlineNanoseconds(of slot: Int) -> UInt64? {
    isScheduled(slot) ? nanoseconds(nodes[TimerWheel.firstSlot + slot].tick) : nil
  }

  public func isScheduled(_ slot: Int) -> Bool {
    let node = TimerWheel.firstSlot + slot
    return node < nodes.count && nodes[node].next != TimerWheel.none
  }

  /// Schedules `slot`, or moves it. A deadline in the past is due at once.
  public mutating func schedule(_ slot: Int, atNanoseconds deadline: UInt64) {
    schedule(slot, at: tick(roundingUp: deadline))
  }

  /// The same, unless `slot` is due by then already.
  public mutating func schedule(_ slot: Int, noLaterThanNanoseconds deadline: UInt64) {
    let tick = tick(roundingUp: deadline)
    if isScheduled(slot), nodes[TimerWheel.firstSlot + slot].tick <= tick { return }
    schedule(slot, at: tick)
  }

  /// Forgets `slot` if it is scheduled.
  public mutating func cancel(_ slot: Int) {
    guard isScheduled(slot) else { return }
    unlink(TimerWheel.firstSlot + slot)
    count -= 1
  }

  /// A slot that is due by `now`, which is then no longer scheduled; nil when there is none, or `work` is used up.
  public mutating func takeExpired(at nowNanoseconds: UInt64, work: inout Int) -> Int? {
    let now = nowNanoseconds / tickNanoseconds
    if let slot = take(upTo: now, &work) { return slot }
    // Nothing is left up to now, so time may pass at once. What is scheduled next then lies at a finer level.
    if work > 0 { elapsed = max(elapsed, now) }
    return nil
  }

  /// The slot that is due first, whenever that is: a queue in the order of deadlines, as long as none is scheduled
  /// before one that was taken. nil when nothing is scheduled, or `work` is used up.
  public mutating func takeEarliest(work: inout Int) -> Int? { take(upTo: .max, &work) }

  /// When `takeExpired` has something to do next: no later than the first deadline, and earlier by less than the place
  /// that this lies in. nil when nothing is scheduled.
  public var nextNanoseconds: UInt64? {
    if nodes[TimerWheel.moving].next != TimerWheel.moving { return nanoseconds(elapsed) }
    guard occupiedLevels != 0 else { return nil }
    let level = occupiedLevels.trailingZeroBitCount
    return nanoseconds(start(level, occupied[level].trailingZeroBitCount))
  }

  // MARK: Ticks

  private func tick(roundingUp nanoseconds: UInt64) -> UInt64 {
    let (ticks, rest) = nanoseconds.quotientAndRemainder(dividingBy: tickNanoseconds)
    return rest == 0 ? ticks : ticks + 1
  }

  private func nanoseconds(_ tick: UInt64) -> UInt64 {
    let (product, overflows) = tick.multipliedReportingOverflow(by: tickNanoseconds)
    return overflows ? .max : product
  }

  /// The first tick of a place: the digits of `elapsed` above it, its own, then zeros.
  private func start(_ level: Int, _ place: Int) -> UInt64 {
    let shift = UInt64(level * TimerWheel.levelBits)
    // A shift by 64 or more is 0 in Swift, which is what the highest level needs.
    let above = shift + UInt64(TimerWheel.levelBits)
    return (elapsed >> above) << above | UInt64(place) << shift
  }

  // MARK: Lists

  private mutating func schedule(_ slot: Int, at tick: UInt64) {
    precondition(slot >= 0)
    let node = TimerWheel.firstSlot + slot
    if node >= nodes.count { reserve(slots: max(slot + 1, 2 * (nodes.count - TimerWheel.firstSlot))) }
    if nodes[node].next == TimerWheel.none { count += 1 } else { unlink(node) }
    nodes[node].tick = max(tick, elapsed)
    link(node)
  }

  private mutating func take(upTo limit: UInt64, _ work: inout Int) -> Int? {
    while work > 0 {
      let first = Int(nodes[TimerWheel.moving].next)
      if first != TimerWheel.moving {
        work -= 1
        unlink(first)
        link(first)
        continue
      }
      guard occupiedLevels != 0 else { return nil }
      let level = occupiedLevels.trailingZeroBitCount
      let place = occupied[level].trailingZeroBitCount
      let start = start(level, place)
      guard start <= limit else { return nil }
      work -= 1
      elapsed = start
      guard level == 0 else {
        move(level, place)
        continue
      }
      let node = Int(nodes[place].next)
      unlink(node)
      count -= 1
      return node - TimerWheel.firstSlot
    }
    return nil
  }

  /// Appends a node to the list of its tick.
  private mutating func link(_ node: Int) {
    let tick = nodes[node].tick
    let differing = (elapsed ^ tick) | UInt64(TimerWheel.places - 1)
    let level = (63 - differing.leadingZeroBitCount) / TimerWheel.levelBits
    let place = Int((tick >> UInt64(level * TimerWheel.levelBits)) & UInt64(TimerWheel.places - 1))
    let end = level * TimerWheel.places + place
    let last = Int(nodes[end].previous)
    nodes[node].previous = UInt32(last)
    nodes[node].next = UInt32(end)
    nodes[last].next = UInt32(node)
    nodes[end].previous = UInt32(node)
    occupied[level] |= 1 << UInt64(place)
    occupiedLevels |= 1 << UInt16(level)
  }

  private mutating func unlink(_ node: Int) {
    let (previous, next) = (Int(nodes[node].previous), Int(nodes[node].next))
    nodes[previous].next = UInt32(next)
    nodes[next].previous = UInt32(previous)
    nodes[node].next = TimerWheel.none
    // Both neighbours are the list's end: it is empty now.
    if previous == next { noteEmpty(next) }
  }

  private mutating func noteEmpty(_ end: Int) {
    guard end < TimerWheel.moving else { return }
    let (level, place) = (end / TimerWheel.places, end % TimerWheel.places)
    occupied[level] &= ~(1 << UInt64(place))
    if occupied[level] == 0 { occupiedLevels &= ~(1 << UInt16(level)) }
  }

  /// A coarse place begins: its whole list waits to be moved, one slot a step. O(1).
  private mutating func move(_ level: Int, _ place: Int) {
    let end = level * TimerWheel.places + place
    let (first, last) = (nodes[end].next, nodes[end].previous)
    nodes[TimerWheel.moving].next = first
    nodes[TimerWheel.moving].previous = last
    nodes[Int(first)].previous = UInt32(TimerWheel.moving)
    nodes[Int(last)].next = UInt32(TimerWheel.moving)
    nodes[end].next = UInt32(end)
    nodes[end].previous = UInt32(end)
    noteEmpty(end)
  }
}
