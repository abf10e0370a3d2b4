import FoundationEssentials
import Testing

@testable import Ranking

@Suite struct RankingWeightsTests {
  @Test func `weights survive JSON, and missing keys keep their defaults`() throws {
    var weights = RankingWeights()
    weights.diversity = 0.75
    weights.candidates = 300
    #expect(try JSONDecoder().decode(RankingWeights.self, from: JSONEncoder().encode(weights)) == weights)
    let partial = try JSONDecoder().decode(RankingWeights.self, from: Data(#"{"popularity": 0.5}"#.utf8))
    var expected = RankingWeights()
    expected.popularity = 0.5
    #expect(partial == expected)
  }

  @Test func `the defaults are valid, and each number out of range is named`() {
    #expect(refusal { _ in } == nil)
    #expect(refusal { $0.similarity = .nan } == "similarity")
    #expect(refusal { $0.popularity = 101 } == "popularity")
    #expect(refusal { $0.context = -.infinity } == "context")
    #expect(refusal { $0.freshnessHalfLifeDays = 0 } == "freshnessHalfLifeDays")
    #expect(refusal { $0.freshnessHalfLifeDays = .nan } == "freshnessHalfLifeDays")
    #expect(refusal { $0.diversity = 1.1 } == "diversity")
    #expect(refusal { $0.diversity = -0.1 } == "diversity")
    #expect(refusal { $0.candidates = 0 } == "candidates")
    #expect(refusal { $0.candidates = 501 } == "candidates")
    #expect(refusal { $0.affinity = -1 } == nil)
  }

  private func refusal(_ change: (inout RankingWeights) -> Void) -> String? {
    var weights = RankingWeights()
    change(&weights)
    do throws(RankingWeightsError) {
      try weights.validate()
      return nil
    } catch { return error.key }
  }
}
