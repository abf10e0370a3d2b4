import Reactor

/// A thread for the slow work of the control plane. Jobs run one after the other: of the loader's, which pulls, verifies and
/// warms, two versions are never verified at once and memory holds at most one more than it serves.
final class Loader: Sendable {
  /// A tenth of a worker's weight when both want the core (sched(7): each step is a factor of 1.25): what is loaded may
  /// wait, what is asked may not.
  static let niceness: Int32 = 10

  typealias Job = @Sendable () -> Void

  private struct State {
    var jobs: [(run: Job, mustRun: Bool)] = []
    var isClosing = false

    /// The next job; once closing, those alone that must run.
    mutating func next() -> Job? {
      if isClosing { jobs.removeAll { !$0.mustRun } }
      return jobs.isEmpty ? nil : jobs.removeFirst().run
    }
  }

  private let name: String
  private let state = Guarded(State())
  private let wake = WakeUp()

  init(name: String = "loader") { self.name = name }

  func start() throws -> LoopThread {
    try LoopThread.spawn(name: name, niceness: Loader.niceness) { [self] in
      while true {
        let (job, isClosing) = state.withLock { ($0.next(), $0.isClosing) }
        if let job { job() } else if isClosing { return } else { wake.wait(milliseconds: 1000) }
      }
    }
  }

  /// `mustRun`: also when the loader is closed before its turn.
  func submit(mustRun: Bool = false, _ job: @escaping Job) {
    state.withLock { $0.jobs.append((job, mustRun)) }
    wake.signal()
  }

  /// Whether what is under way should come to an end.
  var isClosing: Bool { state.withLock { $0.isClosing } }

  /// Ends the thread after the job it is at and those that must run.
  func close() {
    state.withLock { $0.isClosing = true }
    wake.signal()
  }
}
