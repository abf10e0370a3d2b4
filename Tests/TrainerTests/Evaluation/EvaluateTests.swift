import FoundationEssentials
import TestSupport
import Testing

@testable import Trainer

struct EvaluateTests {
  /// Users of four tastes; a fifth of each user's items is held out, another fifth for validation.
  private func split() throws -> EvaluationSplit {
    let whole = tastefulMatrix(users: 240, items: 160, groups: 4, seed: 3)
    func part(_ kept: (Int) -> Bool) -> InteractionMatrix {
      InteractionMatrix(
        userCount: 240, itemCount: 160,
        entries: whole.entries.enumerated().filter { kept((($0.offset &* 2_654_435_761) >> 7) % 5) }.map(\.element))
    }
    return try EvaluationSplit(train: part { $0 > 1 }, valid: part { $0 == 1 }, test: part { $0 == 0 })
  }

  @Test func `what is learnt beats the most popular clearly, tuned or not`() throws {
    let split = try split()
    for tunes in [false, true] {
      var plan = EvaluationPlan()
      plan.tunes = tunes
      var start = ALSSettings.suited(to: split.refit)
      start.dimensions = 8
      plan.settings = start
      plan.seeds = [1, 2]
      let rows = try evaluate(split, plan: plan)
      #expect(rows.map(\.model) == ["mostpop", "ials"])
      let (popular, learnt) = (rows[0].evaluation.at(20), rows[1].evaluation.at(20))
      #expect(learnt.ndcg > 2 * popular.ndcg, "\(learnt) against \(popular), tuned: \(tunes)")
      #expect(learnt.coverage > popular.coverage)
    }
  }

  @Test func `a row is one JSON object with every metric at every cutoff`() throws {
    struct Row: Decodable {
      let model: String
      let recall: Double
      let seeds: [Int]
      let deviation: Double
      enum CodingKeys: String, CodingKey {
        case model, recall = "recall@10", seeds, deviation = "ndcg@50_sd"
      }
    }
    var plan = EvaluationPlan()
    plan.tunes = false
    plan.seeds = [3, 4]
    plan.trending = (0..<160).map { Float($0) }
    var settings = ALSSettings()
    settings.dimensions = 4
    settings.epochs = 2
    plan.settings = settings
    let rows = try evaluate(split(), plan: plan)
    #expect(rows.map(\.model) == ["mostpop", "trending", "ials"])
    #expect(rows.allSatisfy { !$0.json.contains("\n") })
    let row = try JSONDecoder().decode(Row.self, from: Data(rows[2].json.utf8))
    #expect(row.model == "ials" && row.seeds == [3, 4] && row.deviation >= 0)
    #expect(abs(row.recall - rows[2].evaluation.at(10).recall) < 1e-6)
    for name in ["recall", "precision", "ndcg", "hit", "mrr", "coverage"] {
      for cutoff in [10, 20, 50] { #expect(rows[0].json.contains("\"\(name)@\(cutoff)\":")) }
    }
  }

  @Test func `a split without test items, and settings that cannot be, are errors`() {
    let matrix = tastefulMatrix(users: 5, items: 5, groups: 1, seed: 1)
    let nothing = InteractionMatrix(userCount: 5, itemCount: 5, entries: [])
    #expect(throws: EvaluationError.nothingToTest) { try EvaluationSplit(train: matrix, valid: nil, test: nothing) }
    #expect(throws: EvaluationError.factorization(.noInteractions)) {
      try evaluate(EvaluationSplit(train: nothing, valid: nil, test: matrix))
    }
  }
}

/// The published split. MostPop checks the evaluator: its numbers were computed by an independent implementation.
@Suite(.enabled(if: SharedData.has("gowalla/train.txt"), "the Gowalla split is not here"))
struct GowallaTests {
  /// Debug builds measure every sixth user, whose numbers lie near those of all, but not within a rounding.
  static let isOptimized = !_isDebugAssertConfiguration()

  private func split() throws -> EvaluationSplit {
    try EvaluationSplit(
      train: AdjacencyFile(path: SharedData.path("gowalla/train.txt")), valid: nil,
      test: AdjacencyFile(path: SharedData.path("gowalla/test.txt")))
  }

  private func measure(_ split: EvaluationSplit, _ scorer: some Scorer) -> RankingMetrics {
    Evaluator(seen: split.train, test: split.test, usersMax: Self.isOptimized ? nil : 5000).evaluate(scorer).at(20)
  }

  @Test func `the most popular score what an independent implementation says`() throws {
    let split = try split()
    #expect(split.train.entryCount == 810_128 && split.test.entryCount == 217_242)
    #expect(split.train.userCount == 29_858 && split.train.itemCount == 40_981)
    let metrics = measure(split, ListScorer.mostPopular(split.train))
    let tolerance = Self.isOptimized ? 0.00005 : 0.003
    #expect(abs(metrics.recall - 0.0416) < tolerance && abs(metrics.ndcg - 0.0317) < tolerance, "\(metrics)")
    #expect(abs(metrics.hit - 0.2038) < 4 * tolerance && abs(metrics.precision - 0.0139) < tolerance, "\(metrics)")
  }

  @Test func `iALS at 64 dimensions reaches what a plain exact solver reaches`() throws {
    let split = try split()
    var settings = ALSSettings()
    // As the tuner found them on the validation part.
    (settings.alpha0, settings.lambda, settings.epochs) = (0.01, 0.0048, 6)
    let metrics = measure(split, FactorScorer(try ALS.train(split.train, settings)))
    #expect(metrics.recall > 0.148 && metrics.ndcg > 0.122, "\(metrics)")
  }
}
