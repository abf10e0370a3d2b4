internal import Clibuv

/// One hook, as a constant of an object that the loop holds by hand: called without a reference being counted.
private final class TurnHook {
  let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
}

/// The `uv_loop_t`, its scratch buffer and its end-of-turn hooks. Slots share it; it is freed after the last of them.
final class LoopCore {
  /// libuv asks for this much per read, and a read that fills less ends the batch of reads (docs/src/design.rst).
  /// One buffer serves every stream of the loop: bytes are valid during `received` only.
  static let scratchBytes = 64 * 1024

  let loop: UnsafeMutablePointer<uv_loop_t>
  /// libuv, or what simulates it.
  let uv: LibuvCalls
  /// The virtual loop behind a simulated core.
  let simulation: SimulatedLoop?
  let scratch: UnsafeMutableRawPointer
  private(set) var isStopping = false
  var isRunning = false
  private(set) var activity = LoopActivity()
  private var turnHooks: [Unmanaged<TurnHook>] = []
  /// When the first event of this turn was met; 0 between turns.
  private var turnStartNanoseconds: UInt64 = 0

  init(simulation: SimulatedLoop? = nil) throws(LoopError) {
    let loop = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
    let uv = simulation == nil ? LibuvCalls.real : LibuvCalls.simulated
    if let simulation { loop.pointee.data = Unmanaged.passUnretained(simulation).toOpaque() }
    let status = uv.loopInit(loop)
    guard status == 0 else {
      loop.deallocate()
      throw LoopError(status: status, while: "making an event loop")
    }
    self.loop = loop
    self.uv = uv
    self.simulation = simulation
    scratch = .allocate(byteCount: LoopCore.scratchBytes, alignment: 64)
  }

  deinit {
    removeTurnHooks()
    let status = uv.loopClose(loop)
    precondition(status == 0, "a loop was freed with open handles")
    loop.deallocate()
    scratch.deallocate()
  }

  /// The hooks exist from the start but are no reason to keep the loop running.
  func openTurnHooks() throws(LoopError) {
    let before = HandleSlot(self, UV_PREPARE)
    let prepare = before.raw.assumingMemoryBound(to: uv_prepare_t.self)
    try before.open(while: "making an event loop") { uv.prepareStart($0, prepare, beforePoll) }
    uv.unref(before.handle)

    let after = HandleSlot(self, UV_CHECK)
    let check = after.raw.assumingMemoryBound(to: uv_check_t.self)
    try after.open(while: "making an event loop") { uv.checkStart($0, check, afterPoll) }
    uv.unref(after.handle)
  }

  func addTurnHook(_ body: @escaping () -> Void) { turnHooks.append(.passRetained(TurnHook(body))) }

  func addTurnHook<Owner: AnyObject>(of owner: Owner, _ body: @escaping (Owner) -> Void) {
    let owner = Unmanaged.passUnretained(owner)
    addTurnHook { owner._withUnsafeGuaranteedRef(body) }
  }

  private func removeTurnHooks() {
    let hooks = turnHooks
    turnHooks = []
    for hook in hooks { hook.release() }
  }

  /// The monotonic clock, exact.
  @inline(__always)
  var now: UInt64 { uv.now(loop) }

  /// Called by each trampoline that brings work: the first of a turn starts its clock.
  @inline(__always)
  func noteEvent() {
    if turnStartNanoseconds == 0 { turnStartNanoseconds = now }
  }

  /// When this turn began, or now if nothing has begun.
  var turnNanoseconds: UInt64 { turnStartNanoseconds == 0 ? now : turnStartNanoseconds }

  /// Before the loop may sleep: timers, mailboxes and close callbacks have had their say.
  fileprivate func turnEnds() {
    flush()
    endClock()
  }

  /// After the events of one poll.
  fileprivate func pollEnds() {
    activity.turns += 1
    flush()
    endClock()
  }

  private func flush() {
    // By index: a hook may add a hook.
    var index = 0
    while index < turnHooks.count {
      turnHooks[index]._withUnsafeGuaranteedRef { $0.body() }
      index += 1
    }
  }

  private func endClock() {
    guard turnStartNanoseconds != 0 else { return }
    activity.note(busyNanoseconds: now - turnStartNanoseconds)
    turnStartNanoseconds = 0
  }

  func takeActivity() -> LoopActivity {
    defer { activity.longestTurnNanoseconds = 0 }
    return activity
  }

  /// Closes every open handle. Their close callbacks run in the closing phase of this turn, or of the next run.
  func closeAll() {
    isStopping = true
    uv.walk(loop, closeHandle)
  }

  func run() {
    isRunning = true
    uv.updateTime(loop)
    uv.run(loop)
    isRunning = false
    if isStopping { removeTurnHooks() }  // What they captured may well hold the loop.
  }
}

private func closeHandle(_ handle: UnsafeMutablePointer<uv_handle_t>?, _: UnsafeMutableRawPointer?) {
  handle!.withSlot(HandleSlot.self) { $0.close() }
}

private func beforePoll(_ prepare: UnsafeMutablePointer<uv_prepare_t>?) {
  prepare!.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { $0.withSlot(HandleSlot.self) { $0.core.turnEnds() } }
}

private func afterPoll(_ check: UnsafeMutablePointer<uv_check_t>?) {
  check!.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { $0.withSlot(HandleSlot.self) { $0.core.pollEnds() } }
}
