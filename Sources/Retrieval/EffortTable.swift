internal import Glibc


/// The budgets that reached each recall on the calibration queries, at a few list lengths.
///
/// Between the lengths blocks follow a power law (a straight line in logarithms), beyond the last one they go on along it:
/// a filter that allows a share s of the items asks, in effect, for the best k / s of all.
struct EffortTable: Sendable, Equatable {
  /// List lengths that are measured.
  static let lengths = [10, 100, 500]
  /// The three recalls of `Effort`, then one row of blocks for each, one entry per length.
  static let targets = [0.90, 0.95, 0.99]

  /// `blocks[target * lengths.count + length]`.
  var blocks: [UInt32]
  /// Rows scored again beyond k itself, one entry per length.
  var extra: [UInt32]

  func budget(_ effort: Effort, count: Double, blockCount: Int) -> SearchBudget {
    let row = min(effort.rawValue, Self.targets.count - 1) * Self.lengths.count
    // The last bits of a logarithm must not round a whole number up.
    let wanted = powerLaw(row, count) * (1 - 1e-9)
    return SearchBudget(
      blocks: min(max(1, Int(min(wanted.rounded(.up), 1e9))), blockCount), refined: 0, rescored: rescored(count))
  }

  /// k plus the extra rows, the extra growing in a straight line between the lengths.
  func rescored(_ count: Double) -> Int {
    let k = min(max(count, 1), Double(Self.lengths.last!))
    guard k > Double(Self.lengths[0]) else { return Int(k) + Int(extra[0]) }
    let upper = Self.lengths.firstIndex { Double($0) >= k }!
    let (from, to) = (Double(Self.lengths[upper - 1]), Double(Self.lengths[upper]))
    let share = (k - from) / (to - from)
    return Int(k + Double(extra[upper - 1]) * (1 - share) + Double(extra[upper]) * share)
  }

  private func powerLaw(_ row: Int, _ count: Double) -> Double {
    guard count > Double(Self.lengths[0]) else { return Double(blocks[row]) }
    let upper = Self.lengths.firstIndex { Double($0) >= count } ?? Self.lengths.count - 1
    let (from, to) = (Double(Self.lengths[upper - 1]), Double(Self.lengths[upper]))
    let (low, high) = (Double(blocks[row + upper - 1]), Double(blocks[row + upper]))
    // Never flatter than a square root: the measured end may be a plateau of a small index.
    let slope = log(max(high, low) / low) / log(to / from)
    let exponent = count > to ? max(slope, 0.5) : slope
    return count > to ? high * pow(count / to, exponent) : low * pow(count / from, exponent)
  }
}
