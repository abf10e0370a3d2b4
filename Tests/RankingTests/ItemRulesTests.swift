import Retrieval
import TestSupport
import Testing

@testable import Ranking

@Suite struct ItemRulesTests {
  @Test func `without rules every item may be shown`() {
    #expect(ItemRules().allows(0) && ItemRules().allows(.max))
  }

  @Test func `an item must pass every rule`() {
    var rules = ItemRules()
    rules.excluded.insert(3)
    var (allowed, denied) = (Bitmap(count: 10, filled: true), Bitmap(count: 10))
    allowed.remove(4)
    denied.insert(5)
    rules.allowed = allowed
    rules.denied = denied
    #expect((0..<10).filter { rules.allows($0) } == [0, 1, 2, 6, 7, 8, 9])
  }

  @Test func `an item set holds what was put in, and nothing after it was emptied`() {
    var set = ItemSet(capacity: 4)
    var random = SeededRandom(seed: 8)
    for round in 0..<20 {
      let items = Set((0..<(round * 13)).map { _ in UInt32.random(in: 0...(.max), using: &random) })
      for item in items { set.insert(item) }
      for item in items { set.insert(item) }
      #expect(set.count == items.count)
      #expect(items.allSatisfy { set.contains($0) })
      #expect(!(0..<100).map { _ in UInt32.random(in: 0...(.max), using: &random) }.contains { set.contains($0) && !items.contains($0) })
      set.removeAll()
      #expect(set.isEmpty && !items.contains { set.contains($0) })
    }
  }

  @Test func `affinity is the weighted share of the window in the item's best category`() {
    var affinity = CategoryAffinity()
    let (a, b, c): ([UInt32], [UInt32], [UInt32]) = ([1], [2], [3])
    #expect(affinity.score(a.span) == 0)
    affinity.add(a.span)
    affinity.add(b.span)
    affinity.add(a.span)
    let total: Float = 1 + 0.8 + 0.64
    let (first, second, third) = (affinity.score(a.span), affinity.score(b.span), affinity.score(c.span))
    #expect(abs(first - 1.64 / total) < 1e-6 && abs(second - 0.8 / total) < 1e-6 && third == 0)
    let both: [UInt32] = [3, 2, 1]
    let best = affinity.score(both.span)
    #expect(best == first)
    affinity.removeAll()
    let none = affinity.score(a.span)
    #expect(none == 0 && affinity.isEmpty)
  }
}
