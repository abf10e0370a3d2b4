internal import Clibuv
internal import Glibc

/// One thread's event loop: listeners, streams, timers, mailboxes and signals hang on it, and call back on the thread
/// that runs it. Nothing of a loop may be touched from another thread, except to post to a `Mailbox`.
///
/// A loop lives once: after `stop` it takes in nothing new. Whatever its handles hold (handlers, closures) is let go
/// when they close, at `stop` at the latest, so a cycle through the loop ends there.
public final class EventLoop {
  let core: LoopCore

  public init() throws(LoopError) {
    EventLoop.ignoreFailingWrites
    core = try LoopCore()
    try core.openTurnHooks()
  }

  /// A loop of a simulated world: the same public types on a virtual clock and an in-memory network.
  package init(simulated world: SimulatedWorld, pace: SimulatedPace = SimulatedPace()) {
    // Nothing that can fail without a kernel.
    core = try! LoopCore(simulation: SimulatedLoop(world, pace))
    try! core.openTurnHooks()
  }

  /// Connections made from this simulated loop cross this link, whatever their address.
  package func route(over link: SimulatedLink) { core.simulation?.route = link }

  /// Of a simulated loop, in virtual time.
  package var simulatedLongestTurnNanoseconds: UInt64 { core.simulation?.longestTurnNanoseconds ?? 0 }

  deinit {
    precondition(!core.isRunning)
    core.closeAll()
    core.run()
  }

  /// Serves until `stop` is called or nothing is left open.
  public func run() {
    precondition(!core.isRunning, "a loop was run inside itself")
    core.run()
  }

  /// Closes what is open; each stream's handler hears `ended(.closedHere)` and `run` returns. Output still queued is
  /// discarded. Call it on the loop's thread.
  public func stop() { core.closeAll() }

  public var isStopping: Bool { core.isStopping }

  /// The monotonic clock, exact. libuv's own loop time is cached and in milliseconds: not for deadlines.
  public var nowNanoseconds: UInt64 { core.now }

  /// The wall clock, in seconds since 1970. It may jump, either way.
  public var unixSeconds: Int { core.uv.wallSeconds(core.loop) }

  /// The clock at the first event of this turn: one clock call a turn instead of one a request, and early by at most
  /// the length of the turn so far.
  public var turnNanoseconds: UInt64 { core.turnNanoseconds }

  /// Calls `body` at the end of every turn: after the events of a poll (uv_check) and, for what timers and mailboxes
  /// did, before the next (uv_prepare). This is where batches collected during a turn are flushed. Until `stop`.
  public func atTurnEnd(_ body: @escaping () -> Void) { core.addTurnHook(body) }

  /// The same for somebody who outlives the loop's run, without a reference being counted at every turn.
  public func atTurnEnd<Owner: AnyObject>(of owner: Owner, _ body: @escaping (Owner) -> Void) {
    core.addTurnHook(of: owner, body)
  }

  /// What the loop has done so far, this turn left out.
  public var activity: LoopActivity { core.activity }

  /// The same; reading it starts a new measure of the longest turn.
  public func takeActivity() -> LoopActivity { core.takeActivity() }

  /// Signals that would end the process where an error will do. libuv writes without MSG_NOSIGNAL, so a peer that went away
  /// is one; a file that grows beyond the limit of its size (setrlimit(2), EFBIG) another. Once a process.
  private static let ignoreFailingWrites: Void = {
    _ = signal(SIGPIPE, SIG_IGN)
    _ = signal(SIGXFSZ, SIG_IGN)
  }()
}

/// How busy a loop is. The longest turn bounds what an event had to wait for the loop: its lag.
public struct LoopActivity: Sendable {
  /// Polls for events, idle ones included.
  public var turns: UInt64 = 0
  /// Time spent in callbacks, from the first event of a turn to its end.
  public var busyNanoseconds: UInt64 = 0
  /// The longest such turn since the last reading.
  public var longestTurnNanoseconds: UInt64 = 0

  mutating func note(busyNanoseconds turn: UInt64) {
    busyNanoseconds += turn
    longestTurnNanoseconds = max(longestTurnNanoseconds, turn)
  }
}
