import LoadGenerator
import LoadLab
import LoadReport

/// What is done to the servers while one run of load goes on: steps one after the other, each held for some seconds
/// when it is done. The run ends with the last.
struct Timeline {
  struct Step {
    let name: String
    let holdSeconds: Double
    let perform: () throws -> Void
  }

  /// A step and the time until the next, as the gateway counted it.
  struct Phase {
    let name: String
    let begin: Double
    var end: Double
    var tiers: [String: Int] = [:]
  }

  /// Longer than any scenario takes.
  private static let secondsMax = 900.0

  private var steps: [Step] = []

  init() {}

  mutating func then(_ name: String, hold seconds: Double, _ perform: @escaping () throws -> Void = {}) {
    steps.append(Step(name: name, holdSeconds: seconds, perform: perform))
  }

  /// Offers load meanwhile. A step that throws ends the run; its error stands in the run's mark.
  func run(_ plan: LoadPlan, on gateway: GatewayProcess) throws -> (run: RunResult, phases: [Phase]) {
    var plan = plan
    plan.durationSeconds = Timeline.secondsMax
    let conduct = Conduct(steps, gateway)
    var run = try LoadRun(plan).run(
      actions: [ScheduledAction(atSeconds: 0, "begin") { conduct.begin() }], isCancelled: { conduct.isDone() })
    // It was to end with the last step, so it is whole.
    run.isPartial = false
    run.marks = conduct.marks
    return (run, conduct.phases)
  }

  private final class Conduct {
    private var steps: ArraySlice<Step>
    private let gateway: GatewayProcess
    private var start = 0.0
    private var next = Double.infinity
    private var counted: [String: Int] = [:]
    private(set) var marks: [RunMark] = []
    private(set) var phases: [Phase] = []

    init(_ steps: [Step], _ gateway: GatewayProcess) {
      self.steps = steps[...]
      self.gateway = gateway
    }

    func begin() {
      start = monotonicSeconds()
      next = start
    }

    /// Does what is due; asked some fifty times a second.
    func isDone() -> Bool {
      guard monotonicSeconds() >= next else { return false }
      endPhase()
      guard let step = steps.popFirst() else { return true }
      note(step.name)
      let at = monotonicSeconds() - start
      phases.append(Phase(name: step.name, begin: at, end: at))
      var mark = RunMark(atSeconds: at, name: step.name, tookSeconds: 0)
      do { try step.perform() } catch {
        mark.error = "\(error)"
        steps = []
      }
      mark.tookSeconds = monotonicSeconds() - start - at
      marks.append(mark)
      next = monotonicSeconds() + step.holdSeconds
      return false
    }

    private func endPhase() {
      // A gateway that is restarted may not answer just now: then the phase has no count.
      let now = (try? gateway.tiers()) ?? [:]
      if let last = phases.indices.last {
        phases[last].end = monotonicSeconds() - start
        phases[last].tiers = now.merging(counted) { max(0, $0 - $1) }.filter { !$0.key.isEmpty && $0.value > 0 }
      }
      counted = now
    }
  }
}

extension Timeline.Phase {
  var total: Int { tiers.values.reduce(0, +) }

  func share(of tier: String) -> Double { Double(tiers[tier, default: 0]) / Double(max(1, total)) }
}

extension ScenarioReport {
  /// A row a phase: what the seconds that lie in it say, and the gateway's own count of tiers.
  mutating func show(_ phases: [Timeline.Phase], of run: RunResult) {
    var table = TextTable(
      ["phase", "seconds", "offered", "good", "errors", "p99, median second", "p99, worst second", "longest", "tiers"],
      words: [0, 8])
    for phase in phases {
      let seconds = run.series.filter {
        Double($0.second) + 0.5 >= phase.begin && Double($0.second) + 0.5 < phase.end
      }
      let p99 = Spread(seconds.filter { $0.completed > 0 }.map(\.p99Microseconds))
      let longest = seconds.map(\.maxMicroseconds).max() ?? 0
      let tiers = phase.tiers.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      table.add([
        phase.name, Format.fixed(phase.end - phase.begin, places: 1),
        Format.count(Double(seconds.reduce(0) { $0 + $1.offered })),
        Format.count(Double(seconds.reduce(0) { $0 + $1.good })),
        Format.count(Double(seconds.reduce(0) { $0 + $1.errors })),
        p99.map { Format.time(microseconds: $0.median) } ?? "", p99.map { Format.time(microseconds: $0.max) } ?? "",
        seconds.isEmpty ? "" : Format.time(microseconds: longest),
        tiers.map { "\($0.key) \(Format.percent(phase.share(of: $0.key)))" }.joined(separator: ", "),
      ])
    }
    add(table)
  }

  /// Every answer of a run was a 200 with the right body, and none hung.
  mutating func checkAllGood(_ run: RunResult, as name: String) {
    let others = run.statuses.filter { $0.key != "200" && $0.key != "202" }.mapValues(\.count)
    check(run.counts.completed > 0, "\(name): not one answer")
    check(others.isEmpty, "\(name): statuses other than 200: \(others)")
    check(
      run.counts.errors == 0,
      "\(name): \(run.counts.errors) of \(run.counts.offered) requests failed: \(run.errors) \(run.faults.first ?? "")")
  }

  /// The tail while something was broken: the placements' deadline (50 ms) and what a loop turn may add.
  mutating func checkDeadline(_ run: RunResult, as name: String, milliseconds: Double = 53) {
    check(
      run.response.p999Microseconds <= milliseconds * 1000 || !run.validity.isValid,
      "\(name): p99.9 is \(Format.time(microseconds: run.response.p999Microseconds)), above the deadline of 50 ms + 3 ms"
    )
  }
}

/// Options of scenarios that offer load.
extension Workload {
  /// Users ask for home, and for items like one: both among as many, so that each is met soon.
  static func pages(users: Int = 300, items: Int = 300) -> Workload {
    var home = RequestTemplate.List()
    home.results = 9
    var detail = home
    detail.placement = "detail"
    detail.subject = .item
    var work = Workload(
      name: "pages",
      requests: [RequestTemplate(name: "home", lists: [home]), RequestTemplate(name: "detail", lists: [detail])])
    work.users.count = users
    work.items.count = items
    return work
  }
}
