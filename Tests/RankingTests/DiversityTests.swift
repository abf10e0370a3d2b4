import Retrieval
import TestSupport
import Testing

@testable import Ranking

/// Maximal marginal relevance against its definition, written out without any cleverness.
@Suite struct DiversityTests {
  @Test func `no diversity is pure relevance, and vectors are not asked for`() throws {
    let index = try randomIndex(60, 8, seed: 1)
    let candidates = randomCandidates(60, seed: 2)
    var weights = RankingWeights()
    weights.diversity = 0
    let list = ranked(candidates, weights, 20, index: index)
    #expect(list.map(\.item) == ranked(candidates, weights, 20).map(\.item))
    #expect(list.allSatisfy { $0.score == $0.relevance && $0.nearest == 0 })
  }

  @Test(arguments: [Float(0.05), 0.3, 0.7, 1])
  func `the list is the one of the definition`(_ lambda: Float) throws {
    for seed in UInt64(0)..<12 {
      let (count, dimension) = (10 + Int(seed) * 9, 3 + Int(seed) * 5)
      let index = try randomIndex(count, dimension, seed: seed)
      let candidates = randomCandidates(count, seed: seed + 100)
      var weights = RankingWeights()
      weights.diversity = lambda
      let list = ranked(candidates, weights, 25, index: index)
      weights.diversity = 0
      let truth = naive(ranked(candidates, weights, count), index, lambda, 25)
      #expect(list.map(\.item) == truth.map(\.item), "seed \(seed)")
      for (place, expected) in zip(list, truth) { #expect(abs(place.score - expected.score) < 1e-5) }
    }
  }

  @Test func `full diversity takes one of each group before a second of any`() throws {
    // Four directions of five items each; the first direction is the most relevant by far.
    var vectors: [Float] = []
    for item in 0..<20 {
      for d in 0..<4 { vectors.append(d == item / 5 ? 1 : 0.01 * Float(item % 5)) }
    }
    let index = try makeIndex(vectors, 20, 4)
    let candidates = (0..<20).map { Candidate(item: $0, similarity: -Float($0)) }
    var weights = only("similarity")
    #expect(ranked(candidates, weights, 4, index: index).map { $0.item / 5 } == [0, 0, 0, 0])
    weights.diversity = 1
    let list = ranked(candidates, weights, 20, index: index)
    #expect(list[0].item == 0)
    #expect(Set(list[..<4].map { $0.item / 5 }) == [0, 1, 2, 3])
    #expect(Set(list.map(\.item)).count == 20)
  }

  @Test func `more diversity brings items less alike`() throws {
    let index = try randomIndex(200, 16, seed: 3)
    let candidates = randomCandidates(200, seed: 4)
    var last = Float.infinity
    for lambda in [Float(0.01), 0.3, 0.6, 1] {
      var weights = RankingWeights()
      weights.diversity = lambda
      let list = ranked(candidates, weights, 20, index: index)
      let alike = list.reduce(0) { $0 + $1.nearest } / 20
      #expect(alike <= last + 0.02, "λ \(lambda)")
      last = alike
    }
  }

  @Test func `items without a vector, equal vectors and one candidate are no trouble`() throws {
    let index = try makeIndex([0, 0, 1, 1, 1, 1, 0, 0], 4, 2)
    var weights = RankingWeights()
    weights.diversity = 0.5
    let candidates = (0..<4).map { Candidate(item: $0, similarity: 1) }
    #expect(Set(ranked(candidates, weights, 10, index: index).map(\.item)) == [0, 1, 2, 3])
    #expect(ranked([candidates[2]], weights, 10, index: index).map(\.item) == [2])
  }

  /// Asks, for each place, every candidate that is left about every item that is chosen.
  private func naive(_ relevant: [RankedItem], _ index: VectorIndex, _ lambda: Float, _ count: Int) -> [RankedItem] {
    var rows = SimilarityRows()
    rows.removeAll(vectors: relevant.count, dimension: index.dimension)
    for candidate in relevant { rows.append(index.vector(of: candidate.item)) }
    var cosines = [[Float]](repeating: [Float](repeating: 0, count: relevant.count), count: relevant.count)
    for place in relevant.indices { rows.cosines(with: place, into: &cosines[place]) }
    var chosen: [Int] = []
    var list: [RankedItem] = []
    while chosen.count < min(count, relevant.count) {
      var best = (place: -1, score: -Float.infinity)
      for place in relevant.indices where !chosen.contains(place) {
        let nearest = chosen.map { cosines[$0][place] }.max()
        // The first place goes to relevance, whatever λ is.
        let score = (1 - lambda) * relevant[place].relevance - lambda * (nearest ?? 0)
        if score > best.score { best = (place, score) }
      }
      chosen.append(best.place)
      var item = relevant[best.place]
      item.score = best.score
      list.append(item)
    }
    return list
  }

  private func randomIndex(_ count: Int, _ dimension: Int, seed: UInt64) throws -> VectorIndex {
    var random = SeededRandom(seed: seed)
    return try makeIndex((0..<count * dimension).map { _ in random.gaussian() }, count, dimension)
  }

  private func makeIndex(_ vectors: [Float], _ count: Int, _ dimension: Int) throws -> VectorIndex {
    VectorIndex(
      try IndexBuilder.build(vectors: vectors, count: count, dimension: dimension, metric: .dot, seed: 1))
  }

  private func randomCandidates(_ count: Int, seed: UInt64) -> [Candidate] {
    var random = SeededRandom(seed: seed)
    return (0..<UInt32(count)).map { randomCandidate($0, &random) }
  }
}
