internal import FoundationEssentials
internal import Glibc
internal import Reactor
internal import Synchronization

/// Runs a plan: the outward face of the generator.
///
///     let result = try LoadRun(plan).run(
///       actions: [ScheduledAction(atSeconds: 5, "kill memcached") { memcached.kill() }],
///       progress: { sample in ... })
///
/// `run` blocks its thread, on which actions and progress are called, while the generator's threads work. It never throws
/// for what the server does once it has answered a first connection: that is in the result.
public struct LoadRun {
  /// How long the first connections may take.
  static let connectSeconds = 5.0

  public let plan: LoadPlan

  public init(_ plan: LoadPlan) { self.plan = plan }

  /// - Parameters:
  ///   - actions: performed in order of their time; one that takes long delays the next, not the load.
  ///   - progress: once a second with that second as known so far: answers still on their way are missing.
  ///   - isCancelled: asked some fifty times a second; true ends the run early, with a partial result.
  public func run(
    actions: [ScheduledAction] = [], progress: ((SecondSample) -> Void)? = nil, isCancelled: () -> Bool = { false }
  ) throws(LoadError) -> RunResult {
    try plan.check()
    try plan.raiseFileLimit()
    let startedAt = Date().formatted(.iso8601)
    let environment = RunEnvironment(target: plan.target)
    let control = RunControl()
    let runTag = LoadRun.makeTag()
    let files = try RecordFiles(plan, runTag: runTag)
    let threads = try spawn(control, files, runTag)
    do { try begin(control) } catch {
      control.isAbandoned.store(true, ordering: .relaxed)
      for thread in threads { thread.join() }
      throw error
    }
    var conductor = Conductor(control, plan, actions)
    let isPartial = conductor.conduct(progress, isCancelled)
    for thread in threads { thread.join() }
    if let failure = files.failure { throw failure }
    return RunResult(
      plan, reports: control.reports.withLock { $0 }, measuredSeconds: conductor.measuredSeconds, isPartial: isPartial,
      startedAt: startedAt, environment: environment, marks: conductor.marks)
  }

  /// Sixteen hex digits that no other run has.
  static func makeTag() -> String {
    var random = SystemRandomNumberGenerator()
    let digits = String(random.next() as UInt64, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private func spawn(_ control: RunControl, _ files: RecordFiles, _ runTag: String) throws(LoadError) -> [LoopThread] {
    let plan = plan
    let clickModel = plan.trace == nil ? plan.workload.clicks : nil
    var relevance: [UInt64: Double]?
    if let path = clickModel?.relevancePath { relevance = try ClickSimulation.readRelevance(path: path) }
    let known = relevance
    var threads: [LoopThread] = []
    for number in 0..<plan.threads {
      do {
        threads.append(
          try LoopThread.spawn(name: "load-\(number)") {
            let clicks = clickModel.map { ClickSimulation($0, relevance: known, seed: plan.seed, runTag: runTag) }
            do {
              try GeneratorThread(
                plan, thread: number, control: control, clicks: clicks, files: files
              ).run()
            } catch {
              let failure = error as? LoadError
              control.failure.withLock { $0 = failure }
            }
          })
      } catch { throw LoadError("\(error)") }
    }
    return threads
  }

  /// Waits for the connections, and sets the start.
  private func begin(_ control: RunControl) throws(LoadError) {
    let deadline = MonotonicClock.nanoseconds + Int64(LoadRun.connectSeconds * 1e9)
    while control.connected.load(ordering: .relaxed) < plan.connections {
      if let failure = control.failure.withLock({ $0 }) { throw failure }
      if MonotonicClock.nanoseconds > deadline {
        let reason = control.connectFailure.load(ordering: .relaxed)
        throw LoadError(
          "\(plan.target): \(control.connected.load(ordering: .relaxed)) of \(plan.connections) connections could be made"
            + (reason == 0 ? "" : ": \(String(cString: strerror(reason)))") + ". Is the server running?")
      }
      usleep(1_000)
    }
    // Far enough for every thread to have seen it: they look once a millisecond.
    let start = MonotonicClock.nanoseconds + 10_000_000 + Int64(plan.warmUpSeconds * 1e9)
    control.start.store(start, ordering: .releasing)
  }
}

/// What a run writes beside its result.
struct RecordFiles: Sendable {
  let trace: TraceFile?
  let keys: TraceFile?

  init(_ plan: LoadPlan, runTag: String) throws(LoadError) {
    let heading = "\(Trace.heading)\t\(plan.warmUpSeconds)\t\(plan.durationSeconds)\t\(runTag)"
    trace = if let path = plan.recordPath { try TraceFile(path: path, heading: heading) } else { nil }
    let keysHeading = "# seconds key bytes, of needletail-load"
    keys = if let path = plan.recordKeysPath { try TraceFile(path: path, heading: keysHeading) } else { nil }
  }

  var failure: LoadError? { trace?.failure ?? keys?.failure }
}

/// The thread that called `run`, while the others work: actions, progress, the end.
private struct Conductor {
  private let control: RunControl
  private let plan: LoadPlan
  private var actions: [ScheduledAction]
  private(set) var marks: [RunMark] = []
  private(set) var measuredSeconds: Double
  private var shownSeconds = 0

  init(_ control: RunControl, _ plan: LoadPlan, _ actions: [ScheduledAction]) {
    self.control = control
    self.plan = plan
    self.actions = actions.sorted { $0.atSeconds > $1.atSeconds }
    measuredSeconds = plan.durationSeconds
  }

  private var now: Double { Double(MonotonicClock.nanoseconds - control.start.load(ordering: .relaxed)) / 1e9 }

  /// Until the threads have reported; says whether the run was ended early.
  mutating func conduct(_ progress: ((SecondSample) -> Void)?, _ isCancelled: () -> Bool) -> Bool {
    var isPartial = false
    while control.reports.withLock({ $0.count }) < plan.threads {
      if !isPartial, now < plan.durationSeconds, isCancelled() {
        isPartial = true
        actions = []
        measuredSeconds = max(0.001, now)
        control.end.store(Int64(measuredSeconds * 1e9), ordering: .relaxed)
      }
      while let action = actions.last, action.atSeconds <= now { perform(actions.popLast() ?? action) }
      show(progress)
      usleep(20_000)
    }
    show(progress)
    return isPartial
  }

  private mutating func perform(_ action: ScheduledAction) {
    let began = now
    var mark = RunMark(atSeconds: began, name: action.name, tookSeconds: 0, error: nil)
    do { try action.perform() } catch { mark.error = "\(error)" }
    mark.tookSeconds = now - began
    marks.append(mark)
  }

  /// Seconds that every thread has handed over.
  private mutating func show(_ progress: ((SecondSample) -> Void)?) {
    while let parts = control.progress.withLock({ $0[shownSeconds] }), parts.count == plan.threads,
      Double(shownSeconds) < measuredSeconds
    {
      var sum = Tally.Second()
      for part in parts.values { sum.add(part) }
      control.progress.withLock { $0[shownSeconds] = nil }
      progress?(sum.sample(shownSeconds))
      shownSeconds += 1
    }
  }
}
