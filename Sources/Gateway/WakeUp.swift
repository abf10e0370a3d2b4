import Glibc

/// Lets one thread sleep until another has something for it (sem_overview(7)).
final class WakeUp: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  init() {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func signal() { sem_post(semaphore) }

  /// Returns when signalled or when the time is over.
  func wait(milliseconds: Int) {
    var until = timespec()
    clock_gettime(CLOCK_REALTIME, &until)
    until.tv_nsec += (milliseconds % 1000) * 1_000_000
    until.tv_sec += milliseconds / 1000 + until.tv_nsec / 1_000_000_000
    until.tv_nsec %= 1_000_000_000
    while sem_timedwait(semaphore, &until) == -1 && errno == EINTR {}
  }
}
