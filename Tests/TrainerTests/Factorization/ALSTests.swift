import TestSupport
import Testing

@testable import Trainer

struct ALSTests {
  private func settings(_ dimensions: Int, nu: Float = 1) -> ALSSettings {
    var settings = ALSSettings()
    settings.dimensions = dimensions
    settings.alpha0 = 0.1
    settings.lambda = 0.01
    settings.nu = nu
    settings.epochs = 6
    settings.seed = 42
    return settings
  }

  @Test(arguments: [1, 2, 16, 40], [Float(0), 1]) func `the loss falls at each half-step`(dimensions: Int, nu: Float)
    throws
  {
    let matrix = tastefulMatrix(users: 90, items: 70, groups: 4, seed: 1, weighted: true)
    let training = try ALS(matrix, settings(dimensions, nu: nu))
    try training.updateUsers()
    var last = training.loss().total
    for _ in 0..<8 {
      for side in [ALSProgress.Side.items, .users] {
        if side == .items { try training.updateItems() } else { try training.updateUsers() }
        let loss = training.loss().total
        // Near the minimum a step gains less than float32 can show.
        #expect(loss <= last * (1 + 1e-6), "\(last) → \(loss)")
        last = loss
      }
    }
    let start = try ALS(matrix, settings(dimensions, nu: nu))
    try start.updateUsers()
    #expect(last < start.loss().total * 0.95)
  }

  @Test func `the loss is the sum over cells that the comment says`() throws {
    let matrix = tastefulMatrix(users: 20, items: 15, groups: 2, seed: 2, weighted: true)
    let settings = settings(3)
    let training = try ALS(matrix, settings)
    try training.runEpoch()
    let factors = try training.factors()
    var (observed, all, norms) = (0.0, 0.0, 0.0)
    for user in 0..<20 {
      for item in 0..<15 {
        let score = Double(factors.score(user: user, item: item))
        all += 0.1 * score * score
        guard matrix.contains(user: user, item: UInt32(item)) else { continue }
        let place = matrix.range(of: user).first { matrix.columns[$0] == item }!
        observed += Double(matrix.weights[place]) * (score - 1) * (score - 1)
      }
      let support = Double(matrix.row(user).columns.count) + 0.1 * 15
      norms += 0.01 * support * factors.user(user).reduce(0.0) { $0 + Double($1) * Double($1) }
    }
    for (item, degree) in matrix.itemDegrees().enumerated() {
      let support = Double(degree) + 0.1 * 20
      norms += 0.01 * support * factors.item(item).reduce(0.0) { $0 + Double($1) * Double($1) }
    }
    let loss = training.loss()
    #expect(abs(loss.observed - observed) < 1e-3 * observed)
    #expect(abs(loss.all - all) < 1e-3 * all)
    #expect(abs(loss.regularization - norms) < 1e-3 * norms)
  }

  @Test(arguments: [1, 2, 5, 24]) func `a user's half-step is the dense solution`(dimensions: Int) throws {
    let matrix = tastefulMatrix(users: 30, items: 25, groups: 3, seed: 3, weighted: true)
    let settings = settings(dimensions)
    let factors = try ALS.train(matrix, settings)
    let items = rows(factors.items, dimensions)
    for user in 0..<30 {
      let entries = matrix.range(of: user).map { (item: Int(matrix.columns[$0]), weight: Double(matrix.weights[$0])) }
      let expected = DenseOracle.foldIn(items: items, entries: entries, settings: settings)
      #expect(relativeError(factors.user(user).map(Double.init), expected) < 1e-3, "user \(user)")
    }
  }

  @Test(arguments: [1, 24, 64]) func `fold-in of a training user is its trained row`(dimensions: Int) throws {
    let matrix = tastefulMatrix(users: 120, items: 150, groups: 3, seed: 4, weighted: true)
    let settings = settings(dimensions)
    let factors = try ALS.train(matrix, settings)
    let solver = FoldInSolver(
      items: factors.items, dimension: dimensions, gram: factors.itemGram(), settings: settings)
    for user in 0..<120 {
      let (columns, weights) = matrix.row(user)
      let folded = solver.vector(for: zip(columns, weights).map { (item: $0, weight: $1) })
      #expect(relativeError(folded.map(Double.init), factors.user(user).map(Double.init)) < 1e-3, "user \(user)")
    }
  }

  @Test func `the number of threads does not change a bit`() throws {
    let matrix = tastefulMatrix(users: 300, items: 200, groups: 5, seed: 5)
    var settings = settings(20)
    settings.threads = 1
    let alone = try ALS.train(matrix, settings)
    for threads in [2, 3, 7] {
      settings.threads = threads
      #expect(try ALS.train(matrix, settings) == alone, "\(threads) threads")
    }
    settings.seed += 1
    #expect(try ALS.train(matrix, settings) != alone)
  }

  @Test func `the order of interactions does not change a bit`() throws {
    let matrix = tastefulMatrix(users: 60, items: 50, groups: 5, seed: 6)
    var random = SeededRandom(seed: 6)
    let shuffled = InteractionMatrix(userCount: 60, itemCount: 50, entries: matrix.entries.shuffled(using: &random))
    #expect(try ALS.train(shuffled, settings(8)) == ALS.train(matrix, settings(8)))
  }

  @Test func `users without items and items without users get zeros`() throws {
    let matrix = InteractionMatrix(userCount: 4, itemCount: 5, entries: [(0, 1, 1), (0, 2, 1), (3, 1, 1)])
    let factors = try ALS.train(matrix, settings(4))
    #expect(factors.user(1).allSatisfy { $0 == 0 } && factors.item(4).allSatisfy { $0 == 0 })
    #expect(factors.score(user: 3, item: 1) > 0.1)
  }

  @Test func `progress names each half-step and ends whole`() throws {
    let matrix = tastefulMatrix(users: 60, items: 50, groups: 5, seed: 6)
    var settings = settings(8)
    settings.epochs = 2
    var seen: [String] = []
    _ = try ALS.train(matrix, settings) { progress in
      #expect(progress.rowsTotal == (progress.side == .users ? 60 : 50))
      if progress.rowsDone == progress.rowsTotal {
        seen.append("\(progress.epoch)/\(progress.epochs) \(progress.side)")
      }
    }
    #expect(seen == ["1/2 users", "1/2 items", "2/2 users", "2/2 items", "2/2 users"])
  }

  @Test func `settings that cannot be are refused by name`() {
    let matrix = tastefulMatrix(users: 6, items: 5, groups: 1, seed: 6)
    func refusal(_ change: (inout ALSSettings) -> Void) -> String? {
      var settings = settings(4)
      change(&settings)
      do throws(FactorizationError) { _ = try ALS(matrix, settings) } catch { return error.description }
      return nil
    }
    #expect(refusal { $0.dimensions = 0 } == "dimensions must be within 1...1024, not 0")
    #expect(refusal { $0.lambda = 0 }?.hasPrefix("lambda must be above 0") == true)
    #expect(refusal { $0.alpha0 = -1 }?.hasPrefix("alpha0 must be at least 0") == true)
    #expect(refusal { $0.nu = .nan }?.hasPrefix("nu must") == true)
    #expect(refusal { $0.initialScale = 0 }?.hasPrefix("initialScale must") == true)
    #expect(refusal { _ in } == nil)
    #expect(throws: FactorizationError.noInteractions) {
      try ALS.train(InteractionMatrix(userCount: 2, itemCount: 2, entries: []), settings(4))
    }
  }

  @Test func `numbers that leave float's range are an error, not a model`() {
    let matrix = tastefulMatrix(users: 60, items: 50, groups: 5, seed: 6)
    var settings = settings(8)
    settings.alpha0 = 0
    settings.lambda = .leastNonzeroMagnitude
    #expect(throws: FactorizationError.diverged) { try ALS.train(matrix, settings) }
  }
}
