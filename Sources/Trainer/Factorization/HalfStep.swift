/// One side's update: every target row solved against the fixed rows of the other side.
final class HalfStep: Sendable {
  let side: ALSProgress.Side
  /// Rows of the target × rows of the source.
  let history: InteractionMatrix
  let target: FactorTable
  let source: FactorTable
  private let settings: ALSSettings
  private let threads: Int

  /// 64 rows of a few µs: the counter is asked some thousand times a second, and the last chunk keeps the other core
  /// waiting less than a millisecond.
  private static let chunkRows = 64

  init(
    side: ALSProgress.Side, history: InteractionMatrix, target: FactorTable, source: FactorTable, settings: ALSSettings
  ) {
    self.side = side
    self.history = history
    self.target = target
    self.source = source
    self.settings = settings
    threads = settings.threads > 0 ? settings.threads : availableCores()
  }

  func run(progress: (Int) -> Void) throws(FactorizationError) {
    let (values, vectors) = try Gram(of: source, threads: threads).eigen()
    source.rotate(by: vectors, threads: threads)
    let spectrum = values.map { Float($0 * Double(settings.alpha0)) }
    forEachChunk(
      of: target.count, chunk: Self.chunkRows, threads: threads,
      scratch: { [dimension = target.dimension] in SolverScratch(dimension: dimension) }, progress: progress
    ) { [self] scratch, rows in
      for row in rows { solve(row, spectrum: spectrum, scratch) }
    }
  }

  private func solve(_ row: Int, spectrum: [Float], _ scratch: SolverScratch) {
    let range = history.range(of: row)
    let share = regularization(entries: range.count, others: source.count, settings: settings)
    for place in 0..<target.dimension { scratch.diagonal[place] = spectrum[place] + share }
    history.columns.withUnsafeBufferPointer { columns in
      history.weights.withUnsafeBufferPointer { weights in
        scratch.solver.solve(
          ids: .init(rebasing: columns[range]), weights: .init(rebasing: weights[range]), rows: source.base,
          diagonal: scratch.diagonal, prior: nil, into: target.row(row))
      }
    }
  }
}

/// What one thread works with.
final class SolverScratch {
  let solver: RowSolver
  /// Ones beyond the dimension: padding must not make a system singular.
  let diagonal: UnsafeMutablePointer<Float>

  init(dimension: Int) {
    solver = RowSolver(dimension: dimension)
    diagonal = allocateFloats(paddedToLanes(dimension))
    diagonal.update(repeating: 1, count: paddedToLanes(dimension))
  }

  deinit { diagonal.deallocate() }
}
