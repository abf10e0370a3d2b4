import TestSupport
import Testing

@testable import Retrieval

/// Items to leave out: as with a bitmap that lacks them, whichever way the search takes.
@Suite(.serialized) struct ExclusionTests {
  nonisolated(unsafe) private static let made = [600, 10_000].map {
    try! Made(.clustered(spread: 0.75, normSigma: 0.25), items: $0, dimension: 24)
  }

  @Test func `excluded items are never answered, and the others are those of a bitmap without them`() throws {
    for made in Self.made {
      let everything = SearchBudget.everything(made.index)
      for user in 0..<10 {
        let query = made.vectors.user(user)
        let best = try exact(made.index, query, 300, made.scratch).map(\.item)
        // The nearest, every other of them, and some far away.
        for excluded in [Array(best[..<20]), best.enumerated().filter { $0.offset % 2 == 0 }.map(\.element), [599, 3, 3, .max]] {
          let truth = try exact(made.index, query, 40, made.scratch, allow: all(but: excluded, made.index.count))
          for effort in Effort.allCases {
            try made.index.search(
              query.span, count: 40, allow: nil, excluding: excluded.span, effort: effort, scratch: made.scratch)
            #expect(!made.hits.contains { excluded.contains($0.item) } && made.hits.count == 40)
            if effort == .exact { #expect(made.hits == truth) }
          }
          // All blocks and all rows: nothing is left to chance.
          try made.index.search(
            query.span, count: 40, excluding: excluded.span, budget: everything, scratch: made.scratch)
          #expect(made.hits == truth, "user \(user) of \(made.index.count), \(excluded.count) excluded")
        }
      }
    }
  }

  @Test func `recall is not lower where the nearest hundred are excluded`() throws {
    let made = Self.made[1]
    for share in [1, 2] {
      var recalls: [Double] = []
      for user in 0..<60 {
        let query = made.vectors.user(user)
        let best = try exact(made.index, query, 100, made.scratch).map(\.item).enumerated()
        let excluded = best.filter { $0.offset % share == 0 }.map(\.element)
        let truth = try exact(made.index, query, 10, made.scratch, allow: all(but: excluded, made.index.count))
        try made.index.search(
          query.span, count: 10, allow: nil, excluding: excluded.span, effort: .recall95, scratch: made.scratch)
        recalls.append(Double(made.hits.count { Set(truth.map(\.item)).contains($0.item) }) / 10)
      }
      let report = RecallReport(recalls)
      #expect(report.mean >= 0.93 && report.p5 >= 0.6, "every \(share). of 100 excluded: \(report)")
    }
  }

  @Test func `a filter and exclusions hold together, and may leave nothing`() throws {
    for made in Self.made {
      let query = made.vectors.user(3)
      var allow = Bitmap(count: made.index.count)
      for item in stride(from: 0, to: made.index.count, by: 3) { allow.insert(UInt32(item)) }
      let excluded = try exact(made.index, query, 30, made.scratch, allow: allow).map(\.item)
      for effort in Effort.allCases {
        try made.index.search(
          query.span, count: 50, allow: allow, excluding: excluded.span, effort: effort, scratch: made.scratch)
        #expect(made.hits.count == 50 && made.hits.allSatisfy { allow.contains($0.item) && !excluded.contains($0.item) })
      }
      var few = Bitmap(count: made.index.count)
      for item in excluded[..<5] { few.insert(item) }
      try made.index.search(
        query.span, count: 50, allow: few, excluding: excluded.span, effort: .recall95, scratch: made.scratch)
      #expect(made.hits.isEmpty)
    }
  }

  @Test func `thousands can be excluded, more are refused`() throws {
    let made = Self.made[1]
    let query = made.vectors.user(0)
    let excluded = try exact(made.index, query, 500, made.scratch).map(\.item) + (0..<3596).map { $0 * 2 }
    let truth = try exact(made.index, query, 10, made.scratch, allow: all(but: excluded, 10_000))
    #expect(excluded.count == VectorIndex.exclusionsMax)
    try made.index.search(query.span, count: 10, allow: nil, excluding: excluded.span, effort: .exact, scratch: made.scratch)
    #expect(made.hits == truth)
    try made.index.search(
      query.span, count: 10, allow: nil, excluding: excluded.span, effort: .recall99, scratch: made.scratch)
    #expect(made.hits.count == 10 && !made.hits.contains { excluded.contains($0.item) })
    let more = excluded + [1]
    #expect(throws: SearchError.tooManyExcluded(4097)) {
      try made.index.search(query.span, count: 10, allow: nil, excluding: more.span, effort: .exact, scratch: made.scratch)
    }
    // The next search knows nothing of them.
    try made.index.search(query.span, count: 10, effort: .exact, scratch: made.scratch)
    #expect(made.hits == made.trueHits(query, 10))
  }

  @Test func `a zero query leaves out the excluded too`() throws {
    let made = Self.made[0]
    let (zero, excluded): ([Float], [UInt32]) = (Array(repeating: 0, count: 24), [0, 2, 3])
    try made.index.search(zero.span, count: 3, allow: nil, excluding: excluded.span, effort: .recall95, scratch: made.scratch)
    #expect(made.hits.map(\.item) == [1, 4, 5])
  }

  @Test func `the set holds what was put in, whatever collides`() {
    var set = ExcludedItems()
    defer { set.deallocate() }
    var random = SeededRandom(seed: 30)
    for count in [0, 1, 2, 3, 64, 100, 1000, ExcludedItems.countMax] {
      // Runs and strides collide in bad hashes.
      for stride in [1, 64, 4096, 65_537] as [UInt32] {
        let items = (0..<UInt32(count)).map { $0 &* stride &+ 7 }
        set.assign(items.span)
        #expect(set.count == Set(items).count && items.allSatisfy { set.contains($0) })
        let truth = Set(items)
        for _ in 0..<200 {
          let item = UInt32.random(in: 0...(.max), using: &random)
          #expect(set.contains(item) == truth.contains(item))
        }
      }
    }
    let one: [UInt32] = [.max]
    set.assign(one.span)
    #expect(set.isEmpty && !set.contains(0))
  }

  private func all(but excluded: [UInt32], _ count: Int) -> Bitmap {
    var allow = Bitmap(count: count, filled: true)
    for item in excluded where item < count { allow.remove(item) }
    return allow
  }
}
