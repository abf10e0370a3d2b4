import TestSupport
import Testing

@testable import Gateway

/// What the test promises, tried out: seeded, so that a failure repeats.
@Suite struct AlwaysValidTestTests {
  private let test = AlwaysValidTest(effectScale: 0.1)

  /// Looks at one Brownian motion in steps of information until it trips; nil when it does not.
  private func looksUntilAlarm(
    drift: Double, falseAlarm: Double, looks: Int, informationALook: Double, _ random: inout SeededRandom
  ) -> Int? {
    var seen = Evidence.none
    for look in 1...looks {
      // One look's estimate: mean `drift`, variance 1 / information.
      let estimate = drift + Double(random.gaussian()) / informationALook.squareRoot()
      seen.add(difference: estimate, variance: 1 / informationALook)
      if test.logEvidence(seen) >= -logarithm(falseAlarm) { return look }
    }
    return nil
  }

  @Test(arguments: [0.05, 0.2]) func `with no difference it alarms at most as often as promised, looked at 400 times`(
    falseAlarm: Double
  ) {
    var random = SeededRandom(seed: 11)
    let runs = 1_500
    var alarms = 0
    for _ in 0..<runs {
      let found = looksUntilAlarm(
        drift: 0, falseAlarm: falseAlarm, looks: 400, informationALook: 20, &random)
      if found != nil { alarms += 1 }
    }
    // What is promised, plus three standard deviations of the count.
    let most = Double(runs) * falseAlarm + 3 * (Double(runs) * falseAlarm * (1 - falseAlarm)).squareRoot()
    #expect(Double(alarms) <= most, "\(alarms) of \(runs); seed \(random.seed)")
    // A test that never alarms would pass too.
    #expect(alarms > runs / 200, "\(alarms) of \(runs)")
  }

  @Test func `a test of fixed size looked at as often would alarm several times as often`() {
    var random = SeededRandom(seed: 12)
    let runs = 500
    var alarms = 0
    for _ in 0..<runs {
      var seen = Evidence.none
      for _ in 0..<400 {
        seen.add(difference: Double(random.gaussian()), variance: 1)
        // One-sided 5 % of a normal distribution.
        if seen.score / seen.information.squareRoot() < -1.645 {
          alarms += 1
          break
        }
      }
    }
    #expect(alarms > runs / 4, "\(alarms) of \(runs)")
  }

  @Test func `a tenth less is found nearly always, a better challenger nearly never`() {
    var random = SeededRandom(seed: 13)
    // Until the standard error is 2.2 %: of a rate of 5 %, some 80,000 impressions a side.
    let looks = 100
    var (worse, better) = (0, 0)
    for _ in 0..<300 {
      if looksUntilAlarm(drift: -0.1, falseAlarm: 0.025, looks: looks, informationALook: 20, &random) != nil {
        worse += 1
      }
      if looksUntilAlarm(drift: 0.1, falseAlarm: 0.025, looks: looks, informationALook: 20, &random) != nil {
        better += 1
      }
    }
    #expect(worse >= 285, "\(worse) of 300")
    #expect(better <= 3, "\(better) of 300")
  }

  @Test func `its interval holds the truth at all looks at once`() {
    var random = SeededRandom(seed: 14)
    var misses = 0
    for _ in 0..<400 {
      var seen = Evidence.none
      for _ in 0..<200 {
        seen.add(difference: -0.03 + Double(random.gaussian()) / 20.0.squareRoot(), variance: 1 / 20.0)
        let interval = test.interval(seen, falseAlarm: 0.1)!
        if interval.low > -0.03 || interval.high < -0.03 {
          misses += 1
          break
        }
      }
    }
    #expect(misses <= 58, "\(misses) of 400")
  }

  @Test func `evidence is nothing before anything was seen, and finite whatever was`() {
    #expect(test.logEvidence(.none) == 0)
    for (difference, variance) in [(1.0, 1e-12), (-1.0, 1e-12), (0, 1e-12), (1e6, 1), (-1e6, 1)] {
      var seen = Evidence.none
      seen.add(difference: difference, variance: variance)
      #expect(test.logEvidence(seen).isFinite, "\(difference), \(variance)")
    }
    var seen = Evidence.none
    for (difference, variance) in [(Double.nan, 1.0), (1, 0), (1, -1), (1, .infinity), (.infinity, 1)] {
      seen.add(difference: difference, variance: variance)
    }
    #expect(seen == .none)
  }
}
