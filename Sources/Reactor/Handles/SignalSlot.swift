internal import Clibuv

final class SignalSlot: HandleSlot {
  private var deliver: ((Int32) -> Void)?

  init(_ core: LoopCore, _ signal: Int32, _ deliver: @escaping (Int32) -> Void) throws(LoopError) {
    self.deliver = deliver
    super.init(core, UV_SIGNAL)
    let watcher = raw.assumingMemoryBound(to: uv_signal_t.self)
    try open(while: "making a signal watcher") { core.uv.signalInit($0, watcher) }
    guard !isClosing else { return }
    let status = uv_signal_start(watcher, signalArrived, signal)
    guard status == 0 else {
      close()
      throw LoopError(status: status, while: "watching a signal")
    }
  }

  override func letGo() { deliver = nil }

  fileprivate func arrived(_ signal: Int32) {
    core.noteEvent()
    deliver?(signal)
  }
}

private func signalArrived(_ watcher: UnsafeMutablePointer<uv_signal_t>?, _ signal: CInt) {
  UnsafeMutableRawPointer(watcher!).assumingMemoryBound(to: uv_handle_t.self)
    .withSlot(SignalSlot.self) { $0.arrived(signal) }
}
