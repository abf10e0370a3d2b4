/// A user's row from entries and fixed items, as training's last half-step makes it:
///
///     (α₀ G + Σ c h h' + λ (n + α₀ |items|)^ν 1) w = Σ c h,   n the number of distinct items
///
/// The serving side folds live sessions in with the same formula. Not for use by two threads at once.
public final class FoldInSolver {
  private let items: FactorTable
  private let prior: FactorTable
  private let settings: ALSSettings
  private let scratch: SolverScratch
  private let result: FactorTable

  /// - Parameters:
  ///   - items: item rows, row-major, `dimension` numbers each.
  ///   - gram: `Factors.itemGram()` of the same items, or nil to have it computed.
  ///   - settings: those that the items were trained with.
  public init(items: [Float], dimension: Int, gram: [Float]? = nil, settings: ALSSettings) {
    precondition(gram.map { $0.count == dimension * dimension } ?? true)
    let items = FactorTable(rows: items, dimension: dimension)
    self.items = items
    self.settings = settings
    scratch = SolverScratch(dimension: dimension)
    result = FactorTable(count: 1, dimension: dimension)
    let gram = gram ?? Gram(of: items, threads: 1).matrix.map(Float.init)
    // Rows for the padding too: the solver reads a square.
    prior = FactorTable(count: items.width, dimension: dimension)
    for row in 0..<dimension {
      for column in 0..<dimension { prior.row(row)[column] = gram[row * dimension + column] * settings.alpha0 }
    }
  }

  /// The row of a user with these entries; all zeros without any. Weights of a repeated item add up.
  ///
  /// - Complexity: O(entries × dimension² + dimension³), some 5 µs at 64 and 10 entries.
  public func vector(for entries: [(item: UInt32, weight: Float)]) -> [Float] {
    let history = InteractionMatrix(
      userCount: 1, itemCount: items.count, entries: entries.map { (user: 0, item: $0.item, weight: $0.weight) })
    let share = regularization(entries: history.entryCount, others: items.count, settings: settings)
    for place in 0..<items.dimension { scratch.diagonal[place] = share }
    history.columns.withUnsafeBufferPointer { columns in
      history.weights.withUnsafeBufferPointer { weights in
        scratch.solver.solve(
          ids: columns, weights: weights, rows: items.base, diagonal: scratch.diagonal, prior: prior.base,
          into: result.base)
      }
    }
    return result.compact()
  }
}
