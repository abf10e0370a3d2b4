/// Calls a closure on the loop's thread for each arrival of a signal of the process. Several arrivals between two
/// turns may be one call. Dropping the last watcher of a signal restores its default effect.
public final class SignalWatcher {
  private let slot: SignalSlot

  /// Throws `EINVAL` for signals that cannot be watched (SIGKILL, SIGSTOP).
  public init(loop: EventLoop, signal: Int32, deliver: @escaping (Int32) -> Void) throws(LoopError) {
    slot = try SignalSlot(loop.core, signal, deliver)
  }

  deinit { slot.close() }

  public func close() { slot.close() }
}
