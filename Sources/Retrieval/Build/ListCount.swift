/// How many lists an index gets, by its size and by how unequal the norms are.
enum ListCount {
  /// Lists hold about this many items at least, or the half-empty last block of each would cost too much.
  static let itemsPerListMin = 128

  /// In units of √N. With unequal norms the blocks of a list differ much, and ranking them finds what more lists would;
  /// with equal ones only lists tell items apart. Measured at a million: 1,536 and 2,048 lists are equally fast for norms
  /// of σ 0.25, 4,096 twice as fast as 2,048 for norms of 1.
  static let rootsOfUnequal = 2
  static let rootsOfEqual = 4

  /// The relative standard deviation of norms from which they count as unequal.
  static let unequalMin = 0.12

  static func of(_ rows: ExactRows) -> Int {
    let roots = relativeDeviation(rows.norms) >= unequalMin ? rootsOfUnequal : rootsOfEqual
    return max(1, min(roots * Int(Double(rows.count).squareRoot()), rows.count / itemsPerListMin))
  }

  private static func relativeDeviation(_ norms: [Float]) -> Double {
    var (sum, squares) = (0.0, 0.0)
    for norm in norms {
      sum += Double(norm)
      squares += Double(norm) * Double(norm)
    }
    guard sum > 0 else { return 0 }
    let (mean, count) = (sum / Double(norms.count), Double(norms.count))
    return max(0, squares / count - mean * mean).squareRoot() / mean
  }
}
