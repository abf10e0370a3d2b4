import TestSupport
import Testing

@testable import Trainer

struct RowSolverTests {
  /// Solves one row both ways against a table whose Gram matrix is diagonal only by name: any diagonal will do.
  private func solve(dimension: Int, entries: Int, form: RowSolver.Form, seed: UInt64) -> [Double] {
    var random = SeededRandom(seed: seed)
    let table = FactorTable(count: max(entries, 4), dimension: dimension)
    for row in 0..<table.count { for place in 0..<dimension { table.row(row)[place] = random.gaussian() / 8 } }
    let diagonal = Floats(table.width) { $0 < dimension ? Float.random(in: 0.05...2, using: &random) : 1 }
    let weights = (0..<entries).map { _ in Float.random(in: 0.2...4, using: &random) }
    let result = Floats(table.width)
    let ids = (0..<entries).map { UInt32($0) }
    ids.withUnsafeBufferPointer { ids in
      weights.withUnsafeBufferPointer { weights in
        RowSolver(dimension: dimension).solve(
          ids: ids, weights: weights, rows: table.base, diagonal: diagonal.base, prior: nil, form: form,
          into: result.base)
      }
    }
    for place in dimension..<table.width { #expect(result[place] == 0, "padding must stay zero") }
    return (0..<dimension).map { Double(result[$0]) }
  }

  @Test(arguments: [(64, 1), (64, 15), (64, 16), (64, 33), (64, 64), (20, 20), (128, 96), (200, 7)])
  func `short form and Cholesky of the long form agree`(dimension: Int, entries: Int) {
    let short = solve(dimension: dimension, entries: entries, form: .short, seed: 5)
    let long = solve(dimension: dimension, entries: entries, form: .long, seed: 5)
    #expect(relativeError(short, long) < 2e-4)
  }

  @Test func `a row longer than a block is the sum of its blocks`() {
    let entries = RowSolver.blockEntries + 77
    var random = SeededRandom(seed: 3)
    let table = FactorTable(count: entries, dimension: 10)
    for row in 0..<entries { for place in 0..<10 { table.row(row)[place] = random.gaussian() } }
    var settings = ALSSettings()
    settings.alpha0 = 0
    settings.lambda = 0.1
    settings.nu = 0
    let solver = FoldInSolver(items: table.compact(), dimension: 10, settings: settings)
    let found = solver.vector(for: (0..<entries).map { (item: UInt32($0), weight: 1) })
    let expected = DenseOracle.foldIn(
      items: rows(table.compact(), 10), entries: (0..<entries).map { (item: $0, weight: 1) }, settings: settings)
    #expect(relativeError(found.map(Double.init), expected) < 1e-4)
  }

  @Test func `the cheaper form depends on the shape alone`() {
    #expect(RowSolver.shortIsCheaper(entries: 48, width: 64) && !RowSolver.shortIsCheaper(entries: 49, width: 64))
    #expect(RowSolver.shortIsCheaper(entries: 96, width: 128) && !RowSolver.shortIsCheaper(entries: 1, width: 16))
  }
}
