/// How a process ends: which step comes when. Decides only; `Control` performs.
///
///     SIGTERM ─► lame duck: /readyz says 503, everything else goes on, so that balancers send their clients elsewhere
///             ─► settling: no connection can begin any more; those that have begun are accepted
///             ─► finishing: sockets closed, `Connection: close` on each answer, quiet connections closed
///             ─► over, or cut at the deadline
///
/// A successor that has taken over skips the first two: its sockets are ours, nothing is lost by leaving them to it.
struct Ending {
  /// From the moment when no connection can begin to that when the sockets are closed: a handshake that is half
  /// through takes one more round trip, and balancers are near.
  static let settlingNanoseconds: UInt64 = 100_000_000

  enum Cause: Sendable {
    /// SIGTERM: something is in front of this process, perhaps.
    case signal
    /// Ctrl-C: somebody is waiting at a terminal.
    case interrupt
    /// Another process accepts on our sockets.
    case successor
  }

  enum Stage: Equatable {
    case serving
    case lameDuck(until: UInt64)
    case settling(until: UInt64)
    case finishing
  }

  enum Action: Equatable {
    /// Say that this node is not ready.
    case announce
    /// Let no connection begin.
    case stopArrivals
    /// Close the listening sockets and have the workers finish by the deadline.
    case finish(deadlineNanoseconds: UInt64)
    /// End now, whatever is under way.
    case cut
  }

  let lameDuckNanoseconds: UInt64
  let timeoutNanoseconds: UInt64
  private(set) var stage = Stage.serving
  private var deadlineNanoseconds: UInt64 = 0

  init(lameDuckMilliseconds: Int, timeoutMilliseconds: Int) {
    lameDuckNanoseconds = UInt64(lameDuckMilliseconds) * 1_000_000
    timeoutNanoseconds = UInt64(timeoutMilliseconds) * 1_000_000
  }

  /// When `advance` is due; nil when there is nothing to wait for.
  var nextNanoseconds: UInt64? {
    switch stage {
    case .lameDuck(let until), .settling(let until): until
    case .serving, .finishing: nil
    }
  }

  /// The end is asked for; a second time, it is wanted at once.
  /// - Parameter mayStopArrivals: false when other processes have the sockets, too.
  mutating func begin(_ cause: Cause, mayStopArrivals: Bool = true, now: UInt64) -> [Action] {
    guard stage == .serving else { return cause == .successor ? [] : [.cut] }
    deadlineNanoseconds = now + timeoutNanoseconds
    switch cause {
    case .successor:
      stage = .finishing
      return [.announce, .finish(deadlineNanoseconds: deadlineNanoseconds)]
    case .signal, .interrupt:
      stage = .lameDuck(until: now + (cause == .signal ? lameDuckNanoseconds : 0))
      return [.announce] + advance(mayStopArrivals: mayStopArrivals, now: now)
    }
  }

  mutating func advance(mayStopArrivals: Bool = true, now: UInt64) -> [Action] {
    switch stage {
    case .lameDuck(let until) where now >= until:
      guard mayStopArrivals else { return finish() }
      stage = .settling(until: now + Ending.settlingNanoseconds)
      return [.stopArrivals]
    case .settling(let until) where now >= until: return finish()
    default: return []
    }
  }

  private mutating func finish() -> [Action] {
    stage = .finishing
    return [.finish(deadlineNanoseconds: deadlineNanoseconds)]
  }
}
