/// Finds the knee of a server, then how it fares beyond it: rate steps until goodput no longer follows what is offered,
/// then multiples of the knee, each followed by half of it, to see how long recovery takes.
public struct RateSweep {
  public var plan: LoadPlan
  public var firstRate = 500.0
  /// Each step offers this many times the rate of the one before.
  public var factor = 1.4
  public var stepsMax = 20
  public var stepSeconds = 5.0
  /// Multiples of the knee.
  public var overloads = [2.0, 3.0]
  public var overloadSeconds = 10.0
  public var recoverySeconds = 10.0
  /// What else a step must have done to hold: a knee may be that of one kind of answer.
  public var isServed: (RunResult) -> Bool = { _ in true }

  /// A step holds when this share of what was offered was good, and the SLO was met if there is one.
  public static let goodShareMin = 0.95

  public init(_ plan: LoadPlan) { self.plan = plan }

  public struct Step {
    public var ratePerSecond: Double
    public var result: RunResult
    public var holds: Bool
  }

  public struct Overload {
    public var multiple: Double
    public var ratePerSecond: Double
    public var result: RunResult
    public var goodPerSecond: Double
    /// From the end of the overload to the second from which on goodput follows again; nil when it never did.
    public var recoverySeconds: Double?
  }

  public struct Outcome {
    public var steps: [Step] = []
    public var overloads: [Overload] = []
    /// The highest rate that held; nil when none did.
    public var kneePerSecond: Double? { steps.last(where: \.holds)?.ratePerSecond }
    /// The most good answers a second of any step.
    public var peakGoodPerSecond: Double {
      max(steps.map(\.result.counts.goodPerSecond).max() ?? 0, overloads.map(\.goodPerSecond).max() ?? 0)
    }
    /// Good answers at the last overload as a share of the peak.
    public var goodShareKept: Double? {
      guard let last = overloads.last, peakGoodPerSecond > 0 else { return nil }
      return last.goodPerSecond / peakGoodPerSecond
    }
    public var results: [RunResult] { steps.map(\.result) + overloads.map(\.result) }
  }

  /// - Parameter perform: runs one plan; a partial result ends the sweep.
  public func run(_ perform: (LoadPlan) throws -> RunResult) throws -> Outcome {
    guard plan.workload.phases.isEmpty, plan.arrivals != .closed, plan.trace == nil else {
      throw LoadError("a sweep sets the rate itself: it needs an open loop and a workload without phases")
    }
    guard firstRate > 0, factor > 1 else { throw LoadError("a sweep needs a first rate above 0 and a factor above 1") }
    var outcome = Outcome()
    var rate = firstRate
    while outcome.steps.count < stepsMax {
      let step = try step(rate, perform)
      outcome.steps.append(step)
      if step.result.isPartial { return outcome }
      guard step.holds else { break }
      rate *= factor
    }
    guard let knee = outcome.kneePerSecond else { return outcome }
    for multiple in overloads {
      let overload = try overload(multiple, knee, perform)
      outcome.overloads.append(overload)
      if overload.result.isPartial { break }
    }
    return outcome
  }

  private func step(_ rate: Double, _ perform: (LoadPlan) throws -> RunResult) throws -> Step {
    var plan = plan
    plan.ratePerSecond = rate
    plan.durationSeconds = stepSeconds
    plan.name = "sweep"
    let result = try perform(plan)
    return Step(
      ratePerSecond: rate, result: result,
      holds: result.counts.goodShare >= RateSweep.goodShareMin && result.isSLOMet && result.validity.isValid
        && isServed(result))
  }

  private func overload(_ multiple: Double, _ knee: Double, _ perform: (LoadPlan) throws -> RunResult) throws
    -> Overload
  {
    var plan = plan
    plan.ratePerSecond = knee
    plan.durationSeconds = overloadSeconds + recoverySeconds
    plan.name = "sweep"
    var pressed = Phase(seconds: overloadSeconds)
    pressed.rate = multiple
    var calm = Phase(seconds: recoverySeconds)
    calm.rate = 0.5
    plan.workload.phases = [pressed, calm]
    // An SLO is for what a server should bear.
    plan.goodWithinMicroseconds = plan.goodWithin
    plan.slo = nil
    let result = try perform(plan)
    let pressedSeconds = result.series.prefix { Double($0.second + 1) <= overloadSeconds }
    let good = pressedSeconds.reduce(0) { $0 + Double($1.good) } / Double(max(1, pressedSeconds.count))
    return Overload(
      multiple: multiple, ratePerSecond: multiple * knee, result: result, goodPerSecond: good,
      recoverySeconds: RateSweep.recovery(result.series, afterSeconds: overloadSeconds))
  }

  /// How long after a time the goodput of every further second is near what is offered.
  static func recovery(_ series: [SecondSample], afterSeconds: Double) -> Double? {
    let after = series.filter { Double($0.second) >= afterSeconds }
    guard let last = after.last else { return nil }
    let isBad = { (sample: SecondSample) in Double(sample.good) < goodShareMin * Double(sample.offered) }
    guard !isBad(last) else { return nil }
    guard let lastBad = after.last(where: isBad) else { return 0 }
    return Double(lastBad.second + 1) - afterSeconds
  }
}
