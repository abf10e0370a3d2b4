/// The deadlines of everything on one loop: a timer wheel, and the one timer that turns it.
///
/// The timer runs only while something is scheduled, and for as long as nothing can be due, not tick by tick: an idle
/// loop sleeps. What is due hears of it on the loop's thread, not before its time and as a rule within two
/// milliseconds (the wheel's tick, and libuv's), later only by what the loop is busy with.
///
/// `expired` may schedule and cancel. It is held until the loop stops or this goes: capture the owner unowned.
public final class Deadlines {
  /// Expiries, and moves inside the wheel, in one turn of the loop; the rest waits for the next, so that input gets its
  /// share: 256 × some µs to answer somebody ≈ 1 ms.
  static let workPerTurnMax = 256
  public static let tickNanoseconds: UInt64 = 1_000_000

  private let loop: EventLoop
  private let expired: (Int) -> Void
  private var wheel: TimerWheel
  private var timer: Timer!
  /// When the timer fires; `.max` while it is stopped.
  private var armedNanoseconds = UInt64.max
  /// Before this time nothing is due while `expired` is being called: who schedules the past would never be done.
  private var earliestNanoseconds: UInt64 = 0
  private var isExpiring = false

  public init(loop: EventLoop, expired: @escaping (Int) -> Void) {
    self.loop = loop
    self.expired = expired
    wheel = TimerWheel(tickNanoseconds: Deadlines.tickNanoseconds, nowNanoseconds: loop.nowNanoseconds)
    timer = Timer(loop: loop) { [unowned self] in self.expire() }
  }

  /// Slots that are scheduled.
  public var count: Int { wheel.count }

  /// Makes room for slots below `slots`.
  public func reserve(slots: Int) { wheel.reserve(slots: slots) }

  /// Schedules `slot`, or moves it; a deadline in the past is due on the next turn. O(1).
  public func schedule(_ slot: Int, atNanoseconds deadline: UInt64) {
    wheel.schedule(slot, atNanoseconds: max(deadline, earliestNanoseconds))
    arm()
  }

  /// The same, unless `slot` is due by then already. O(1), and a look at one number where that is so.
  public func schedule(_ slot: Int, noLaterThanNanoseconds deadline: UInt64) {
    wheel.schedule(slot, noLaterThanNanoseconds: max(deadline, earliestNanoseconds))
    arm()
  }

  /// Forgets `slot`. The timer is left alone: finding nothing costs less than setting it.
  public func cancel(_ slot: Int) { wheel.cancel(slot) }

  public func isScheduled(_ slot: Int) -> Bool { wheel.isScheduled(slot) }

  private func expire() {
    let now = loop.nowNanoseconds
    armedNanoseconds = .max
    earliestNanoseconds = now + Deadlines.tickNanoseconds
    isExpiring = true
    var work = Deadlines.workPerTurnMax
    while let slot = wheel.takeExpired(at: now, work: &work) { expired(slot) }
    isExpiring = false
    earliestNanoseconds = 0
    arm()
  }

  /// Sets the timer if the wheel wants it earlier than it is set.
  private func arm() {
    guard !isExpiring, let next = wheel.nextNanoseconds, next < armedNanoseconds else { return }
    armedNanoseconds = next
    let now = loop.nowNanoseconds
    // libuv counts from the time its turn began: it may fire early by the length of the turn, finds nothing due, and
    // is set again. Not 0: libuv 1.44 runs a timer that is set to now while timers run in the same phase, before input.
    let milliseconds = next > now ? (next - now + 999_999) / 1_000_000 : 1
    timer.start(milliseconds: Int(clamping: milliseconds))
  }
}
