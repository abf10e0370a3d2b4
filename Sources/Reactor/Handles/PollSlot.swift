internal import Clibuv

/// A `uv_poll_t` that says when a descriptor can be read, which stays its owner's. Level-triggered: it says so every
/// turn until the descriptor has been read.
final class PollSlot: HandleSlot {
  private var readable: (() -> Void)?

  init(_ core: LoopCore, _ descriptor: Int32, _ readable: @escaping () -> Void) throws(LoopError) {
    self.readable = readable
    super.init(core, UV_POLL)
    try open(while: "watching a descriptor") { uv_poll_init($0, poll, descriptor) }
  }

  private var poll: UnsafeMutablePointer<uv_poll_t> { raw.assumingMemoryBound(to: uv_poll_t.self) }

  override func letGo() { readable = nil }

  func start() {
    guard !isClosing else { return }
    uv_poll_start(poll, CInt(UV_READABLE.rawValue), descriptorReady)
  }

  func stop() {
    guard !isClosing else { return }
    uv_poll_stop(poll)
  }

  /// An error shows as readiness, too: the read that follows tells which.
  fileprivate func ready() {
    core.noteEvent()
    readable?()
  }
}

private func descriptorReady(_ poll: UnsafeMutablePointer<uv_poll_t>?, _: CInt, _: CInt) {
  UnsafeMutableRawPointer(poll!).assumingMemoryBound(to: uv_handle_t.self).withSlot(PollSlot.self) { $0.ready() }
}
