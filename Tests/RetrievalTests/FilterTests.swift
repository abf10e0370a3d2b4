import TestSupport
import Testing

@testable import Retrieval

/// Filters: only allowed items, none of the recall lost, whichever way the search takes.
@Suite(.serialized) struct FilterTests {
  enum Relation: Sendable, CaseIterable {
    /// Any item may be allowed; those far from one taste; those near it.
    case random, far, clustered
  }

  static let shares = [0.5, 0.1, 0.02, 0.005, 0.001, 0.0001]
  /// Not Sendable because of their scratches; the suite is serialized.
  nonisolated(unsafe) private static let catalogues = [3000, 12_000].map {
    try! Made(.clustered(spread: 0.75, normSigma: 0.25), items: $0, dimension: 24)
  }

  @Test(arguments: Relation.allCases) func `answers are allowed items and as good as without a filter`(
    _ relation: Relation
  ) throws {
    for made in Self.catalogues {
      let count = made.index.count
      let users = Array(made.freshUsers[..<(100 * 24)])
      let order = relation == .random ? [] : made.trueHits(made.vectors.item(17), count).map(\.item)
      let free = try measureRecall(made.index, queries: users, count: 10, effort: .recall95)
      for share in Self.shares {
        let allow = filter(count, relation, share, order)
        let report = try measureRecall(made.index, queries: users, count: 10, effort: .recall95, allow: allow)
        // A hundred users measure a mean to about a point. Without a filter recall may be above what is asked for.
        #expect(report.mean >= min(free.mean, 0.96) - 0.015, "\(count) items, \(relation) \(share): \(report), without \(free)")
        #expect(report.p5 >= free.p5 - 0.1, "\(count) items, \(relation) \(share): \(report), without \(free)")
        for user in 0..<10 {
          let query = made.vectors.user(user)
          try made.index.search(query.span, count: 20, allow: allow, effort: .recall95, scratch: made.scratch)
          #expect(made.hits.allSatisfy { allow.contains($0.item) })
          #expect(made.hits.count == min(20, allow.ones), "\(count) items, \(relation) \(share)")
        }
      }
    }
  }

  @Test func `a filter of everything is no filter, one of nothing no answer`() throws {
    for made in Self.catalogues {
      let count = made.index.count
      let query = made.vectors.user(0)
      try made.index.search(query.span, count: 10, effort: .recall99, scratch: made.scratch)
      let free = made.hits
      try made.index.search(
        query.span, count: 10, allow: Bitmap(count: count, filled: true), effort: .recall99, scratch: made.scratch)
      #expect(made.hits == free)
      try made.index.search(query.span, count: 10, allow: Bitmap(count: count), effort: .recall99, scratch: made.scratch)
      #expect(made.hits.isEmpty)
    }
  }

  @Test func `a narrow filter is answered exactly`() throws {
    let made = Self.catalogues[1]
    var allow = Bitmap(count: 12_000)
    for item in [3, 11_999, 8000, 64, 63] as [UInt32] { allow.insert(item) }
    for user in 0..<20 {
      let query = made.vectors.user(user)
      try made.index.search(query.span, count: 3, allow: allow, effort: .recall90, scratch: made.scratch)
      let truth = made.trueHits(query, 12_000).filter { allow.contains($0.item) }
      #expect(made.hits == Array(truth[..<3]))
      #expect(made.scratch.work.path == .rows && made.scratch.work.rowsScored == 5)
    }
  }

  /// A share of the items; `order` is all of them from the nearest to one item to the farthest.
  private func filter(_ count: Int, _ relation: Relation, _ share: Double, _ order: [UInt32]) -> Bitmap {
    var allow = Bitmap(count: count)
    let wanted = max(1, Int(share * Double(count)))
    var random = FastGaussian(seed: 77)
    switch relation {
    case .random: while allow.ones < wanted { allow.insert(UInt32(random.below(count))) }
    case .far: for item in order.suffix(wanted) { allow.insert(item) }
    case .clustered: for item in order.prefix(wanted) { allow.insert(item) }
    }
    return allow
  }
}
