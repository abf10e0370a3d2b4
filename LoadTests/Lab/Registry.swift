internal import FoundationEssentials
internal import Glibc
internal import Synchronization

/// What this process has started and not yet ended, and its temporary folders, so that Ctrl-C can end all of it.
///
/// A process is waited for only under the lock: a pid that stands here has not been given to anybody else.
final class Registry: Sendable {
  static let shared = Registry()

  private struct State {
    var pids: Set<Int32> = []
    var folders: Set<String> = []
  }
  private let state = Mutex(State())

  func add(pid: Int32) { state.withLock { _ = $0.pids.insert(pid) } }
  func add(folder: String) { state.withLock { _ = $0.folders.insert(folder) } }

  func remove(folder: String) {
    state.withLock { _ = $0.folders.remove(folder) }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The status of a process that has ended, which is then forgotten; nil while it runs.
  func reap(_ pid: Int32) -> Int32? {
    state.withLock { state in
      guard state.pids.contains(pid) else { return nil }
      var status: Int32 = 0
      guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
      state.pids.remove(pid)
      return status
    }
  }

  /// Sends a signal, unless the process has been waited for.
  func send(_ signal: Int32, to pid: Int32) {
    state.withLock { state in if state.pids.contains(pid) { kill(pid, signal) } }
  }

  /// Ends everything: SIGTERM, and SIGKILL a second later. A stopped process is let go on to receive it.
  func endAll() {
    let pids = state.withLock { $0.pids }
    for pid in pids { send(SIGTERM, to: pid) }
    for pid in pids { send(SIGCONT, to: pid) }
    for _ in 0..<100 where state.withLock({ !$0.pids.isEmpty }) {
      for pid in pids { _ = reap(pid) }
      usleep(10_000)
    }
    for pid in pids { send(SIGKILL, to: pid) }
    for folder in state.withLock({ $0.folders }) { remove(folder: folder) }
  }
}

/// From now on SIGINT, SIGTERM and SIGHUP end what labs have started, and then this process, with 130.
///
/// To be called first thing on the main thread: the signals are blocked there and in every thread made later, and one
/// thread waits for them, so that ending is ordinary code and not a signal handler.
public func endLabsOnInterrupt() {
  var signals = sigset_t()
  sigemptyset(&signals)
  for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
  pthread_sigmask(SIG_BLOCK, &signals, nil)
  var thread = pthread_t()
  pthread_create(
    &thread, nil,
    { _ in
      var signals = sigset_t()
      sigemptyset(&signals)
      for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
      var received: Int32 = 0
      sigwait(&signals, &received)
      note("interrupted; ending what was started")
      Registry.shared.endAll()
      _exit(130)
    }, nil)
  pthread_detach(thread)
}

/// A line on standard error: standard output is for figures.
public func note(_ text: String) {
  let line = Array("  \(text)\n".utf8)
  _ = Glibc.write(STDERR_FILENO, line, line.count)
}
