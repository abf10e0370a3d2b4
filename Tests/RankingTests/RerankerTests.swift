import Retrieval
import TestSupport
import Testing

@testable import Ranking

/// Features: each moves the list the way that its weight says.
@Suite struct RerankerTests {
  @Test func `without candidates or places there is no list`() {
    let scratch = RankingScratch()
    Reranker.rank(scratch, weights: RankingWeights(), count: 10, index: nil)
    #expect(scratch.ranked.isEmpty)
    scratch.append(Candidate(item: 1, similarity: 1))
    Reranker.rank(scratch, weights: RankingWeights(), count: 0, index: nil)
    #expect(scratch.ranked.isEmpty)
  }

  @Test func `fewer candidates than places are all of them`() {
    let list = ranked([Candidate(item: 4, similarity: 1), Candidate(item: 2, similarity: 3)], only("similarity"), 10)
    #expect(list.map(\.item) == [2, 4])
    #expect(list.map(\.score) == [1, 0])
  }

  @Test func `a single candidate is fully relevant`() {
    #expect(ranked([Candidate(item: 4, similarity: -7)], RankingWeights(), 5).map(\.relevance) == [1])
  }

  @Test func `similarity is stretched over the candidates, whatever its unit`() {
    for (scale, shift) in [(Float(1), Float(0)), (1000, -5), (0.001, 3)] {
      let candidates = [0.1, 0.9, 0.5].enumerated().map { Candidate(item: UInt32($0), similarity: $1 * scale + shift) }
      let list = ranked(candidates, only("similarity"), 3)
      #expect(list.map(\.item) == [1, 2, 0])
      #expect(list[0].features.similarity == 1 && list[2].features.similarity == 0)
      #expect(abs(list[1].features.similarity - 0.5) < 1e-3)
    }
  }

  @Test(arguments: ["popularity", "affinity", "context", "freshness"])
  func `each feature lifts what has it, and its negative weight lowers it`(_ feature: String) {
    var candidates = (0..<3).map { Candidate(item: $0, similarity: 1, ageDays: 100) }
    for (place, value) in [Float(0.2), 0.9, 0.5].enumerated() {
      switch feature {
      case "popularity": candidates[place].popularity = value
      case "affinity": candidates[place].affinity = value
      case "context": candidates[place].context = value
      default: candidates[place].ageDays = 50 * (1 - value)
      }
    }
    #expect(ranked(candidates, only(feature), 3).map(\.item) == [1, 2, 0])
    #expect(ranked(candidates, only(feature, -1), 3).map(\.item) == [0, 2, 1])
  }

  @Test func `freshness halves with each half-life, is nothing when unknown and full in the future`() {
    #expect(Reranker.freshness(0, halfLifeDays: 30) == 1)
    #expect(abs(Reranker.freshness(30, halfLifeDays: 30) - 0.5) < 1e-6)
    #expect(abs(Reranker.freshness(90, halfLifeDays: 30) - 0.125) < 1e-6)
    #expect(Reranker.freshness(nil, halfLifeDays: 30) == 0)
    #expect(Reranker.freshness(-5, halfLifeDays: 30) == 1)
    #expect(Reranker.freshness(1e9, halfLifeDays: 1) == 0)
  }

  @Test func `the score is the stretched sum of its features, which explain it`() {
    var random = SeededRandom(seed: 5)
    let candidates = (0..<50).map { randomCandidate($0, &random) }
    var weights = RankingWeights()
    weights.diversity = 0
    let list = ranked(candidates, weights, 50)
    let sums = list.map(\.features.sum)
    let (low, high) = (sums.min()!, sums.max()!)
    for place in list { #expect(abs(place.score - (place.features.sum - low) / (high - low)) < 1e-5) }
    for place in list {
      let candidate = candidates[Int(place.item)]
      #expect(place.similarity == candidate.similarity)
      #expect(place.features.popularity == weights.popularity * candidate.popularity)
      #expect(place.features.affinity == weights.affinity * candidate.affinity)
    }
    #expect(zip(list, list.dropFirst()).allSatisfy { $0.score >= $1.score })
  }

  @Test func `equal scores stand by item, wherever they came in`() {
    let list = ranked([9, 3, 7, 1].map { Candidate(item: $0, similarity: 2) }, RankingWeights(), 4)
    #expect(list.map(\.item) == [1, 3, 7, 9])
  }

  @Test func `a feature that is not a number counts as nothing`() {
    let candidates = [
      Candidate(item: 0, similarity: .nan, popularity: .infinity, ageDays: .nan, affinity: .nan, context: -.infinity),
      Candidate(item: 1, similarity: 0.5), Candidate(item: 2, similarity: 1),
    ]
    let list = ranked(candidates, RankingWeights(), 3)
    #expect(list[0].item == 2 && list.allSatisfy { $0.score.isFinite && $0.relevance.isFinite })
  }

  @Test func `a scratch serves one list after another`() {
    let scratch = RankingScratch()
    var random = SeededRandom(seed: 6)
    for count in [5, 300, 1, 40] {
      scratch.removeAll()
      for item in 0..<count { scratch.append(randomCandidate(UInt32(item), &random)) }
      Reranker.rank(scratch, weights: RankingWeights(), count: 500, index: nil)
      #expect(Set(scratch.ranked.map(\.item)) == Set(0..<UInt32(count)))
    }
  }
}

func ranked(_ candidates: [Candidate], _ weights: RankingWeights, _ count: Int, index: VectorIndex? = nil) -> [RankedItem] {
  let scratch = RankingScratch()
  for candidate in candidates { scratch.append(candidate) }
  Reranker.rank(scratch, weights: weights, count: count, index: index)
  return scratch.ranked
}

/// Weights of one feature alone, without diversity.
func only(_ feature: String, _ weight: Float = 1) -> RankingWeights {
  var weights = RankingWeights()
  weights.similarity = feature == "similarity" ? weight : 0
  weights.popularity = feature == "popularity" ? weight : 0
  weights.freshness = feature == "freshness" ? weight : 0
  weights.affinity = feature == "affinity" ? weight : 0
  weights.context = feature == "context" ? weight : 0
  weights.diversity = 0
  return weights
}

func randomCandidate(_ item: UInt32, _ random: inout SeededRandom) -> Candidate {
  Candidate(
    item: item, similarity: random.gaussian(), popularity: .random(in: 0...1, using: &random),
    ageDays: Bool.random(using: &random) ? .random(in: 0...200, using: &random) : nil,
    affinity: .random(in: 0...1, using: &random), context: .random(in: 0...1, using: &random))
}
