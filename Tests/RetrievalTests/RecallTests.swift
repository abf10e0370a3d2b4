import TestSupport
import Testing

@testable import Retrieval

/// Recall on users that calibration has not seen, for each shape of vectors that is known to be hard.
@Suite struct RecallTests {
  struct Case: Sendable, CustomStringConvertible {
    var shape: SyntheticVectors.Shape, items: Int, metric: Metric
    var description: String { "\(items), \(shape), \(metric)" }
  }

  static let cases: [Case] = [
    Case(shape: .gaussian, items: 4000, metric: .dot),
    Case(shape: .clustered(spread: 0.75, normSigma: 0.8), items: 4000, metric: .dot),
    Case(shape: .gaussian, items: 20_000, metric: .dot),
    Case(shape: .clustered(spread: 0.75, normSigma: 0), items: 24_000, metric: .cosine),
    Case(shape: .clustered(spread: 0.75, normSigma: 0.25), items: 24_000, metric: .dot),
    Case(shape: .clustered(spread: 0.75, normSigma: 0.8), items: 24_000, metric: .dot),
    Case(shape: .clustered(spread: 3, normSigma: 0.5), items: 20_000, metric: .cosine),
  ]

  @Test(arguments: cases) func `each effort reaches its recall`(_ c: Case) throws {
    let made = try Made(c.shape, items: c.items, dimension: 24, metric: c.metric)
    for count in [1, 10, 40, 500] {
      for effort in [Effort.recall90, .recall95, .recall99] {
        let report = try measureRecall(made.index, queries: made.freshUsers, count: count, effort: effort)
        // 150 users measure a mean to about two points at k = 1, and to less than one at 100.
        let slack = count == 1 ? 0.05 : 0.02
        #expect(report.mean >= effort.target - slack, "k \(count), \(effort): \(report)")
        if count >= 10, effort == .recall95 { #expect(report.p5 >= 0.6, "k \(count): \(report)") }
      }
    }
    let exact = try measureRecall(made.index, queries: made.freshUsers, count: 10, effort: .exact)
    #expect(exact.mean == 1 && exact.p5 == 1)
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
    let base = SyntheticVectors(.gaussian, items: 1000, dimension: 24, users: 100, seed: 4)
    var random = FastGaussian(seed: 5)
    let items = (0..<20_000).flatMap { place in base.item(place / 20).map { $0 + 0.001 * random.next() } }
    let index = try VectorIndex(build(items, count: 20_000, dimension: 24, calibration: base.users))
    let report = try measureRecall(index, queries: base.users, count: 10, effort: .recall95)
    #expect(report.mean >= 0.94, "\(report)")
  }

  @Test func `recall grows with the blocks that are scanned`() throws {
    let made = try Made(.clustered(spread: 0.75, normSigma: 0.25), items: 20_000, dimension: 24)
    var last = 0
    for blocks in [2, 8, 32, 128, made.index.blockCount] {
      var found = 0
      for user in 0..<50 {
        let query = made.vectors.user(user)
        try made.index.exactSearch(query.span, count: 10, allow: nil, scratch: made.scratch)
        let truth = Set(made.hits.map(\.item))
        try made.index.search(
          query.span, count: 10, budget: SearchBudget(blocks: blocks, refined: 400, rescored: 60), scratch: made.scratch)
        found += made.hits.count { truth.contains($0.item) }
      }
      #expect(found >= last, "\(blocks) blocks")
      last = found
    }
    #expect(last >= 498)
  }

  @Test func `a report is the mean and what all but one in twenty reach`() {
    let report = RecallReport([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.1])
    #expect(abs(report.mean - 0.93) < 1e-12 && report.p5 == 0.5 && report.queries == 20)
  }
}
