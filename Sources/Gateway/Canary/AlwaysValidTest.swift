import Glibc

/// What has been seen of a difference so far: `information` is the inverse of its estimate's variance, `score` the
/// estimate times that. Of several steps both add up, each step compared within itself: what changes from hour to hour
/// changes for both sides of a step alike.
struct Evidence: Sendable, Equatable, Codable {
  private(set) var information = 0.0
  private(set) var score = 0.0

  static let none = Evidence()

  /// Takes in an estimate that is independent of the others. One without a variance says nothing.
  mutating func add(difference: Double, variance: Double) {
    guard variance > 0, variance.isFinite, difference.isFinite else { return }
    information += 1 / variance
    score += difference / variance
  }

  mutating func add(_ other: Evidence) {
    information += other.information
    score += other.score
  }

  /// Nil while nothing is known.
  var estimate: Double? { information > 0 ? score / information : nil }
}

/// A one-sided test of "the difference is not below zero" that may be looked at as often as one likes.
///
/// The mixture sequential probability ratio test (Robbins, Ann. Math. Stat. 41, 1970; for A/B tests Johari, Koomen,
/// Pekelis, Walsh, "Always Valid Inference", Operations Research 70, 2022): likelihood ratios of all differences below zero,
/// weighted by a half-normal distribution of scale τ. In units of information the score is a Brownian motion, for rates
/// as for any mean with an estimated variance (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit
/// theory and asymptotic confidence sequences", Ann. Stat. 52, 2024). With S = score, I = information the weighted ratio is
///
///     E = 2 (1 + τ²I)^-½ · exp(τ²S² / 2(1 + τ²I)) · Φ(−τS / √(1 + τ²I))
///
/// While the difference is not below zero, E is a supermartingale that begins at 1, so it *ever* reaches 1/α with a
/// probability of at most α (Ville), however often and for whatever reason one looks.
struct AlwaysValidTest: Sendable, Equatable {
  /// τ: how large a difference is expected to be if there is one. Not part of what α promises; the closer, the sooner.
  let effectScale: Double

  /// ln E; 0 while nothing is known.
  func logEvidence(_ seen: Evidence) -> Double {
    let weight = 1 + effectScale * effectScale * seen.information
    let standard = effectScale * seen.score / weight.squareRoot()
    return log(2) - 0.5 * log(weight) + 0.5 * standard * standard + logNormalTail(standard)
  }

  /// Where the difference lies with probability 1 − α, at all times at once: the two-sided normal mixture of the same
  /// paper. Nil while nothing is known.
  func interval(_ seen: Evidence, falseAlarm: Double) -> (low: Double, high: Double)? {
    guard let estimate = seen.estimate else { return nil }
    let weight = 1 + effectScale * effectScale * seen.information
    let reach =
      (weight * log(weight / (falseAlarm * falseAlarm))).squareRoot() / (effectScale * seen.information)
    return (estimate - reach, estimate + reach)
  }
}

/// ln Φ(−x), also where Φ itself is too small for a number.
private func logNormalTail(_ x: Double) -> Double {
  guard x > 30 else { return log(0.5 * erfc(x / 2.0.squareRoot())) }
  // The first two terms of the asymptotic series: relative error below 3/x⁴.
  return -0.5 * x * x - log(x * (2 * Double.pi).squareRoot()) + log1p(-1 / (x * x))
}
