import TestSupport
import Testing

@testable import Retrieval

/// Recall on users that calibration has not seen, for each shape of vectors that is known to be hard.
@Suite struct RecallTests {
  struct Case: Sendable, CustomStringConvertible {
    var shape: SyntheticVectors.Shape, items: Int, dimension: Int, metric: Metric
    var description: String { "\(items) × \(dimension), \(shape), \(metric)" }
  }

  static let cases: [Case] = [
    Case(shape: .gaussian, items: 4000, dimension: 24, metric: .dot),
    Case(shape: .clustered(spread: 0.75, normSigma: 0.8), items: 4000, dimension: 8, metric: .dot),
    Case(shape: .gaussian, items: 9000, dimension: 24, metric: .dot),
    Case(shape: .clustered(spread: 0.75, normSigma: 0), items: 9000, dimension: 200, metric: .dot),
    Case(shape: .clustered(spread: 0.75, normSigma: 0.25), items: 12_000, dimension: 24, metric: .dot),
    Case(shape: .clustered(spread: 0.75, normSigma: 0.5), items: 10_000, dimension: 64, metric: .dot),
    Case(shape: .clustered(spread: 0.75, normSigma: 0.8), items: 12_000, dimension: 24, metric: .dot),
    Case(shape: .clustered(spread: 0.75, normSigma: 0), items: 12_000, dimension: 24, metric: .cosine),
    Case(shape: .clustered(spread: 3, normSigma: 0.5), items: 10_000, dimension: 40, metric: .cosine),
  ]

  @Test(arguments: cases) func `each effort reaches its recall`(_ c: Case) throws {
    let made = try Made(c.shape, items: c.items, dimension: c.dimension, metric: c.metric)
    for count in [1, 10, 40, 100, 500] {
      for effort in [Effort.recall90, .recall95, .recall99] {
        let report = try measureRecall(made.index, queries: made.freshUsers, count: count, effort: effort)
        // 150 users measure a mean to about two points at k = 1, and to less than one at 100.
        let slack = count == 1 ? 0.06 : 0.02
        #expect(report.mean >= effort.target - slack, "k \(count), \(effort): \(report)")
        if count >= 10, effort == .recall95 { #expect(report.p5 >= 0.7, "k \(count): \(report)") }
      }
    }
    let exact = try measureRecall(made.index, queries: made.freshUsers, count: 10, effort: .exact)
    #expect(exact.mean == 1 && exact.p5 == 1)
  }

  @Test func `users that are like no item are answered as well, once budgets are set on them`() throws {
    let items = SyntheticVectors(.clustered(spread: 0.75, normSigma: 0.25), items: 10_000, dimension: 24, users: 1, seed: 1)
    let users = SyntheticVectors(.gaussian, items: 1, dimension: 24, users: 300, seed: 2).users
    let index = try VectorIndex(
      build(items.items, count: 10_000, dimension: 24, calibration: Array(users[(150 * 24)...])))
    for count in [10, 100] {
      let report = try measureRecall(index, queries: Array(users[..<(150 * 24)]), count: count, effort: .recall95)
      #expect(report.mean >= 0.93 && report.p5 >= 0.7, "k \(count): \(report)")
    }
  }

  @Test func `without users to calibrate on, mixtures of items stand in`() throws {
    let vectors = SyntheticVectors(
      .clustered(spread: 0.75, normSigma: 0.25), items: 10_000, dimension: 24, users: 150, seed: 1)
    let index = try VectorIndex(
      IndexBuilder.build(vectors: vectors.items, count: 10_000, dimension: 24, metric: .dot, seed: 1))
    let report = try measureRecall(index, queries: vectors.users, count: 10, effort: .recall95)
    #expect(report.mean >= 0.85, "\(report)")
  }

  @Test func `near duplicates are found as well as any`() throws {
    let base = SyntheticVectors(.gaussian, items: 500, dimension: 24, users: 100, seed: 4)
    var random = FastGaussian(seed: 5)
    let items = (0..<10_000).flatMap { place in base.item(place / 20).map { $0 + 0.001 * random.next() } }
    let index = try VectorIndex(build(items, count: 10_000, dimension: 24, calibration: base.users))
    let report = try measureRecall(index, queries: base.users, count: 10, effort: .recall95)
    #expect(report.mean >= 0.94, "\(report)")
  }

  @Test func `recall grows with each part of a budget`() throws {
    let made = try Made(.clustered(spread: 0.75, normSigma: 0.25), items: 10_000, dimension: 24, calibrated: false)
    let truths = try (0..<50).map { user in
      Set(try exact(made.index, made.vectors.user(user), 10, made.scratch).map(\.item))
    }
    func found(_ budget: SearchBudget) throws -> Int {
      var found = 0
      for user in 0..<50 {
        let query = made.vectors.user(user)
        try made.index.search(query.span, count: 10, budget: budget, scratch: made.scratch)
        found += made.hits.count { truths[user].contains($0.item) }
      }
      return found
    }
    let all = made.index.blockCount
    let growing = [
      try [2, 8, 32, 128, all].map { try found(SearchBudget(blocks: $0, refined: 400, rescored: 60)) },
      try [10, 20, 60, 200, 1000].map { try found(SearchBudget(blocks: all, refined: $0, rescored: 10)) },
      try [0, 4, 10, 30, 90].map { try found(SearchBudget(blocks: all, refined: 400, rescored: $0)) },
    ]
    // Of 500; what two bits rank wrongly by chance may be worth an item or two.
    for found in growing {
      for (less, more) in zip(found, found.dropFirst()) { #expect(more >= less - 2, "\(found)") }
      #expect(found.last! > found.first!, "\(found)")
    }
    #expect(growing[0].last! >= 498 && growing[2].last! >= 498, "\(growing)")
  }

  @Test func `a report is the mean and what all but one in twenty reach`() {
    let report = RecallReport([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.1])
    #expect(abs(report.mean - 0.93) < 1e-12 && report.p5 == 0.5 && report.queries == 20)
  }
}
