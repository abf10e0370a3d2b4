import Glibc
import Synchronization

/// Ctrl-C: once to end a run early and see what it found, twice to end at once.
enum Interrupt {
  private static let count = Atomic(0)

  static var hasCome: Bool { count.load(ordering: .relaxed) > 0 }

  /// Once a process is enough, and more does no harm.
  static func watch() {
    // A parent may have blocked them in the thread that started this program, and a mask outlives exec.
    var ours = sigset_t()
    sigemptyset(&ours)
    for number in [SIGINT, SIGTERM] { sigaddset(&ours, number) }
    pthread_sigmask(SIG_UNBLOCK, &ours, nil)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        // An atomic addition and _exit are all that a signal handler may do here.
        if Interrupt.count.wrappingAdd(1, ordering: .relaxed).oldValue > 0 { _exit(128 + number) }
      }
    }
  }
}
