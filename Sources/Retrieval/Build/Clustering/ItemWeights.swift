/// How much each item counts for the lists: by inner product the large items are the answers, so the lists should fit
/// them.
///
/// An item weighs its norm to a power that shrinks as norms spread, so that the weights spread alike, to a log-normal
/// sigma of about 1. Against equal weights, the blocks that hold 0.99 of the true top 10 of 300,000 × 128 items are
/// 1,077 instead of 2,239 without clusters (norm sigma 0.25), and with clusters 125 instead of 155 (0.5) and 103
/// instead of 129 (0.8). The power is whole, since libm's powers have other last bits on other machines.
struct ItemWeights {
  /// What a row is multiplied by: the item's weight over its norm. Zero for a zero row.
  let factors: [Float]

  static let powerMax = 4
  /// The most that two items one standard deviation above and below the median may differ in weight: e^2.1.
  static let spreadMax: Float = 8.2
  /// No item weighs more than this many of median norm: one outlier must not draw a list of its own.
  static let weightMax: Float = 64
  /// Norms looked at for the quantiles.
  static let sampleMax = 1 << 16

  init(norms: [Float]) {
    let power = Self.power(norms)
    let median = power.median
    factors = norms.map { norm in
      guard norm > Search.smallestNorm else { return 0 }
      var weight: Float = 1
      for _ in 0..<power.exponent { weight *= norm / median }
      return min(weight, Self.weightMax) / norm
    }
  }

  static func power(_ norms: [Float]) -> (exponent: Int, median: Float) {
    let stride = norms.count / sampleMax + 1
    var sorted: [Float] = []
    for item in Swift.stride(from: 0, to: norms.count, by: stride) where norms[item] > Search.smallestNorm {
      sorted.append(norms[item])
    }
    sorted.sort()
    guard !sorted.isEmpty else { return (0, 1) }
    func quantile(_ percent: Int) -> Float { sorted[(sorted.count - 1) * percent / 100] }
    // One standard deviation below and above.
    let ratio = quantile(84) / quantile(16)
    var (exponent, spread) = (0, ratio)
    while exponent < powerMax, spread <= spreadMax {
      exponent += 1
      spread *= ratio
    }
    return (exponent, quantile(50))
  }
}
