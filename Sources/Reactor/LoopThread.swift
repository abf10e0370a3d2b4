internal import Clibuv
internal import Glibc
internal import Synchronization

/// A thread of the system with a name, for a loop or for slow work that no loop may do.
public final class LoopThread: Sendable {
  private let thread: pthread_t
  private let isJoined = Atomic(false)

  private init(_ thread: pthread_t) { self.thread = thread }

  /// A thread that nobody joined goes on, and frees itself when it ends.
  deinit {
    if !isJoined.load(ordering: .relaxed) { pthread_detach(thread) }
  }

  /// Runs `body` on a new thread. The kernel shows the first 15 bytes of `name` (pthread_setname_np(3)).
  public static func spawn(
    name: String, niceness: Int32 = 0, _ body: @escaping @Sendable () -> Void
  ) throws(LoopError) -> LoopThread {
    var thread = pthread_t()
    let start = Unmanaged.passRetained(ThreadStart(name: name, niceness: niceness, body: body))
    let status = pthread_create(&thread, nil, threadStarted, start.toOpaque())
    guard status == 0 else {
      start.release()
      throw LoopError(code: status, while: "starting a thread")
    }
    return LoopThread(thread)
  }

  /// Waits for the thread to end. Once a thread.
  public func join() {
    let wasJoined = isJoined.exchange(true, ordering: .relaxed)
    precondition(!wasJoined, "a thread was joined twice")
    pthread_join(thread, nil)
  }
}

private final class ThreadStart: Sendable {
  let name: String
  let niceness: Int32
  let body: @Sendable () -> Void

  init(name: String, niceness: Int32, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.niceness = niceness
    self.body = body
  }
}

private func threadStarted(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  let start = Unmanaged<ThreadStart>.fromOpaque(argument!).takeRetainedValue()
  pthread_setname_np(pthread_self(), String(decoding: start.name.utf8.prefix(15), as: UTF8.self))
  // Of this thread alone: Linux keeps niceness by thread (setpriority(2), "C library/kernel differences").
  if start.niceness != 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, start.niceness) }
  start.body()
  return nil
}
