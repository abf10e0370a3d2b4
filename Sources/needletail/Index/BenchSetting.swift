import Retrieval

/// What one row of a bench asks of the index.
enum BenchSetting: Equatable {
  /// A recall, by the efforts that were calibrated when the index was built.
  case effort(Effort)
  case budget(SearchBudget)

  /// As it is given: `40:400:40`, or `recall 0.95`.
  var text: String {
    switch self {
    case .effort(let effort): "recall \(decimals(effort.target, 2))"
    case .budget(let budget): "\(budget.blocks):\(budget.refined):\(budget.rescored)"
    }
  }

  /// `blocks:refined:rescored`, all whole numbers; nil for anything else.
  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 3, let blocks = parts[0], let refined = parts[1], let rescored = parts[2], blocks >= 1,
      refined >= 0, rescored >= 0, max(blocks, refined, rescored) <= Self.numberMax
    else { return nil }
    self = .budget(SearchBudget(blocks: blocks, refined: refined, rescored: rescored))
  }

  /// More blocks than any index has.
  static let numberMax = 1 << 27

  /// A range around the budget of recall 0.95: blocks from a quarter to four times, refined and rescored
  /// from half to four times. A flat index scans all of its blocks, whatever is asked for.
  static func range(of index: VectorIndex, k: Int) -> [BenchSetting] {
    let middle = index.budget(.recall95, count: k)
    let blocks =
      index.listCount == 0
      ? [max(1, index.blockCount)]
      : [0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4].map { min(index.blockCount, max(1, Int(Double(middle.blocks) * $0))) }
    let refined = spread(middle.refined)
    let rescored = spread(middle.rescored)
    var settings: [BenchSetting] = []
    for blocks in blocks {
      for refined in refined {
        for rescored in rescored {
          let budget = SearchBudget(
            blocks: blocks, refined: middle.refined == 0 ? 0 : max(refined, k), rescored: rescored)
          if !settings.contains(.budget(budget)) { settings.append(.budget(budget)) }
        }
      }
    }
    return settings
  }

  private static func spread(_ number: Int) -> [Int] {
    number == 0 ? [0] : [number / 2, number, number * 2, number * 4]
  }
}
