internal import CKernels
internal import Dispatch

/// Finds the budgets that reach each recall, on the queries of users: items make easier queries than users do, and would
/// promise too much.
struct Calibration {
  let index: VectorIndex
  let queries: CalibrationQueries
  private let kernels: Kernels

  /// Budgets must reach their target with this to spare, since other users will ask.
  static let margin = 0.004
  /// What blocks may lose of a target is shared with what coarse and fine codes lose: both splits are tried.
  static let reserves = [0.006, 0.02]
  /// More would cost more than a point of recall is worth; the codes themselves lose some.
  static let reachMax = 0.996

  init(_ view: IndexView, queries given: [Float]?, seed: UInt64, kernels: Kernels) {
    index = VectorIndex(view, .empty)
    self.kernels = kernels
    queries = CalibrationQueries(view, given, seed: seed)
  }

  func measure(_ progress: IndexBuilder.Progress?) -> EffortTable {
    var table = Self.everything(index)
    guard index.count > 0, queries.count > 0 else { return table }
    let lengths = EffortTable.lengths.map { min($0, index.count) }
    let truth = ExactAnswers(index, queries, count: lengths.last!, kernels) {
      progress?(.calibrating, $0 * 0.4)
    }
    for (place, length) in lengths.enumerated() {
      let trial = BudgetTrial(index: index, queries: queries, truth: truth, length: length, kernels: kernels)
      for (target, recall) in EffortTable.targets.enumerated() {
        let steps = Double(place * EffortTable.targets.count + target)
        progress?(.calibrating, 0.4 + 0.6 * steps / Double(EffortTable.entryCount))
        let budget = cheapest(trial, recall: recall)
        let entry = target * lengths.count + place
        table.blocks[entry] = UInt32(budget.blocks)
        table.refined[entry] = UInt32(budget.refined)
        table.rescored[entry] = UInt32(budget.rescored)
      }
    }
    progress?(.calibrating, 1)
    return table
  }

  private func cheapest(_ trial: BudgetTrial, recall: Double) -> SearchBudget {
    let wanted = min(recall + Self.margin, Self.reachMax)
    let candidates = Self.reserves.map { trial.budget(wanted, reserve: $0, reachMax: Self.reachMax) }
    return candidates.min { cost($0) < cost($1) }!
  }

  private func cost(_ budget: SearchBudget) -> Double {
    let dimension = index.dimension
    return Double(budget.blocks) * SearchPlan.blockNanoseconds(dimension)
      + Double(budget.refined) * SearchPlan.refineNanoseconds(dimension)
      + Double(budget.rescored) * SearchPlan.rowNanoseconds(dimension)
  }

  /// What an index without items or queries gets: every block.
  static func everything(_ index: VectorIndex) -> EffortTable {
    let deep = EffortTable.targets.flatMap { _ in EffortTable.lengths.map { UInt32(2 * $0 + 64) } }
    return EffortTable(
      blocks: Array(repeating: UInt32(max(1, index.blockCount)), count: EffortTable.entryCount), refined: deep,
      rescored: deep)
  }
}

/// Searches with one budget after the other until the smallest that reaches a recall is found.
struct BudgetTrial {
  let index: VectorIndex
  let queries: CalibrationQueries
  let truth: ExactAnswers
  let length: Int
  let kernels: Kernels

  /// Grids grow by this factor from step to step.
  private static let growth = 1.2
  /// Deep enough that codes lose nothing.
  private var deepest: SearchBudget {
    SearchBudget(
      blocks: index.blockCount, refined: min(SearchScratch.refinedMax, 8 * length + 1024),
      rescored: min(SearchScratch.rescoredMax, 2 * length + 192))
  }

  /// The fewest blocks that reach the recall and the reserve above it, then as few refined and rescored as keep it.
  func budget(_ wanted: Double, reserve: Double, reachMax: Double) -> SearchBudget {
    var budget = deepest
    if index.listCount > 0 {
      budget.blocks = smallest(from: max(2, length / blockItems), to: index.blockCount) {
        recall(with(budget) { $0.blocks = $1 }($0)) >= min(wanted + reserve, reachMax)
      }
    }
    budget.refined = smallest(from: length, to: budget.refined) {
      recall(with(budget) { $0.refined = $1 }($0)) >= min(wanted + reserve / 3, reachMax)
    }
    budget.rescored = smallest(from: length / 8 + 6, to: min(budget.rescored, budget.refined)) {
      recall(with(budget) { $0.rescored = $1 }($0)) >= wanted
    }
    return budget
  }

  private func with(_ budget: SearchBudget, _ change: @escaping (inout SearchBudget, Int) -> Void) -> (Int) -> SearchBudget {
    { value in
      var changed = budget
      change(&changed, value)
      return changed
    }
  }

  /// The smallest number of a geometric grid that will do, by bisection; the last if none does.
  private func smallest(from first: Int, to last: Int, _ willDo: (Int) -> Bool) -> Int {
    var grid = [min(first, last)]
    while grid.last! < last { grid.append(min(last, Int((Double(grid.last!) * Self.growth).rounded(.up)))) }
    var (low, high) = (0, grid.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if willDo(grid[middle]) { high = middle } else { low = middle + 1 }
    }
    return grid[low]
  }

  /// Mean share of the true answers that are found.
  private func recall(_ budget: SearchBudget) -> Double {
    let shares = AlignedStorage<Double>(count: queries.count)
    let parts = min(queries.count, IndexBuilder.threads)
    DispatchQueue.concurrentPerform(iterations: parts) { part in
      let scratch = SearchScratch(for: index, kernels: kernels)
      for place in stride(from: part, to: queries.count, by: parts) {
        try! index.search(queries[place], count: length, budget: budget, scratch: scratch)
        let hits = scratch.hits
        var found = 0
        for hit in hits.indices where truth.holds(hits[hit].item, query: place, within: length) { found += 1 }
        shares.base[place] = Double(found) / Double(length)
      }
    }
    return shares.buffer.reduce(0, +) / Double(queries.count)
  }
}
