internal import Clibuv

/// What stands behind a `uv_loop_t` of a simulated world: the phases of `uv_run` (src/unix/core.c of 1.44.2), one turn at
/// a time, each turn an event of the world.
///
///     time ─► timers ─► pending ─► prepare ─► poll ─► pending ─► check ─► closing
///
/// A loop has a clock of its own that runs ahead of the world's while it works, and a turn cannot begin before the last
/// one is over: what comes meanwhile waits and is met in one batch, as behind a busy thread.
final class SimulatedLoop {
  let world: SimulatedWorld
  let id: UInt64
  var pace: SimulatedPace
  /// The exact clock. Between turns the moment at which the last one was over.
  private(set) var clock: UInt64
  /// libuv's cached time.
  private(set) var milliseconds: UInt64
  private(set) var isInTurn = false
  /// What connections made from here cross; nil for the link of the address.
  var route: SimulatedLink?
  private(set) var longestTurnNanoseconds: UInt64 = 0

  /// In the order of their making, as uv_walk meets them.
  private(set) var handles: [SimulatedHandle] = []
  private var timers: [SimulatedTimer] = []
  private var timersStarted: UInt64 = 0
  /// What a poll would find.
  private var ready: [Ready] = []
  /// Callbacks of requests that are over (uv__io_feed).
  private var pending: [() -> Void] = []
  /// Closing handles; libuv keeps a stack of them.
  private var closing: [SimulatedHandle] = []
  private var nextTurn: UInt64?

  enum Ready {
    case stream(SimulatedStream)
    case listener(SimulatedListener)
    case wake(SimulatedWake)
  }

  init(_ world: SimulatedWorld, _ pace: SimulatedPace) {
    self.world = world
    self.pace = pace
    id = world.nextID()
    clock = world.nowNanoseconds
    milliseconds = clock / 1_000_000
  }

  // MARK: Time

  /// The clock, looked at: that takes a moment too, while the loop is at work.
  func look() -> UInt64 {
    guard isInTurn else { return now }
    clock += world.random.within(pace.lookNanoseconds)
    if world.random.chance(perMille: pace.stallPerMille) { clock += world.random.within(pace.stallNanoseconds) }
    return clock
  }

  /// The time of what the loop does now, or of what happens to it.
  var now: UInt64 { isInTurn ? clock : max(clock, world.presentNanoseconds) }

  var wallSeconds: Int { world.wallSecondsAtZero + Int(now / 1_000_000_000) }

  func updateTime() {
    if !isInTurn { milliseconds = now / 1_000_000 }
  }

  // MARK: What there is to do

  func add(_ handle: SimulatedHandle) { handles.append(handle) }

  func add(_ event: Ready) {
    ready.append(event)
    wake(at: now)
  }

  func add(pending body: @escaping () -> Void) {
    pending.append(body)
    wake(at: now)
  }

  func close(_ handle: SimulatedHandle) {
    closing.append(handle)
    wake(at: now)
  }

  func start(_ timer: SimulatedTimer, milliseconds delay: UInt64) {
    stop(timer)
    timersStarted += 1
    timer.due = milliseconds + delay
    timer.order = timersStarted
    let at = timers.firstIndex { timer.due < $0.due } ?? timers.count
    timers.insert(timer, at: at)
    wake(at: timer.due * 1_000_000)
  }

  func stop(_ timer: SimulatedTimer) {
    guard timer.due != .max else { return }
    timer.due = .max
    timers.removeAll { $0 === timer }
  }

  /// Plans a turn, unless one comes sooner. Inside a turn there is nothing to plan: its end does.
  private func wake(at time: UInt64) {
    guard !isInTurn else { return }
    let time = max(time, clock, world.presentNanoseconds)
    if let nextTurn, nextTurn <= time { return }
    nextTurn = time
    world.at(time) { [weak self] in
      guard let self, nextTurn == time, !isInTurn else { return }
      turn()
    }
  }

  // MARK: A turn

  /// Whether anything would keep uv_run going.
  var isAlive: Bool { !closing.isEmpty || handles.contains { $0.isReferenced && $0.isActive } }

  /// uv_run: until nothing is left open. The rest of the world goes on meanwhile.
  func run() {
    while isAlive {
      // A loop that is being dropped takes its last turns without moving the world.
      if !closing.isEmpty { turn() } else if !world.step() { return }
    }
  }

  private func turn() {
    nextTurn = nil
    isInTurn = true
    let outer = world.running
    world.running = self
    clock = max(clock, world.nowNanoseconds)
    milliseconds = clock / 1_000_000
    let begun = clock
    world.note("turn", id, at: clock)
    runTimers()
    runPending()
    runHooks(.prepare)
    milliseconds = clock / 1_000_000
    poll()
    for _ in 0..<8 where !pending.isEmpty { runPending() }
    runHooks(.check)
    runClosing()
    isInTurn = false
    world.running = outer
    longestTurnNanoseconds = max(longestTurnNanoseconds, clock - begun)
    if !ready.isEmpty || !pending.isEmpty || !closing.isEmpty { wake(at: clock) }
    if let timer = timers.first { wake(at: timer.due * 1_000_000) }
  }

  private func runTimers() {
    while let timer = timers.first, timer.due <= milliseconds {
      stop(timer)
      if timer.repeatMilliseconds > 0 { start(timer, milliseconds: timer.repeatMilliseconds) }
      timer.fire()
    }
  }

  private func runPending() {
    let due = pending
    pending = []
    for body in due { body() }
  }

  private func poll() {
    let found = ready
    ready = []
    for event in found {
      switch event {
      case .stream(let stream): stream.poll()
      case .listener(let listener): listener.poll()
      case .wake(let wake): wake.poll()
      }
    }
  }

  private func runHooks(_ phase: SimulatedHook.Phase) {
    for case let hook as SimulatedHook in handles where hook.phase == phase && !hook.isClosing { hook.call() }
  }

  private func runClosing() {
    let due = closing.reversed()
    closing = []
    for handle in due {
      handles.removeAll { $0 === handle }
      handle.finishClosing()
    }
  }
}
