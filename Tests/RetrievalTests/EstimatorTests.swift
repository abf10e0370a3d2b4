import CKernels
import TestSupport
import Testing

@testable import Retrieval

/// What a score from codes is worth: unbiased, bounded, better with more bits, and what the codes say.
@Suite struct EstimatorTests {
  @Test func `over rotations the error has no mean`() throws {
    // Pairs that a search cares about, inner products of a third to a half of the norms, and a pair without relation.
    let (dimension, seeds) = (48, UInt64(0)..<200)
    let vectors = SyntheticVectors(.clustered(spread: 1, normSigma: 0), items: 40, dimension: dimension, users: 1, seed: 3)
    let query = vectors.user(0)
    var errors = [[Double]](repeating: [], count: 40)
    for seed in seeds {
      let index = VectorIndex(try build(vectors.items, count: 40, dimension: dimension, seed: seed))
      for hit in try decodedHits(index, query) {
        errors[Int(hit.item)].append(Double(hit.score) - exactDot(query, vectors.item(Int(hit.item))))
      }
    }
    for (item, errors) in errors.enumerated() {
      let mean = errors.reduce(0, +) / Double(errors.count)
      let variance = errors.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(errors.count - 1)
      let standardError = (variance / Double(errors.count)).squareRoot()
      #expect(errors.count == 200 && abs(mean) <= 4 * standardError, "item \(item): \(mean / standardError) standard errors")
    }
  }

  @Test func `what is cut off at the outer cells shortens a vector by less than half a percent`() throws {
    // The worst query is the item itself: whatever is cut off is missing in full.
    for dimension in [16, 48, 128] {
      let vectors = SyntheticVectors(.gaussian, items: 32, dimension: dimension, users: 1, seed: 4)
      var (shares, worst) = ([Double](), 0.0)
      for seed in UInt64(0)..<40 {
        let index = VectorIndex(try build(vectors.items, count: 32, dimension: dimension, seed: seed))
        for item in 0..<4 {
          let query = vectors.item(item)
          let score = try decodedHits(index, query).first { $0.item == item }!.score
          shares.append(Double(score) / exactDot(query, query) - 1)
          worst = max(worst, abs(shares.last!))
        }
      }
      let mean = shares.reduce(0, +) / Double(shares.count)
      #expect(abs(mean) < 0.005 && worst < 0.1, "\(dimension) dimensions: mean \(mean), worst \(worst)")
    }
  }

  @Test(arguments: [6, 24, 100, 128]) func `an error is at most half a step a dimension, and the rounding of the query`(
    _ dimension: Int
  ) throws {
    for count in [400, 9000] {
      let made = try Made(.clustered(spread: 0.75, normSigma: 0.25), items: count, dimension: dimension, calibrated: false)
      let codes = DecodedCodes(made.built)
      var (checked, clipped) = (0, 0)
      for user in 0..<4 {
        let query = made.vectors.user(user)
        let turnedQuery = turned(query, made.built.rotation, .active)
        for hit in try decodedHits(made.index, query) {
          let slot = codes.slot(of: hit.item)
          let row = turned(made.vectors.item(Int(hit.item)), made.built.rotation, .active)
          if codes.clips(row, slot) { clipped += 1; continue }
          checked += 1
          let error = abs(Double(hit.score) - exactDot(query, made.vectors.item(Int(hit.item))))
          let step = Double(codes.width(slot)) / 32 * turnedQuery.reduce(0) { $0 + Double(abs($1)) }
          #expect(error <= step + codes.queryRounding(turnedQuery, slot), "item \(hit.item) of \(count)")
        }
      }
      #expect(checked > 1000 && clipped < checked, "\(checked) checked, \(clipped) clipped")
    }
  }

  @Test(arguments: [400, 9000]) func `a refined score is that of the decoded vector, and nearer than its cells alone`(
    _ count: Int
  ) throws {
    for dimension in [6, 24, 128] {
      let made = try Made(.clustered(spread: 0.75, normSigma: 0.25), items: count, dimension: dimension, calibrated: false)
      let codes = DecodedCodes(made.built)
      var (two, six) = (0.0, 0.0)
      for user in 0..<4 {
        let query = made.vectors.user(user)
        let turnedQuery = turned(query, made.built.rotation, .active)
        for hit in try decodedHits(made.index, query) {
          let slot = codes.slot(of: hit.item)
          let decoded = exactDot(turnedQuery, codes.vector(slot))
          #expect(
            abs(Double(hit.score) - decoded) <= codes.queryRounding(turnedQuery, slot), "item \(hit.item) of \(count)")
          let truth = exactDot(query, made.vectors.item(Int(hit.item)))
          let (coarse, fine) = (exactDot(turnedQuery, codes.vector(slot, steps: false)) - truth, Double(hit.score) - truth)
          two += coarse * coarse
          six += fine * fine
        }
      }
      // A sixteenth of the width, but for what is cut off and the roundings of the query.
      #expect(six < two / 25, "\(dimension) dimensions: \(six) and \(two)")
    }
  }

  @Test func `a longer item never ranks lower than it did`() throws {
    let vectors = SyntheticVectors(.gaussian, items: 600, dimension: 24, users: 10, seed: 6)
    for user in 0..<10 {
      let query = vectors.user(user)
      let truth = (0..<600).map { exactDot(query, vectors.item($0)) }
      // One that scores above zero, and has a long way up.
      let item = (0..<600).filter { truth[$0] > 0 }.sorted { truth[$0] > truth[$1] }[150]
      var last = 600
      for scale in [1, 1.5, 2, 4, 8] as [Float] {
        var items = vectors.items
        for d in 0..<24 { items[item * 24 + d] *= scale }
        let index = VectorIndex(try build(items, count: 600, dimension: 24))
        let scratch = SearchScratch(for: index)
        let budget = SearchBudget(blocks: index.blockCount, refined: 600, rescored: 60)
        try index.search(query.span, count: 200, budget: budget, scratch: scratch)
        let rank = list(scratch).firstIndex { $0.item == item } ?? 600
        // Among the first, scores are decoded: a place or two may change hands.
        #expect(rank <= last + 3, "user \(user), scale \(scale): from \(last) to \(rank)")
        last = rank
      }
    }
  }

  /// Every item, or the best 500, by codes alone: no exact row is read.
  private func decodedHits(_ index: VectorIndex, _ query: [Float]) throws -> [Hit] {
    let scratch = SearchScratch(for: index)
    let budget = SearchBudget(blocks: index.blockCount, refined: SearchScratch.refinedMax, rescored: 0)
    try index.search(query.span, count: min(500, index.count), budget: budget, scratch: scratch)
    #expect(scratch.work.rowsScored == 0)
    return list(scratch)
  }
}

/// An index's codes, read by the words of `kernels.h`.
struct DecodedCodes {
  private let built: BuiltIndex
  private let slots: [UInt32: Int]
  private var view: IndexView { built.view }
  private var dimensions: Int { view.paddedDimension }

  init(_ built: BuiltIndex) {
    self.built = built
    var slots: [UInt32: Int] = [:]
    for slot in 0..<built.view.blockCount * 32 where built.items[slot] != .max { slots[built.items[slot]] = slot }
    self.slots = slots
  }

  func slot(of item: UInt32) -> Int { slots[item]! }
  func width(_ slot: Int) -> Float { view.widths[slot / 32] }

  /// In turned space. Without steps, every value lies in the middle of its cell.
  func vector(_ slot: Int, steps: Bool = true) -> [Float] {
    let (block, half) = (slot / 32, dimensions / 2)
    return (0..<dimensions).map { i in
      let own = UnsafeBufferPointer(start: view.cells + block * view.blockBytes, count: view.blockBytes)
      let row = UnsafeBufferPointer(start: view.steps + slot * half, count: half)
      var value = Float(cell(own, slot % 32, i)) - 1.5
      if steps { value += (Float(step(row, i)) - 7.5) / 16 }
      return base(block, i) + value * view.widths[block]
    }
  }

  /// Whether a value lies outside the four cells.
  func clips(_ turned: [Float], _ slot: Int) -> Bool {
    let limit = 2 * width(slot) * 1.00001
    return (0..<dimensions).contains { abs(turned[$0] - base(slot / 32, $0)) > limit }
  }

  /// What rounding the query may change at most: half a step of its codes against each four-bit step, half a step of the
  /// table a pair, and floats.
  func queryRounding(_ turnedQuery: [Float], _ slot: Int) -> Double {
    let codeStep = turnedQuery.map(abs).max()! / 127
    let spans = (0..<dimensions / 2).map { abs(turnedQuery[2 * $0]) + abs(turnedQuery[2 * $0 + 1]) }
    let whole: Float = spans.reduce(0, +) * 3 / (65_535 - Float(dimensions / 2))
    let tableStep: Float = max(spans.max()! * 3 / 255, whole)
    let rounding: Float = Float(dimensions) * (codeStep / 2 * 7.5 / 16 + tableStep / 4)
    let sum: Float = turnedQuery.reduce(0) { $0 + abs($1) }
    let floats: Float = 1e-5 * sum * (1 + abs(view.gains[slot / 32]))
    return Double(rounding * width(slot) * 1.001 + floats) + centroidRounding(turnedQuery, slot / 32, codeStep)
  }

  /// The query's product with a centroid is one of codes.
  private func centroidRounding(_ turnedQuery: [Float], _ block: Int, _ codeStep: Float) -> Double {
    guard !view.isFlat else { return 0 }
    let sum = (0..<dimensions).reduce(0) { $0 + abs(centroid(Int(view.lists[block]), $1)) }
    return Double(abs(view.gains[block]) * sum * codeStep / 2) * 1.001
  }

  private func base(_ block: Int, _ i: Int) -> Float {
    view.isFlat ? 0 : view.gains[block] * centroid(Int(view.lists[block]), i)
  }

  private func centroid(_ list: Int, _ i: Int) -> Float {
    let two = view.centroids[list / 32 * view.tileBytes + i / 8 * 128 + 4 * (list % 32) + i % 4]
    let code = i % 8 < 4 ? two & 15 : two >> 4
    return Float(2 * Int(code) - 15) * view.centroidScales[list]
  }
}
