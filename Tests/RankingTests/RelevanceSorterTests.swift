import TestSupport
import Testing

@testable import Ranking

@Suite struct RelevanceSorterTests {
  private func check(_ keys: [RelevanceKey], _ note: String) {
    var sorted = keys
    var sorter = RelevanceSorter()
    sorter.sort(&sorted)
    let truth = keys.sorted(by: RelevanceKey.precedes)
    #expect(sorted.map(\.relevance) == truth.map(\.relevance), "\(note)")
    #expect(sorted.map(\.item) == truth.map(\.item), "\(note)")
    #expect(Set(sorted.map(\.place)).count == keys.count, "\(note)")
  }

  @Test func `relevance falls, and equal relevance rises by item`() {
    var random = SeededRandom(seed: 7)
    for count in 0..<70 {
      let keys = (0..<UInt32(count)).map {
        RelevanceKey(relevance: Float(Int.random(in: -4..<5, using: &random)), item: .random(in: 0...9, using: &random), place: $0)
      }
      check(keys, "\(count) keys of seed 7")
    }
  }

  @Test func `numbers of every size and both signs sort, and both zeros are one`() {
    let values: [Float] = [
      0, -0.0, 1, -1, .infinity, -.infinity, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude,
      -.greatestFiniteMagnitude, 0.5, 0.49999997, 1e-20, -1e20,
    ]
    check(values.enumerated().map { RelevanceKey(relevance: $1, item: UInt32(20 - $0), place: UInt32($0)) }, "extremes")
    var random = SeededRandom(seed: 8)
    check(
      (0..<500).map { RelevanceKey(relevance: random.gaussian(), item: UInt32($0 * 7 % 500), place: UInt32($0)) },
      "500 keys of seed 8")
  }

  @Test func `a sorter that met many keys sorts few`() {
    var sorter = RelevanceSorter()
    for count in [300, 3, 0, 1, 40] {
      var keys = (0..<UInt32(count)).map { RelevanceKey(relevance: Float($0 % 17), item: $0, place: $0) }
      let truth = keys.sorted(by: RelevanceKey.precedes)
      sorter.sort(&keys)
      #expect(keys.map(\.item) == truth.map(\.item), "\(count) keys")
    }
  }
}
