/// Calls one closure, once or repeatedly. Dropping it stops it.
///
/// Resolution is a millisecond, and time is the loop's cached time: a start in the middle of a long turn counts from
/// the beginning of that turn. Deadlines are compared with `EventLoop.nowNanoseconds`, not counted in timers.
///
/// The closure is held until the timer is dropped or its loop stops: capture the owner weakly or unowned.
public final class Timer {
  private let slot: TimerSlot

  /// `holdsLoop: false` makes a timer that is no reason to go on: `run` may return while it is active.
  public init(loop: EventLoop, holdsLoop: Bool = true, _ body: @escaping () -> Void) {
    slot = TimerSlot(loop.core, holdsLoop: holdsLoop, body)
  }

  deinit { slot.close() }

  /// Starts, or starts anew. `repeating` calls every `milliseconds`, without catching up on turns that were missed.
  public func start(milliseconds: Int, repeating: Bool = false) {
    slot.start(milliseconds: milliseconds, repeating: repeating)
  }

  /// Stops; it may be started again. Safe inside its own closure.
  public func stop() { slot.stop() }

  public var isActive: Bool { slot.isActive }
}
