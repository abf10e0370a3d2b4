internal import Glibc
package import Reactor

/// One thread for what no loop may wait for: jobs run one after the other, in the order in which they came.
package final class DiskThread: Sendable {
  package typealias Job = @Sendable () -> Void

  private struct State {
    var jobs: [Job] = []
    var isClosing = false
  }

  private let state = Guarded(State())
  private let wake: Wake
  private let thread: LoopThread

  package init(name: String) throws(LoopError) {
    let (state, wake) = (state, Wake())
    self.wake = wake
    thread = try LoopThread.spawn(name: name) {
      while true {
        wake.wait()
        while let job = state.withLock({ $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }) { job() }
        if state.withLock({ $0.isClosing && $0.jobs.isEmpty }) { return }
      }
    }
  }

  package func submit(_ job: @escaping Job) {
    state.withLock { $0.jobs.append(job) }
    wake.signal()
  }

  package var waiting: Int { state.withLock { $0.jobs.count } }

  /// Ends the thread after the job it is at; what waits is dropped. Blocks until then.
  package func close() {
    state.withLock {
      $0.isClosing = true
      $0.jobs = []
    }
    wake.signal()
    thread.join()
  }
}

/// A semaphore (sem_overview(7)): as many waits pass as there were signals.
private final class Wake: @unchecked Sendable {
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  init() { sem_init(semaphore, 0, 0) }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func signal() { sem_post(semaphore) }
  func wait() { while sem_wait(semaphore) != 0 {} }
}
