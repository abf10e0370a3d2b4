import TestSupport
import Testing

@testable import Gateway

@Suite struct DistanceTests {
  @Test func `lists overlap by the share of the longer one`() {
    #expect(overlap([1, 2, 3, 4], [4, 3, 9, 8]) == 0.5)
    #expect(overlap([1, 2], [2, 1]) == 1)
    #expect(overlap([1, 2], [1, 2, 3, 4]) == 0.5)
    #expect(overlap([1], [2]) == 0)
    #expect(overlap([], []) == 1 && overlap([], [1]) == 0)
  }

  @Test func `the distance is the largest gap between the distributions`() {
    #expect(kolmogorovSmirnov([1, 2, 3], [3, 2, 1]).value == 0)
    #expect(kolmogorovSmirnov([1, 2], [3, 4]).value == 1)
    // Half of the one lies below all of the other.
    #expect(kolmogorovSmirnov([0, 0, 5, 6], [5, 6]).value == 0.5)
    // Equal numbers pass at once: no gap opens between them.
    #expect(kolmogorovSmirnov([1, 1, 1, 1], [1, 1]).value == 0)
    #expect(kolmogorovSmirnov([1, 1, 1, 2], [1, 2, 2, 2]).value == 0.5)
    #expect(kolmogorovSmirnov([], [1]) == .init(value: 0, samples: 0))
    #expect(kolmogorovSmirnov([.nan, 1], [1]) == .init(value: 0, samples: 1))
  }

  @Test func `it agrees with the distributions counted number by number`() {
    for seed in UInt64(0)..<50 {
      var random = SeededRandom(seed: seed)
      let one = (0..<Int.random(in: 1...40, using: &random)).map { _ in Float(Int.random(in: 0...15, using: &random)) }
      let other = (0..<Int.random(in: 1...40, using: &random)).map { _ in Float(Int.random(in: 3...20, using: &random))
      }
      func below(_ numbers: [Float], _ x: Float) -> Double {
        Double(numbers.count { $0 <= x }) / Double(numbers.count)
      }
      let largest = (one + other).map { abs(below(one, $0) - below(other, $0)) }.max()!
      #expect(abs(kolmogorovSmirnov(one, other).value - largest) < 1e-12, "seed \(seed)")
    }
  }

  @Test func `the median is the middle one`() {
    #expect(medianMicroseconds([9000, 1000, 5000]) == 5)
    #expect(medianMicroseconds([]) == 0)
  }
}
