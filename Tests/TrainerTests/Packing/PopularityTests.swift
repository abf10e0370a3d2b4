import Testing

@testable import Trainer

struct PopularityTests {
  @Test func `counts are stretched by their logarithm, shares stand as they are`() {
    let counts = Popularity.of(column: "plays", [0, 9, 99, nil])
    #expect(counts.values[0] == 0 && counts.values[2] == 1 && abs(counts.values[1] - 0.5) < 1e-6 && counts.values[3] == 0)
    #expect(counts.source.contains("3 of 4 items") && counts.source.contains("plays"))
    #expect(Popularity.of(column: "popularity", [0.25, 1, -3]).values == [0.25, 1, 0])
    #expect(Popularity.of(interactions: [0, 9, 99]).values == counts.values.dropLast())
  }

  @Test func `long vectors are popular items, and equally long ones say nothing`() {
    #expect(Popularity.of(norms: [1, 2, 4]).values == [0.25, 0.5, 1])
    for norms in [[3, 3, 3], [0, 0], []] as [[Float]] {
      let popularity = Popularity.of(norms: norms)
      #expect(popularity.values == Array(repeating: 0, count: norms.count))
      #expect(popularity.source.contains("equally long"))
    }
  }
}
