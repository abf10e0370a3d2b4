internal import Clibuv

/// A `uv_async_t`: the one handle that other threads may touch, by `uv_async_send`.
final class WakeSlot: HandleSlot {
  enum Next { case wait, comeBack, close }

  /// What another thread needs to wake the loop. Valid until the slot closes, which its holder is told of by `closed`
  /// before the handle is touched.
  struct Address: @unchecked Sendable {
    fileprivate let async: UnsafeMutablePointer<uv_async_t>
    fileprivate let asyncSend: @convention(c) (UnsafeMutablePointer<uv_async_t>?) -> CInt
    func send() { _ = asyncSend(async) }
  }

  private var wake: (() -> Next)?
  private var tellClosed: (() -> Void)?

  init(_ core: LoopCore, wake: @escaping () -> Next, closed: @escaping () -> Void) throws(LoopError) {
    self.wake = wake
    tellClosed = closed
    super.init(core, UV_ASYNC)
    let async = raw.assumingMemoryBound(to: uv_async_t.self)
    try open(while: "making a mailbox") { core.uv.asyncInit($0, async, loopWoken) }
  }

  var address: Address { 
    Address(async: raw.assumingMemoryBound(to: uv_async_t.self), asyncSend: core.uv.asyncSend)
  }

  override func willClose() {
    tellClosed?()
    tellClosed = nil
  }

  override func letGo() { wake = nil }

  fileprivate func woken() {
    core.noteEvent()
    guard !isClosing, let wake else { return }
    switch wake() {
    case .wait: break
    case .comeBack: if !isClosing { address.send() }
    case .close: close()
    }
  }
}

private func loopWoken(_ async: UnsafeMutablePointer<uv_async_t>?) {
  UnsafeMutableRawPointer(async!).assumingMemoryBound(to: uv_handle_t.self).withSlot(WakeSlot.self) { $0.woken() }
}
