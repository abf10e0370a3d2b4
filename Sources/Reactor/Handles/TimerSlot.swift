internal import Clibuv

final class TimerSlot: HandleSlot {
  private var body: (() -> Void)?

  init(_ core: LoopCore, holdsLoop: Bool, _ body: @escaping () -> Void) {
    self.body = body
    super.init(core, UV_TIMER)
    try! open(while: "making a timer") { core.uv.timerInit($0, timer) }  // Cannot fail (src/timer.c).
    if !holdsLoop { core.uv.unref(handle) }
  }

  private var timer: UnsafeMutablePointer<uv_timer_t> { raw.assumingMemoryBound(to: uv_timer_t.self) }

  override func letGo() { body = nil }

  func start(milliseconds: Int, repeating: Bool) {
    guard !isClosing else { return }
    precondition(milliseconds >= 0 && (milliseconds > 0 || !repeating), "a timer needs a positive period")
    // Before the first turn the cached time is that of the loop's making.
    if !core.isRunning { core.uv.updateTime(core.loop) }
    let delay = UInt64(milliseconds)
    _ = core.uv.timerStart(timer, timerFired, delay, repeating ? delay : 0)
  }

  func stop() {
    guard !isClosing else { return }
    _ = core.uv.timerStop(timer)
  }

  var isActive: Bool { !isClosing && core.uv.isActive(handle) != 0 }

  fileprivate func fired() {
    core.noteEvent()
    body?()
  }
}

private func timerFired(_ timer: UnsafeMutablePointer<uv_timer_t>?) {
  UnsafeMutableRawPointer(timer!).assumingMemoryBound(to: uv_handle_t.self).withSlot(TimerSlot.self) { $0.fired() }
}
