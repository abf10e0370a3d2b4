import TestSupport
import Testing

@testable import Trainer

struct EvaluatorTests {
  private func matrix(_ rows: [[UInt32]], items: Int) -> InteractionMatrix {
    InteractionMatrix(
      userCount: rows.count, itemCount: items,
      entries: rows.enumerated().flatMap { user, items in items.map { (user: UInt32(user), item: $0, weight: 1) } })
  }

  @Test func `seen items are never recommended, and users without test items are skipped`() {
    // User 0 has seen the two most popular; user 1 has nothing to test.
    let seen = matrix([[0, 1], [0], [0, 1, 2]], items: 5)
    let test = matrix([[2], [], [4]], items: 5)
    let evaluation = Evaluator(seen: seen, test: test, cutoffs: [1, 2]).evaluate(ListScorer.mostPopular(seen))
    #expect(evaluation.userCount == 2)
    #expect(evaluation.at(1).recall == 0.5, "2 is user 0's first; user 2's first is 3, by id")
    #expect(evaluation.at(2).recall == 1)
    #expect(evaluation.at(1).coverage == 0.4)
    #expect(evaluation.at(2).mrr == 0.75)
  }

  @Test func `a constant scorer does not score well`() {
    // A test item's id is chance here, so the first ids, which ties put on top, are no better than others.
    var random = SeededRandom(seed: 1)
    let seen = tastefulMatrix(users: 400, items: 1000, groups: 50, seed: 1)
    let test = matrix((0..<400).map { _ in [UInt32.random(in: 0..<1000, using: &random)] }, items: 1000)
    let evaluator = Evaluator(seen: seen, test: test, cutoffs: [20])
    let constant = evaluator.evaluate(ListScorer(scores: [Float](repeating: 1, count: 1000))).at(20)
    #expect(constant.recall < 0.05, "\(constant)")
    // The same list for all but for what they have seen: with ties by id, no luck of the sort can lift it.
    #expect(constant.coverage < 0.06)
  }

  @Test func `a model that cannot score is no model that scores well`() {
    let seen = matrix([[0]], items: 40)
    let test = matrix([[3, 7]], items: 40)
    let evaluator = Evaluator(seen: seen, test: test, cutoffs: [10])
    for nothing in [Float.nan, -.infinity] {
      let evaluation = evaluator.evaluate(ListScorer(scores: [Float](repeating: nothing, count: 40)))
      #expect(evaluation.at(10) == RankingMetrics(cutoff: 10))
    }
  }

  @Test func `a user who has seen everything gets an empty list and counts`() {
    let seen = matrix([[0, 1, 2], [0]], items: 3)
    let test = matrix([[1], [1]], items: 3)
    let evaluation = Evaluator(seen: seen, test: test, cutoffs: [10]).evaluate(ListScorer.mostPopular(seen))
    #expect(evaluation.userCount == 2 && evaluation.at(10).recall == 0.5)
  }

  @Test func `tiles, threads and factor scoring give what a plain sort gives`() {
    var random = SeededRandom(seed: 2)
    let (users, items, dimension) = (150, 2500, 5)  // Three tiles of items, three batches of users.
    let factors = Factors(
      // Whole numbers: sums are exact, ties abound, and the order of adding cannot matter.
      users: (0..<users * dimension).map { _ in Float(Int.random(in: -3...3, using: &random)) },
      items: (0..<items * dimension).map { _ in Float(Int.random(in: -3...3, using: &random)) }, dimension: dimension)
    func split(_ chance: Double) -> InteractionMatrix {
      matrix(
        (0..<users).map { _ in
          (0..<UInt32(items)).filter { _ in Double.random(in: 0..<1, using: &random) < chance }
        }, items: items)
    }
    let (seen, test) = (split(0.05), split(0.01))
    var expected = RankingMetrics(cutoff: 20)
    var recommended: Set<UInt32> = []
    for user in 0..<users {
      let scores = (0..<items).map { factors.score(user: user, item: $0) }
      let ranked = (0..<items).filter { !seen.contains(user: user, item: UInt32($0)) }
        .sorted { (scores[$1], $0) < (scores[$0], $1) }.prefix(20).map(UInt32.init)
      expected += RankingMetrics(cutoff: 20, ranked: ranked, relevant: test.row(user).columns)
      recommended.formUnion(ranked)
    }
    expected = expected.divided(by: users)
    for threads in [1, 3] {
      let found = Evaluator(seen: seen, test: test, cutoffs: [20], threads: threads).evaluate(FactorScorer(factors)).at(
        20)
      #expect(abs(found.recall - expected.recall) < 1e-12 && abs(found.ndcg - expected.ndcg) < 1e-12)
      #expect(abs(found.mrr - expected.mrr) < 1e-12)
      #expect(found.coverage == Double(recommended.count) / Double(items))
    }
  }

  @Test func `a sample of users is spread over all`() {
    let seen = matrix([[UInt32]](repeating: [0], count: 100), items: 4)
    let test = matrix([[UInt32]](repeating: [1], count: 100), items: 4)
    #expect(Evaluator(seen: seen, test: test, usersMax: 7).userCount == 7)
    #expect(Evaluator(seen: seen, test: test, usersMax: 700).userCount == 100)
  }
}
