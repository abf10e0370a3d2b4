internal import CKernels

/// One query on its way: it lies in the scratch as given, turned, and in codes. Reads the view, writes the scratch,
/// allocates nothing.
struct Search {
  let view: IndexView
  let scratch: SearchScratch
  let k: Int
  let norm: Float
  private let queryScale: Float
  private let codeSum: Int32

  /// Squared norms below this are zero: their codes and bounds would underflow.
  static let smallestNorm: Float = 1e-18

  /// Copies, normalises where the metric asks for it, turns, and quantizes.
  init(_ query: Span<Float>, _ view: IndexView, _ scratch: SearchScratch, count k: Int) throws(SearchError) {
    guard query.count == view.dimension else {
      throw .dimensionMismatch(expected: view.dimension, got: query.count)
    }
    guard k >= 1, k <= VectorIndex.answersMax else { throw .countOutOfRange(k) }
    scratch.reserve(for: view)
    scratch.work = SearchWork()
    scratch.excluded.removeAll()
    scratch.displaced = 0
    scratch.clock.begin()
    let (kernels, row, turned) = (scratch.kernels, scratch.query, scratch.turned)
    query.withUnsafeBufferPointer { row.update(from: $0.baseAddress!, count: $0.count) }
    let length = kernels.dot(row, row, view.dimension).squareRoot()
    guard length.isFinite else { throw .queryNotFinite }
    if view.metric == .cosine, length > Self.smallestNorm { nt_scale(row, 1 / length, view.dimension, row) }
    let width = view.paddedDimension
    turned.update(from: row, count: view.dimension)
    (turned + view.dimension).update(repeating: 0, count: width - view.dimension)
    kernels.table.pointee.rotate_f32(turned, width, view.signs, scratch.spare)
    self.view = view
    self.scratch = scratch
    self.k = min(k, view.count)
    norm = view.metric == .cosine && length > Self.smallestNorm ? 1 : length
    queryScale = kernels.quantize(turned, width, padded: width, into: scratch.codes)
    codeSum = sum(scratch.codes, width)
    scratch.clock.end(.prepare)
  }

  var isZero: Bool { norm <= Self.smallestNorm }

  /// Answers by the plan.
  func run(_ plan: SearchPlan, allow: AllowedItems?) {
    if view.count == 0 || allow?.count == 0 { return scratch.answer(scratch.keys, 0) }
    if isZero { return answerZero(allow) }
    switch plan {
    case .rows: scanRows(allow)
    case .flat(let budget): scanAll(allow, budget)
    case .blocks(let budget):
      if let allow { scanAllowed(allow, budget) } else { scanBest(budget) }
    }
  }

  /// Every score is zero: the first items that may answer, by the rule for ties.
  private func answerZero(_ allow: AllowedItems?) {
    var list = Shortlist(scratch, keep: k)
    var item = 0
    while list.count < k, item < view.count {
      var zero: Float = 0
      if allow?.contains(item) ?? true { list.offer(&zero, items: nil, first: item, 1, but: scratch.excluded) }
      item += 1
    }
    list.finish()
    scratch.answer(list.keys, list.count)
  }
}

// The ways.
extension Search {
  /// The best blocks of all lists.
  private func scanBest(_ budget: SearchBudget) {
    let ranking = ranking()
    scratch.clock.end(.centroids)
    let found = ranking.best(budget.blocks)
    for place in 0..<found { scratch.blocks[place] = nt_key_id(scratch.blockKeys[place]) }
    scratch.clock.end(.blocks)
    scan(blocks: found, masked: false, budget)
    scratch.work.path = .blocks
  }

  /// Every block of a small index.
  private func scanAll(_ allow: AllowedItems?, _ budget: SearchBudget) {
    var found = 0
    if let allow {
      for block in 0..<view.blockCount { found += take(block, at: found, allow).blocks }
    } else {
      found = view.blockCount
      for block in 0..<found { scratch.blocks[block] = UInt32(block) }
    }
    scratch.clock.end(.blocks)
    scan(blocks: found, masked: allow != nil, budget)
    scratch.work.path = .flat
  }

  /// The best blocks that hold allowed items. Pools of growing size, each sorted by bound: a filter may rule out all that
  /// is near. Ends as soon as reading the allowed rows would have been cheaper, by reading them: nothing is lost.
  private func scanAllowed(_ allow: AllowedItems, _ budget: SearchBudget) {
    let ranking = ranking()
    scratch.clock.end(.centroids)
    var pool = budget.blocks * 2
    while true {
      let ranked = ranking.best(pool)
      nt_sort_keys(scratch.blockKeys, ranked)
      switch takeAllowed(ranked, allow, budget, isAll: pool >= view.blockCount) {
      case .dear: return scanRows(allow)
      case .enough(let blocks):
        scratch.clock.end(.blocks)
        scan(blocks: blocks, masked: true, budget)
        scratch.work.path = .blocks
        return
      case .tooFew: pool *= 4
      }
    }
  }

  private enum Taken { case enough(blocks: Int), tooFew, dear }

  /// Walks the ranked blocks until as many allowed items are taken as a random filter would have shown within the budget.
  /// Where that takes more than twice the budget, what is allowed lies far from the query; there bounds say less, and
  /// more is taken in proportion. Where it takes next to nothing, all that is near is allowed, and the search needs as
  /// many blocks as one without a filter.
  private func takeAllowed(_ ranked: Int, _ allow: AllowedItems, _ budget: SearchBudget, isAll: Bool) -> Taken {
    let expected = Double(budget.blocks * blockItems) * Double(allow.count) / Double(view.count)
    let rowsCost = Double(allow.count) * SearchPlan.rowNanoseconds(view.dimension)
    let (maskCost, blockCost) = (SearchPlan.maskNanoseconds, SearchPlan.blockNanoseconds(view.dimension))
    var (found, seen, walked) = (0, 0, 0)
    while walked < ranked {
      let delay = min(max(Double(walked) / Double(2 * budget.blocks), 1), Self.delayMax)
      if found >= budget.least, Double(seen) >= expected * delay { return .enough(blocks: found) }
      let taken = take(Int(nt_key_id(scratch.blockKeys[walked])), at: found, allow)
      found += taken.blocks
      seen += taken.items
      walked += 1
      if Double(walked) * maskCost + Double(found) * blockCost > rowsCost { return .dear }
    }
    // A block whose bound is no number is never ranked: then what was asked for is all there is.
    return isAll ? .enough(blocks: found) : .tooFew
  }

  /// Above this the walk would read most of what is allowed anyway.
  private static var delayMax: Double { 8 }

  /// The exact rows of all items that may answer: the oracle, and the way for narrow filters.
  private func scanRows(_ allow: AllowedItems?) {
    var list = Shortlist(scratch, keep: k)
    let rows = scratch.kernels.table.pointee.rows_f32
    var (next, scored) = (0, 0)
    while true {
      let first = next
      let found: Int
      if let allow {
        found = nt_allowed_items(allow.words, allow.wordCount, &next, scratch.items, Self.rowsAtOnce)
        if found == 0, next >= allow.wordCount { break }
        rows(scratch.query, view.rows, view.dimension, scratch.items, found, scratch.scores)
      } else {
        found = min(Self.rowsAtOnce, view.count - next)
        if found == 0 { break }
        next += found
        rows(scratch.query, view.row(first), view.dimension, nil, found, scratch.scores)
      }
      list.offer(
        scratch.scores, items: allow == nil ? nil : UnsafePointer(scratch.items), first: first, found,
        but: scratch.excluded)
      scored += found
    }
    list.finish()
    scratch.answer(list.keys, list.count)
    scratch.work.path = .rows
    scratch.work.rowsScored = scored
    scratch.work.bytesTouched += scored * view.dimension * 4
    scratch.clock.end(.rescore)
  }

  /// Rows between two looks at the threshold: their scores stay in L1.
  private static var rowsAtOnce: Int { 1024 }
}

// The steps.
extension Search {
  private func ranking() -> BlockRanking {
    BlockRanking(view, scratch, queryScale: queryScale, codeSum: codeSum, norm: norm)
  }

  /// Puts a block and the mask of its allowed items at `place`, if it has any.
  private func take(_ block: Int, at place: Int, _ allow: AllowedItems) -> (blocks: Int, items: Int) {
    let mask = nt_allowed_mask(allow.words, view.items + block * blockItems, Int(view.fills[block]))
    guard mask != 0 else { return (0, 0) }
    scratch.blocks[place] = UInt32(block)
    scratch.masks[place] = mask
    return (1, mask.nonzeroBitCount)
  }

  /// Scores the items of `scratch.blocks` by their cells, the best of those with their steps too, the best of these with
  /// exact rows, and answers the best k.
  private func scan(blocks: Int, masked: Bool, _ budget: SearchBudget) {
    var job = nt_scan_job(
      table: scratch.table, quads: view.octets, cells: view.cells, blocks: scratch.blocks, block_count: blocks,
      masks: masked ? UnsafePointer(scratch.masks) : nil, fill: view.fills, bases: scratch.bases, steps: scratch.steps)
    scratch.kernels.table.pointee.fetch_u2(&job)
    makeTable(blocks)
    scratch.clock.end(.table)
    let refined = min(max(budget.refined, k), SearchScratch.refinedMax)
    // However many of the best are excluded, as many are left as without.
    var list = Shortlist(scratch, keep: refined + scratch.excluded.count)
    list.scan(job)
    list.cut()
    if !scratch.excluded.isEmpty {
      scratch.displaced = list.drop(scratch.excluded, items: view.items, keep: refined, wanted: k)
    }
    scratch.clock.end(.scan)
    scratch.work.blocksScanned = blocks
    scratch.work.rowsRefined = list.count
    scratch.work.bytesTouched += blocks * (view.blockBytes + 13) + list.count * (view.stepBytes + 4)
    let refinement = nt_refine_job(
      query: scratch.codes, half: view.stepBytes, rows: view.steps, widths: view.widths, query_scale: queryScale,
      sum: codeSum)
    // The answer ends after k; around there refined scores may be in the wrong order, and exact ones decide.
    let certain = max(0, k - budget.rescored / 2)
    list.refine(refinement, keep: min(max(certain + budget.rescored, k), SearchScratch.rescoredMax))
    scratch.clock.end(.refine)
    finish(&list, certain: certain)
  }

  /// The query's table, and what its sums mean in each block.
  private func makeTable(_ blocks: Int) {
    var (step, least): (Float, Float) = (0, 0)
    scratch.kernels.table.pointee.table_u8(scratch.turned, view.paddedDimension / 2, scratch.table, &step, &least)
    let (chosen, bases, steps, dots) = (scratch.blocks, scratch.bases, scratch.steps, scratch.dots)
    for place in 0..<blocks {
      let block = Int(chosen[place])
      let cell = view.widths[block]
      let near = view.isFlat ? 0 : view.gains[block] * dots[Int(view.lists[block])]
      bases[place] = near + cell * least
      steps[place] = cell * step
    }
  }

  /// Scores all but the first `certain` of the shortlist again with exact rows, and answers the best k.
  private func finish(_ list: inout Shortlist, certain: Int) {
    if certain > 0 {
      scratch.kernels.table.pointee.split_keys(list.keys, list.count, certain, scratch.spareKeys)
    }
    let (items, slots) = (scratch.items, view.items)
    for place in 0..<list.count { items[place] = slots[Int(nt_key_id(list.keys[place]))] }
    let doubtful = max(0, list.count - certain)
    for place in 0..<list.count - doubtful { scratch.scores[place] = nt_key_score(list.keys[place]) }
    let first = list.count - doubtful
    scratch.kernels.table.pointee.rows_f32(
      scratch.query, view.rows, view.dimension, items + first, doubtful, scratch.scores + first)
    var best = Shortlist(scratch, keep: k)
    best.offer(scratch.scores, items: items, first: 0, list.count)
    best.finish()
    scratch.answer(best.keys, best.count)
    scratch.work.rowsScored = doubtful
    scratch.work.bytesTouched += list.count * 4 + doubtful * view.dimension * 4
    scratch.clock.end(.rescore)
  }
}

/// A filter's words for the time of one search.
struct AllowedItems {
  let words: UnsafePointer<UInt64>
  let wordCount: Int
  let count: Int

  func contains(_ item: Int) -> Bool { words[item >> 6] >> UInt64(item & 63) & 1 == 1 }
}
