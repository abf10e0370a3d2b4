import TestSupport
import Testing

@testable import Retrieval

/// What a search answers, whatever the layout, the kernels and the query.
@Suite struct SearchTests {
  /// Without lists and with.
  static let layouts = [900, 9000]

  @Test func `everything scanned and rescored is the exact answer, in both layouts`() throws {
    for count in Self.layouts {
      let made = try Made(.clustered(spread: 0.75, normSigma: 0.5), items: count, dimension: 24)
      #expect((made.index.listCount == 0) == (count <= IndexBuilder.flatItemsMax))
      for user in 0..<20 {
        let query = made.vectors.user(user)
        try made.index.search(query.span, count: 50, budget: .everything(made.index), scratch: made.scratch)
        let found = made.hits
        #expect(found == made.trueHits(query, 50), "user \(user) of \(count)")
        try made.index.exactSearch(query.span, count: 50, allow: nil, scratch: made.scratch)
        #expect(made.hits == found)
      }
    }
  }

  @Test func `every kernel level gives the same hits, bit for bit`() throws {
    for count in Self.layouts {
      let made = try Made(.clustered(spread: 0.75, normSigma: 0.25), items: count, dimension: 50)
      var allow = Bitmap(count: count)
      for item in 0..<count where item % 7 != 0 { allow.insert(UInt32(item)) }
      for user in 0..<10 {
        let query = made.vectors.user(user)
        var answers: [[Hit]] = []
        for kernels in Kernels.available {
          let scratch = SearchScratch(for: made.index, kernels: kernels)
          var hits: [Hit] = []
          for allow in [nil, allow] {
            try made.index.search(query.span, count: 40, allow: allow, effort: .recall95, scratch: scratch)
            hits += list(scratch)
          }
          answers.append(hits)
        }
        #expect(answers.allSatisfy { $0 == answers[0] })
      }
    }
  }

  @Test func `equal scores stand by item`() throws {
    // Items repeat every ten, so each score comes up a hundred times.
    let base = SyntheticVectors(.gaussian, items: 10, dimension: 16, users: 1, seed: 5)
    let items = (0..<1000).flatMap { base.item($0 % 10) }
    let index = try VectorIndex(build(items, count: 1000, dimension: 16))
    let scratch = SearchScratch(for: index)
    let query = base.user(0)
    for effort in Effort.allCases {
      try index.search(query.span, count: 150, effort: effort, scratch: scratch)
      let hits = list(scratch)
      #expect(hits.count == 150)
      for (hit, next) in zip(hits, hits.dropFirst()) {
        #expect(hit.score > next.score || hit.score == next.score && hit.item < next.item)
      }
      #expect(Set(hits[..<100].map { $0.item % 10 }).count == 1)
    }
    try index.search(query.span, count: 150, budget: .everything(index), scratch: scratch)
    for hits in [list(scratch), try exact(index, query, 150, scratch)] {
      #expect(hits[..<100].map(\.item) == (0..<100).map { hits[0].item + $0 * 10 })
    }
  }

  @Test func `more answers than items are all items`() throws {
    for count in [1, 2, 31, 32, 33, 64] {
      let vectors = SyntheticVectors(.gaussian, items: count, dimension: 7, users: 1, seed: 6)
      let index = try VectorIndex(build(vectors.items, count: count, dimension: 7))
      let scratch = SearchScratch(for: index)
      for effort in Effort.allCases {
        try index.search(vectors.users.span, count: 500, effort: effort, scratch: scratch)
        #expect(Set(list(scratch).map(\.item)) == Set(0..<UInt32(count)))
      }
    }
  }

  @Test func `all scores below zero are answered too, and no empty lane is`() throws {
    let items: [Float] = (0..<40).flatMap { [-1, -Float($0)] }
    let index = try VectorIndex(build(items, count: 40, dimension: 2))
    let scratch = SearchScratch(for: index)
    let query: [Float] = [1, 1]
    try index.search(query.span, count: 3, effort: .recall95, scratch: scratch)
    #expect(list(scratch) == [Hit(item: 0, score: -1), Hit(item: 1, score: -2), Hit(item: 2, score: -3)])
    #expect(list(scratch) == (try exact(index, query, 3, scratch)))
  }

  @Test func `an index without items answers nothing`() throws {
    let index = try VectorIndex(build([], count: 0, dimension: 3))
    let scratch = SearchScratch(for: index)
    let query: [Float] = [1, 2, 3]
    for effort in Effort.allCases {
      try index.search(query.span, count: 10, allow: Bitmap(count: 0), effort: effort, scratch: scratch)
      #expect(list(scratch).isEmpty)
      try index.search(query.span, count: 10, effort: effort, scratch: scratch)
      #expect(list(scratch).isEmpty)
    }
  }

  @Test func `a zero query scores zero everywhere and gets the first items that may answer`() throws {
    for count in Self.layouts {
      for metric in Metric.allCases {
        let made = try Made(.gaussian, items: count, dimension: 8, metric: metric)
        for tiny in [Float(0), 1e-30] {
          let query = [Float](repeating: tiny, count: 8)
          try made.index.search(query.span, count: 3, effort: .recall95, scratch: made.scratch)
          #expect(made.hits == [Hit(item: 0, score: 0), Hit(item: 1, score: 0), Hit(item: 2, score: 0)])
          var allow = Bitmap(count: count)
          for item in [5, 70, UInt32(count - 1)] { allow.insert(item) }
          try made.index.search(query.span, count: 2, allow: allow, effort: .recall95, scratch: made.scratch)
          #expect(made.hits.map(\.item) == [5, 70])
        }
      }
    }
  }

  @Test func `a query that is no query is refused with its reason`() throws {
    let made = try Made(.gaussian, items: 100, dimension: 8)
    func refusal(_ query: [Float], count: Int = 10, allow: Bitmap? = nil) -> SearchError? {
      do throws(SearchError) {
        try made.index.search(query.span, count: count, allow: allow, effort: .recall95, scratch: made.scratch)
        return nil
      } catch { return error }
    }
    let good = made.vectors.user(0)
    #expect(refusal(good) == nil)
    for bad in [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude] {
      var query = good
      query[3] = bad
      #expect(refusal(query) == .queryNotFinite)
    }
    #expect(refusal([1, 2]) == .dimensionMismatch(expected: 8, got: 2))
    #expect(refusal(good + [1]) == .dimensionMismatch(expected: 8, got: 9))
    #expect(refusal([]) == .dimensionMismatch(expected: 8, got: 0))
    for count in [0, -1, VectorIndex.answersMax + 1] { #expect(refusal(good, count: count) == .countOutOfRange(count)) }
    #expect(refusal(good, allow: Bitmap(count: 99, filled: true)) == .filterMismatch(expected: 100, got: 99))
  }

  @Test func `the scale of a query moves scores and no ranks`() throws {
    for count in Self.layouts {
      let made = try Made(.clustered(spread: 0.75, normSigma: 0.25), items: count, dimension: 32)
      let query = made.vectors.user(1)
      try made.index.search(query.span, count: 20, effort: .recall95, scratch: made.scratch)
      let truth = made.hits.map(\.item)
      for scale in [Float(0x1p-40), 0x1p-10, 0x1p20] {
        let scaled = query.map { $0 * scale }
        try made.index.search(scaled.span, count: 20, effort: .recall95, scratch: made.scratch)
        #expect(made.hits.map(\.item) == truth)
      }
    }
  }

  @Test func `cosine ignores norms, and its scores are cosines`() throws {
    let vectors = SyntheticVectors(.gaussian, items: 500, dimension: 12, users: 3, seed: 9)
    var items = vectors.items
    for item in 0..<500 { for d in 0..<12 { items[item * 12 + d] *= Float(1 + item % 5) } }
    items.replaceSubrange(0..<12, with: [Float](repeating: 0, count: 12))
    let index = try VectorIndex(build(items, count: 500, dimension: 12, metric: .cosine))
    let scratch = SearchScratch(for: index)
    let item = Array(items[12 * 77..<12 * 78])
    try index.exactSearch(item.span, count: 500, allow: nil, scratch: scratch)
    let hits = list(scratch)
    #expect(hits[0].item == 77 && abs(hits[0].score - 1) < 1e-6)
    #expect(hits.allSatisfy { abs($0.score) < 1.00001 })
    #expect(hits.first { $0.item == 0 }?.score == 0)
    for hit in hits { #expect(abs(index.score(of: hit.item, for: item.span) - hit.score) < 1e-6) }
    try index.search(item.span, count: 500, effort: .recall99, scratch: scratch)
    let truth = Dictionary(uniqueKeysWithValues: hits.map { ($0.item, $0.score) })
    for hit in list(scratch) { #expect(abs(hit.score - truth[hit.item]!) < 0.05, "item \(hit.item)") }
    let neighbor = index.vector(of: 77)
    #expect(abs(Kernels.active.dot(neighbor, neighbor) - 1) < 1e-6)
    try index.searchNeighbors(of: 77, count: 1, allow: nil, effort: .recall95, scratch: scratch)
    #expect(list(scratch)[0].item == 77)
  }

  @Test func `one scratch serves indexes of any size in turn`() throws {
    let scratch = SearchScratch()
    for (count, dimension) in [(10, 200), (9000, 8), (3000, 33), (10, 4)] {
      let made = try Made(.clustered(spread: 0.75, normSigma: 0.25), items: count, dimension: dimension, calibrated: false)
      let query = made.vectors.user(0)
      try made.index.search(query.span, count: 5, effort: .recall99, scratch: scratch)
      let hits = list(scratch)
      try made.index.search(query.span, count: 5, effort: .recall99, scratch: made.scratch)
      #expect(hits == made.hits && hits.count == 5)
    }
  }
}

/// An index over synthetic vectors, and a scratch for it.
struct Made {
  let vectors: SyntheticVectors
  let index: VectorIndex
  let built: BuiltIndex
  let scratch: SearchScratch

  init(
    _ shape: SyntheticVectors.Shape, items: Int, dimension: Int, metric: Metric = .dot, seed: UInt64 = 1,
    calibrated: Bool = true
  ) throws {
    vectors = SyntheticVectors(shape, items: items, dimension: dimension, users: 300, seed: seed)
    let calibration = calibrated ? Array(vectors.users[(150 * dimension)...]) : nil
    built = try build(vectors.items, count: items, dimension: dimension, metric: metric, calibration: calibration)
    index = VectorIndex(built)
    scratch = SearchScratch(for: index)
  }

  var hits: [Hit] { list(scratch) }
  /// Users that no budget was set on.
  var freshUsers: [Float] { Array(vectors.users[..<(150 * vectors.dimension)]) }

  /// By the reference kernel and the standard library's sort only.
  func trueHits(_ query: [Float], _ count: Int) -> [Hit] {
    let kernels = Kernels(.scalar)!
    let all = vectors.items.withUnsafeBufferPointer { items in
      (0..<index.count).map {
        Hit(item: UInt32($0), score: kernels.dot(query, items.baseAddress! + $0 * query.count, query.count))
      }
    }
    return Array(all.sorted { $0.score != $1.score ? $0.score > $1.score : $0.item < $1.item }.prefix(count))
  }
}

/// Without users, no budgets: every effort scans all. Calibrating takes ten times as long as the rest of a build.
func build(
  _ items: [Float], count: Int, dimension: Int, metric: Metric = .dot, calibration: [Float]? = nil, seed: UInt64 = 1
) throws -> BuiltIndex {
  if let calibration {
    return try IndexBuilder.build(
      vectors: items, count: count, dimension: dimension, metric: metric, seed: seed, calibration: calibration)
  }
  return try items.withUnsafeBufferPointer {
    try IndexBuilder.pack(vectors: $0, count: count, dimension: dimension, metric: metric, seed: seed)
  }
}

extension SearchBudget {
  /// As much as a search can be told to do: all blocks, and exact rows of the best 4,096.
  static func everything(_ index: VectorIndex) -> SearchBudget {
    SearchBudget(
      blocks: index.blockCount, refined: SearchScratch.refinedMax, rescored: SearchScratch.rescoredMax)
  }
}

func list(_ scratch: SearchScratch) -> [Hit] {
  let hits = scratch.hits
  return hits.indices.map { hits[$0] }
}

func exact(
  _ index: VectorIndex, _ query: [Float], _ count: Int, _ scratch: SearchScratch, allow: Bitmap? = nil
) throws -> [Hit] {
  try index.exactSearch(query.span, count: count, allow: allow, scratch: scratch)
  return list(scratch)
}
