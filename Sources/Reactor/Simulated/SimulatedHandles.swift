internal import Clibuv

/// What stands behind a `uv_handle_t` of a simulated loop. The loop owns it until the close callback; the handle's memory,
/// which is its slot's, points to it.
class SimulatedHandle {
  unowned let loop: SimulatedLoop
  let raw: UnsafeMutablePointer<uv_handle_t>
  let id: UInt64
  var isReferenced = true
  private(set) var isClosing = false
  private var closeCallback: uv_close_cb?

  init(_ loop: SimulatedLoop, _ raw: UnsafeMutableRawPointer) {
    self.loop = loop
    self.raw = raw.assumingMemoryBound(to: uv_handle_t.self)
    id = loop.world.nextID()
    self.raw.pointee.u.reserved.0 = Unmanaged.passUnretained(self).toOpaque()
    loop.add(self)
  }

  var isActive: Bool { false }
  var world: SimulatedWorld { loop.world }

  final func close(_ callback: uv_close_cb?) {
    precondition(!isClosing, "a handle was closed twice")
    isClosing = true
    closeCallback = callback
    willClose()
    loop.close(self)
  }

  /// uv_close itself: descriptors are closed here.
  func willClose() {}

  /// Requests hear ECANCELED before the handle's own callback.
  func cancelRequests() {}

  final func finishClosing() {
    cancelRequests()
    closeCallback?(raw)
  }
}

final class SimulatedHook: SimulatedHandle {
  enum Phase { case prepare, check }
  let phase: Phase
  private let body: (UnsafeMutablePointer<uv_handle_t>) -> Void

  init(
    _ loop: SimulatedLoop, _ raw: UnsafeMutableRawPointer, _ phase: Phase,
    _ body: @escaping (UnsafeMutablePointer<uv_handle_t>) -> Void
  ) {
    self.phase = phase
    self.body = body
    super.init(loop, raw)
  }

  override var isActive: Bool { !isClosing }
  func call() { body(raw) }
}

final class SimulatedTimer: SimulatedHandle {
  /// In the loop's milliseconds; the largest number while it is not started.
  var due = UInt64.max
  var order: UInt64 = 0
  private(set) var repeatMilliseconds: UInt64 = 0
  private var callback: uv_timer_cb?

  override var isActive: Bool { due != .max }
  override func willClose() { loop.stop(self) }

  func start(_ callback: uv_timer_cb?, _ delay: UInt64, repeating: UInt64) {
    self.callback = callback
    repeatMilliseconds = repeating
    loop.start(self, milliseconds: delay)
  }

  func fire() {
    world.note("timer", id, at: loop.now)
    callback?(UnsafeMutableRawPointer(raw).assumingMemoryBound(to: uv_timer_t.self))
  }
}

/// A `uv_async_t`. Here the other threads are other loops of the world.
final class SimulatedWake: SimulatedHandle {
  private let callback: uv_async_cb?
  private var isSent = false

  init(_ loop: SimulatedLoop, _ raw: UnsafeMutableRawPointer, _ callback: uv_async_cb?) {
    self.callback = callback
    super.init(loop, raw)
  }

  override var isActive: Bool { !isClosing }

  func send() {
    guard !isSent, !isClosing else { return }
    isSent = true
    loop.add(.wake(self))
  }

  func poll() {
    guard !isClosing else { return }
    isSent = false
    world.note("wake", id, at: loop.now)
    callback?(UnsafeMutableRawPointer(raw).assumingMemoryBound(to: uv_async_t.self))
  }
}
