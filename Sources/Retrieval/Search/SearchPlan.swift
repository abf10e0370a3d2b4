/// Which way to answer a filtered query. Every way returns allowed items only; the choice is about time, and recall is
/// the same or better.
enum SearchPlan: Equatable {
  /// Read the exact row of every allowed item.
  case rows
  /// Scan the best blocks that hold an allowed item, until as many allowed items have been seen as a random filter of this
  /// selectivity would have shown in `budget.blocks`.
  case blocks(SearchBudget)
  case flat(rescored: Int)

  /// Nanoseconds, measured on Zen 4 with codes and rows partly in cache; only their ratios matter.
  static func blockNanoseconds(_ dimension: Int) -> Double { 30 + 0.7 * Double(dimension) }
  static func rowNanoseconds(_ dimension: Int) -> Double { 8 + 0.25 * Double(dimension) }
  static let maskNanoseconds = 30.0
  /// A filter is never quite random to the query: without this, recall fell by up to a point at selectivity 0.5.
  static let filterReserve = 1.25

  static func choose(_ view: IndexView, _ table: EffortTable, _ effort: Effort, count k: Int, allowed: Int?) -> SearchPlan {
    let selectivity = allowed.map { Double($0) / Double(max(1, view.count)) } ?? 1
    guard effort != .exact else { return .rows }
    let scanned = view.isFlat
      ? SearchBudget(blocks: view.blockCount, refined: 0, rescored: table.rescored(Double(k)))
      : filtered(table, effort, k, selectivity, view.blockCount)
    if let allowed {
      let perBlock = blockNanoseconds(view.dimension) + maskNanoseconds
      if Double(allowed) * rowNanoseconds(view.dimension) <= Double(scanned.blocks) * perBlock { return .rows }
    }
    return view.isFlat ? .flat(rescored: scanned.rescored) : .blocks(scanned)
  }

  private static func filtered(
    _ table: EffortTable, _ effort: Effort, _ k: Int, _ selectivity: Double, _ blockCount: Int
  ) -> SearchBudget {
    var budget = table.budget(effort, count: Double(k) / selectivity, blockCount: blockCount)
    budget.least = table.budget(effort, count: Double(k), blockCount: blockCount).blocks
    if selectivity < 1 { budget.blocks = min(blockCount, Int((Double(budget.blocks) * filterReserve).rounded(.up))) }
    budget.rescored = table.rescored(Double(k))
    return budget
  }
}
