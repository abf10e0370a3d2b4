internal import Glibc

/// The budgets that reached each recall on the calibration queries, at a few list lengths.
///
/// Between the lengths they follow a power law (a straight line in logarithms); blocks go on along it beyond the last:
/// a filter that allows a share s of the items asks, in effect, for the best k / s of all.
struct EffortTable: Sendable, Equatable {
  /// List lengths that are measured.
  static let lengths = [10, 100, 500]
  /// The three recalls of `Effort`.
  static let targets = [0.90, 0.95, 0.99]
  static let entryCount = lengths.count * targets.count

  /// One row of each per target, one entry per length: `[target * lengths.count + length]`.
  var blocks: [UInt32]
  var refined: [UInt32]
  var rescored: [UInt32]

  static let empty = EffortTable(blocks: [], refined: [], rescored: [])

  func budget(_ effort: Effort, count: Double, blockCount: Int) -> SearchBudget {
    let row = min(effort.rawValue, Self.targets.count - 1) * Self.lengths.count
    let longest = Double(Self.lengths.last!)
    return SearchBudget(
      blocks: min(max(1, whole(powerLaw(blocks, row, count))), blockCount),
      refined: whole(powerLaw(refined, row, min(count, longest))),
      rescored: whole(powerLaw(rescored, row, min(count, longest))))
  }

  /// Rounded up; but the last bits of a logarithm must not round a whole number up.
  private func whole(_ value: Double) -> Int { Int(min((value * (1 - 1e-9)).rounded(.up), 1e9)) }

  private func powerLaw(_ entries: [UInt32], _ row: Int, _ count: Double) -> Double {
    guard count > Double(Self.lengths[0]) else { return Double(entries[row]) }
    let upper = Self.lengths.firstIndex { Double($0) >= count } ?? Self.lengths.count - 1
    let (from, to) = (Double(Self.lengths[upper - 1]), Double(Self.lengths[upper]))
    let (low, high) = (Double(entries[row + upper - 1]), Double(entries[row + upper]))
    // Never flatter than a square root: the measured end may be a plateau of a small index.
    let slope = log(max(high, low) / low) / log(to / from)
    let exponent = count > to ? max(slope, 0.5) : slope
    return count > to ? high * pow(count / to, exponent) : low * pow(count / from, exponent)
  }
}
