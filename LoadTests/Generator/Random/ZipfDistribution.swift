internal import Glibc

/// Ranks 0..<count with probability ∝ (rank + 1)^-exponent, without a table: rejection-inversion (Hörmann and Derflinger,
/// "Rejection-inversion to generate variates from monotone discrete distributions", 1996). O(1), fewer than 1.3 tries a
/// draw at any exponent.
struct ZipfDistribution: Sendable {
  let count: Int
  let exponent: Double
  private let first: Double
  private let last: Double
  private let cut: Double

  init(count: Int, exponent: Double) {
    precondition(count > 0 && exponent > 0)
    self.count = count
    self.exponent = exponent
    first = ZipfDistribution.integral(1.5, exponent) - 1
    last = ZipfDistribution.integral(Double(count) + 0.5, exponent)
    cut = 2 - ZipfDistribution.inverse(ZipfDistribution.integral(2.5, exponent) - pow(2, -exponent), exponent)
  }

  func draw(_ random: inout Random64) -> Int {
    while true {
      let u = last + random.unit() * (first - last)
      let x = ZipfDistribution.inverse(u, exponent)
      let k = min(max(x.rounded(), 1), Double(count))
      if k - x <= cut || u >= ZipfDistribution.integral(k + 0.5, exponent) - pow(k, -exponent) { return Int(k) - 1 }
    }
  }

  /// ∫ x^-s from 1: (x^(1-s) − 1) / (1 − s), in a form that holds at s = 1, where it is log x.
  private static func integral(_ x: Double, _ s: Double) -> Double {
    let l = log(x)
    return expm1Ratio((1 - s) * l) * l
  }

  private static func inverse(_ u: Double, _ s: Double) -> Double {
    let t = max(u * (1 - s), -1)
    return exp(log1pRatio(t) * u)
  }

  private static func expm1Ratio(_ x: Double) -> Double { abs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2 }
  private static func log1pRatio(_ x: Double) -> Double { abs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2 }
}
