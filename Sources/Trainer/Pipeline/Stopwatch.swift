/// What each phase of a run took.
final class Stopwatch {
  private(set) var seconds: [(phase: TrainProgress.Phase, seconds: Double)] = []

  /// A phase that comes again adds to what it took before.
  private func add(_ phase: TrainProgress.Phase, since start: Double) {
    let taken = monotonicSeconds() - start
    if let place = seconds.firstIndex(where: { $0.phase == phase }) {
      seconds[place].seconds += taken
    } else {
      seconds.append((phase, taken))
    }
  }

  func timed<Result>(
    _ phase: TrainProgress.Phase, _ body: () throws(TrainError) -> Result
  ) throws(TrainError) -> Result {
    let start = monotonicSeconds()
    let result = try body()
    add(phase, since: start)
    return result
  }

  func timed<Result>(_ phase: TrainProgress.Phase, _ body: () -> Result) -> Result {
    let start = monotonicSeconds()
    defer { add(phase, since: start) }
    return body()
  }
}
