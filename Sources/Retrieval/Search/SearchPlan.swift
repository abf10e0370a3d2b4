/// Which way to answer a filtered query. Every way returns allowed items only; the choice is about time, and recall is
/// the same or better.
enum SearchPlan: Equatable {
  /// Read the exact row of every allowed item.
  case rows
  /// Scan the best blocks that hold an allowed item, until as many allowed items have been seen as a random filter of this
  /// selectivity would have shown in `budget.blocks`.
  case blocks(SearchBudget)
  case flat(SearchBudget)

  /// Nanoseconds, measured on Zen 4 with codes and rows partly in cache; only their ratios matter.
  static func blockNanoseconds(_ dimension: Int) -> Double { 10 + 0.25 * Double(dimension) }
  static func refineNanoseconds(_ dimension: Int) -> Double { 8 + 0.04 * Double(dimension) }
  static func rowNanoseconds(_ dimension: Int) -> Double { 8 + 0.25 * Double(dimension) }
  static let maskNanoseconds = 30.0
  /// A filter is never quite random to the query: without this, recall fell by up to a point at selectivity 0.5.
  static let filterReserve = 1.5

  static func choose(_ view: IndexView, _ table: EffortTable, _ effort: Effort, count k: Int, allowed: Int?) -> SearchPlan {
    let selectivity = allowed.map { Double($0) / Double(max(1, view.count)) } ?? 1
    guard effort != .exact else { return .rows }
    let scanned = view.isFlat
      ? table.budget(effort, count: Double(k), blockCount: view.blockCount)
      : filtered(table, effort, k, selectivity, view.blockCount)
    if let allowed {
      let perBlock = blockNanoseconds(view.dimension) + maskNanoseconds
      if Double(allowed) * rowNanoseconds(view.dimension) <= Double(scanned.blocks) * perBlock { return .rows }
    }
    return view.isFlat ? .flat(scanned) : .blocks(scanned)
  }

  /// The plan for a search that found this one too narrow; nil when the wider is not worth a second look. An answer that
  /// came out short is worth one until there is no block left.
  func widened(to wider: SearchPlan, isShort: Bool, _ blockCount: Int) -> SearchPlan? {
    switch (self, wider) {
    case (.flat(let mine), .flat(let other)):
      return mine.isMuchLess(than: other) ? wider : nil
    case (.blocks(let mine), .blocks(var other)):
      if isShort { other.blocks = min(blockCount, max(other.blocks, 2 * mine.blocks)) }
      return mine.isMuchLess(than: other) ? .blocks(other) : nil
    // Reading rows leaves nothing out.
    case (.rows, _): return nil
    default: return wider
    }
  }

  private static func filtered(
    _ table: EffortTable, _ effort: Effort, _ k: Int, _ selectivity: Double, _ blockCount: Int
  ) -> SearchBudget {
    let plain = table.budget(effort, count: Double(k), blockCount: blockCount)
    guard selectivity < 1 else { return plain }
    var budget = table.budget(effort, count: Double(k) / selectivity, blockCount: blockCount)
    budget.least = plain.blocks
    budget.blocks = min(blockCount, Int((Double(budget.blocks) * filterReserve).rounded(.up)))
    budget.refined = Int(Double(plain.refined) * filterReserve)
    budget.rescored = plain.rescored
    return budget
  }
}
