/// When requests are planned, as seconds since the measured part began; before it, times are negative.
///
/// The offered rate is piecewise constant: `ratePerSecond` times the factor of the phase. Each gap is an amount of
/// expected arrivals (1 when constant, exponential of mean 1 for Poisson) that is spent along the phases, so a Poisson
/// process stays one across their borders.
struct ArrivalClock: Sendable {
  private let isPoisson: Bool
  private let ratePerSecond: Double
  private let timetable: PhaseTimetable
  private var random: Random64
  private(set) var seconds: Double

  init(_ arrivals: Arrivals, ratePerSecond: Double, phases: [Phase], startSeconds: Double, seed: UInt64) {
    isPoisson = arrivals == .poisson
    self.ratePerSecond = ratePerSecond
    timetable = PhaseTimetable(phases)
    random = Random64(seed: seed, stream: .max)
    seconds = startSeconds
  }

  /// The next planned time; nil when every phase rests.
  mutating func next() -> Double? {
    guard timetable.everSends else { return nil }
    var gap = isPoisson ? random.exponential() : 1
    while true {
      let place = timetable.place(at: seconds)
      let rate = ratePerSecond * place.factor
      let room = (place.endSeconds - seconds) * rate
      // Not `>=`: a border belongs to the phase that begins there.
      if gap < room {
        seconds += gap / rate
        return seconds
      }
      gap -= room
      // A border that rounding keeps at or below the present time would hold the clock for ever.
      seconds = max(place.endSeconds, seconds.nextUp)
    }
  }
}

/// Which phase is when. Phases begin with the measured part and repeat; the warm-up is like the first.
struct PhaseTimetable: Sendable {
  struct Place {
    var index: Int
    var factor: Double
    var endSeconds: Double
  }

  private let phases: [Phase]
  private let cycleSeconds: Double

  init(_ phases: [Phase]) {
    self.phases = phases
    cycleSeconds = phases.reduce(0) { $0 + $1.seconds }
  }

  var everSends: Bool { phases.isEmpty || phases.contains { $0.rate > 0 } }

  func place(at seconds: Double) -> Place {
    guard !phases.isEmpty else { return Place(index: 0, factor: 1, endSeconds: .infinity) }
    guard seconds >= 0 else { return Place(index: 0, factor: phases[0].rate, endSeconds: 0) }
    let cycle = (seconds / cycleSeconds).rounded(.down)
    var end = cycle * cycleSeconds
    for (index, phase) in phases.enumerated() {
      end += phase.seconds
      if seconds < end || index == phases.count - 1 { return Place(index: index, factor: phase.rate, endSeconds: end) }
    }
    fatalError("unreachable: the last phase takes what is left")
  }
}
