internal import Clibuv

/// The object behind one libuv handle, and the owner of the handle's memory.
///
/// libuv's rules (docs/src/handle.rst): an initialised handle must be closed, it never moves, and its memory stays
/// libuv's until the close callback has run on a later phase. So `open` makes the handle retain its slot through
/// `data`, the close callback alone lets go, and the memory is freed by `deinit`, which cannot come before that.
/// Between the two, callbacks borrow the slot and no count moves.
class HandleSlot {
  final let core: LoopCore
  final let raw: UnsafeMutableRawPointer
  private(set) final var isClosing = false

  /// `initialise` is the `uv_*_init` of the type; when it fails, nothing stays behind.
  init(_ core: LoopCore, _ type: uv_handle_type) {
    self.core = core
    raw = .allocate(byteCount: uv_handle_size(type), alignment: 16)
  }

  deinit { raw.deallocate() }

  final var handle: UnsafeMutablePointer<uv_handle_t> { raw.assumingMemoryBound(to: uv_handle_t.self) }

  /// The file descriptor of a stream or listener, while it has one.
  final var descriptor: Int32? {
    guard !isClosing else { return nil }
    var descriptor: uv_os_fd_t = -1
    return core.uv.fileno(handle, &descriptor) == 0 ? descriptor : nil
  }

  /// Runs the `uv_*_init` of the type and binds handle and slot to each other. A loop that is stopping takes in
  /// nothing new: the handle is closed at once.
  final func open(while operation: StaticString, _ initialise: (UnsafeMutablePointer<uv_loop_t>) -> CInt)
    throws(LoopError)
  {
    let status = initialise(core.loop)
    guard status == 0 else {
      isClosing = true  // Never initialised: there is nothing to close.
      throw LoopError(status: status, while: operation)
    }
    handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    if core.isStopping { close() }
  }

  /// Starts the close; `closed` follows in the closing phase of this turn. Closing twice is closing once.
  final func close() {
    guard !isClosing else { return }
    isClosing = true
    willClose()
    core.uv.close(handle, handleClosed)
    letGo()
  }

  /// The last moment at which the handle may be touched.
  func willClose() {}

  /// Forget closures here: no callback follows, and one that holds the loop must not wait for a turn of that loop.
  /// After `uv_close`, because it may free the loop, which then has to find this handle closing.
  func letGo() {}

  /// The handle is gone, after all its other callbacks.
  func closed() {}
}

extension UnsafeMutablePointer<uv_handle_t> {
  /// Borrows the slot for the length of a callback: it is kept by the handle, so nothing is retained.
  @inline(__always)
  func withSlot<Slot: HandleSlot>(_: Slot.Type, _ body: (Slot) -> Void) {
    Unmanaged<Slot>.fromOpaque(pointee.data)._withUnsafeGuaranteedRef(body)
  }
}

private func handleClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
  let slot = Unmanaged<HandleSlot>.fromOpaque(handle!.pointee.data).takeRetainedValue()
  slot.closed()
}
