import Reactor

/// One thread for the slow work of the control plane: reading the repository, pulling, verifying, warming. Jobs run one
/// after the other, so two versions are never verified at once and memory holds at most one more than it serves.
final class Loader: Sendable {
  typealias Job = @Sendable () -> Void

  private struct State {
    var jobs: [Job] = []
    var isClosing = false
  }

  private let state = Guarded(State())
  private let wake = WakeUp()

  func start() throws -> LoopThread {
    try LoopThread.spawn(name: "loader") { [self] in
      while true {
        let (job, isClosing) = state.withLock { ($0.jobs.isEmpty ? nil : $0.jobs.removeFirst(), $0.isClosing) }
        if isClosing { return }
        if let job { job() } else { wake.wait(milliseconds: 1000) }
      }
    }
  }

  func submit(_ job: @escaping Job) {
    state.withLock { $0.jobs.append(job) }
    wake.signal()
  }

  /// Ends the thread after the job it is at.
  func close() {
    state.withLock { $0.isClosing = true }
    wake.signal()
  }
}
