internal import CKernels

/// Finds the budgets that reach each recall, on the queries of users: items make easier queries than users do, and would
/// promise too much.
///
/// Truth is the best of the whole index by codes, scored again with exact rows to twice the depth: within a thousandth of
/// the exact answer, at a quarter of the reading.
struct Calibration {
  let index: VectorIndex
  let queries: [Float]
  private let scratch: SearchScratch
  private let dimension: Int

  /// More would not change a budget by a step of the grid.
  static let queriesMax = 384
  /// Budgets must reach their target with this to spare, since other users will ask.
  static let margin = 0.004
  /// Blocks grow by this factor from step to step.
  static let step = 1.3

  init(_ view: IndexView, queries given: [Float]?, seed: UInt64, kernels: Kernels) {
    index = VectorIndex(view, EffortTable(blocks: [], extra: []))
    dimension = view.dimension
    scratch = SearchScratch(kernels: kernels)
    var random = SplitMix(seed: seed ^ 0x63_616C_6962)
    let usable = given.map { Self.pick($0, dimension: view.dimension, &random) } ?? []
    queries = usable.isEmpty ? Self.mixtures(view, &random) : usable
  }

  func measure(_ progress: IndexBuilder.Progress?) -> EffortTable {
    let lengths = EffortTable.lengths.map { min($0, max(1, index.count)) }
    var table = EffortTable(
      blocks: Array(repeating: UInt32(max(1, index.blockCount)), count: lengths.count * EffortTable.targets.count),
      extra: lengths.map { UInt32($0 / 2 + 32) })
    guard index.count > 0, !queries.isEmpty else { return table }
    for (place, length) in lengths.enumerated() {
      progress?(.calibrating, Double(place) / Double(lengths.count))
      let truth = answers(length, SearchBudget(blocks: index.blockCount, refined: 0, rescored: 2 * length + 64))
      table.extra[place] = extra(length, truth)
      guard !index.view.isFlat else { continue }
      let budgets = blocks(length, rescored: length + Int(table.extra[place]), truth)
      for (target, blocks) in budgets.enumerated() { table.blocks[target * lengths.count + place] = UInt32(blocks) }
    }
    progress?(.calibrating, 1)
    return table
  }

  /// The smallest depth of exact scoring that loses next to nothing when every block is scanned.
  private func extra(_ length: Int, _ truth: [[UInt32]]) -> UInt32 {
    for extra in [length / 16 + 6, length / 8 + 12, length / 4 + 16, length / 2 + 24] {
      let budget = SearchBudget(blocks: index.blockCount, refined: 0, rescored: length + extra)
      if recall(answers(length, budget), truth) >= 0.999 { return UInt32(extra) }
    }
    return UInt32(length + 48)
  }

  /// The fewest blocks, on a geometric grid, for each target.
  private func blocks(_ length: Int, rescored: Int, _ truth: [[UInt32]]) -> [Int] {
    var reached: [Int] = []
    var blocks = Double(max(4, length / tileVectors))
    while Int(blocks) < index.blockCount, reached.count < EffortTable.targets.count {
      let found = recall(answers(length, SearchBudget(blocks: Int(blocks), refined: 0, rescored: rescored)), truth)
      while reached.count < EffortTable.targets.count, found >= wanted(EffortTable.targets[reached.count]) {
        reached.append(Int(blocks))
      }
      blocks = (blocks * Self.step).rounded(.up)
    }
    while reached.count < EffortTable.targets.count { reached.append(index.blockCount) }
    return reached
  }

  private func wanted(_ target: Double) -> Double { min(target + Self.margin, 0.996) }

  private func answers(_ length: Int, _ budget: SearchBudget) -> [[UInt32]] {
    stride(from: 0, to: queries.count, by: dimension).map { start in
      let query = queries.span.extracting(start..<start + dimension)
      try! index.search(query, count: length, budget: budget, scratch: scratch)
      let hits = scratch.hits
      return hits.indices.map { hits[$0].item }
    }
  }

  private func recall(_ found: [[UInt32]], _ truth: [[UInt32]]) -> Double {
    var total = 0.0
    for (found, truth) in zip(found, truth) { total += share(of: truth, in: found) }
    return total / Double(max(1, truth.count))
  }

  /// Up to `queriesMax` of the given queries, spread over them; those that cannot be asked are left out.
  private static func pick(_ given: [Float], dimension: Int, _ random: inout SplitMix) -> [Float] {
    let total = given.count / dimension
    return random.sample(min(total, queriesMax), from: total).flatMap { place -> [Float] in
      let row = Array(given[Int(place) * dimension..<(Int(place) + 1) * dimension])
      let energy = row.reduce(0) { $0 + $1 * $1 }
      return energy.isFinite && energy > 0 ? row : []
    }
  }

  /// Stand-ins for users: sums of three random items.
  private static func mixtures(_ view: IndexView, _ random: inout SplitMix) -> [Float] {
    guard view.count > 0 else { return [] }
    return (0..<min(queriesMax, view.count)).flatMap { _ in
      var row = [Float](repeating: 0, count: view.dimension)
      for _ in 0..<3 { nt_add_scaled(&row, view.row(random.below(view.count)), 1, view.dimension) }
      return row
    }
  }
}

/// How many of `truth` are in `found`, as a share. O(n log n).
func share(of truth: [UInt32], in found: [UInt32]) -> Double {
  guard !truth.isEmpty else { return 1 }
  let found = Set(found)
  return Double(truth.count { found.contains($0) }) / Double(truth.count)
}
