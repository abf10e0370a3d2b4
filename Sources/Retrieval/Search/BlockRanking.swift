internal import CKernels

/// How far above its mean a block may hold an item: standard deviations of a residual's inner product with the query, in
/// cell widths. A measured knee at three deviations: below 2.5 spread-out lists are missed, above 4 near ones are crowded
/// out.
let boundReach: Float = 3 / BlockPacker.cellWidth

/// Chooses where to look: the blocks whose bound
///
///     gain × (q·c) + reach × |q| × width
///
/// is highest over all lists, rather than whole lists: with skewed norms most blocks of a near list hold small items
/// that cannot win.
struct BlockRanking {
  let view: IndexView
  let scratch: SearchScratch
  let reach: Float

  /// Scores every centroid. The scratch holds the query's codes.
  init(_ view: IndexView, _ scratch: SearchScratch, queryScale: Float, codeSum: Int32, norm: Float) {
    self.view = view
    self.scratch = scratch
    reach = boundReach * norm
    var job = nt_list_job(
      query: scratch.codes, groups: view.octets, tiles: view.centroids, tile_count: view.centroidTiles,
      scales: view.centroidScales, query_scale: queryScale, sum: codeSum, gains: view.listGains,
      widths: view.listWidths, reach: reach)
    scratch.kernels.table.pointee.lists_u4(&job, scratch.dots, scratch.bounds)
    scratch.work.listsScored = view.listCount
    scratch.work.bytesTouched += view.centroidTiles * (view.tileBytes + 12 * tileVectors)
  }

  /// Leaves the keys of the best `wanted` blocks in `scratch.blockKeys`, in no order, and returns their number. The best
  /// B blocks lie in the B lists whose first blocks are best, since a list's blocks get worse from the first on; and
  /// none of them is worse than the last of those first blocks.
  func best(_ wanted: Int) -> Int {
    let lists = top(scratch.bounds, view.listCount, min(wanted, view.listCount), into: scratch.listKeys)
    var least = -Float.infinity
    if lists == wanted {
      least = nt_key_score(smallest(scratch.listKeys, lists))
    }
    var found = 0
    if lists >= Self.sampledListsMin {
      found = rank(lists, least: max(least, sampledBound(lists, wanted)))
    }
    // The sample was unlucky, or too small to try.
    if found < wanted { found = rank(lists, least: least) }
    let kept = min(wanted, found)
    scratch.kernels.select(scratch.blockKeys, found, keep: kept, spare: scratch.spareKeys)
    scratch.work.bytesTouched += found * 8
    return kept
  }

  /// Lists from which on a bound is estimated from some of them, and every how many of them is looked at.
  private static let sampledListsMin = 256
  private static let sampledListsStride = 16

  /// A bound that, by a sample of the lists, a tenth more blocks than wanted exceed.
  private func sampledBound(_ lists: Int, _ wanted: Int) -> Float {
    let (keys, size) = (scratch.listKeys, lists / Self.sampledListsStride)
    // To the front, every one of them: the order of the lists does not matter.
    for place in 0..<size {
      (keys[place], keys[place * Self.sampledListsStride]) = (keys[place * Self.sampledListsStride], keys[place])
     }
    let found = rank(size, least: -.infinity)
    let rank = wanted * size * 11 / (lists * 10) + 4
    guard rank < found else { return -.infinity }
    return scratch.kernels.smallest(ofBest: rank, scratch.blockKeys, found, spare: scratch.spareKeys)
  }

  /// Keys of the blocks of the first `lists` lists whose bound is at least `least`.
  private func rank(_ lists: Int, least: Float) -> Int {
    scratch.kernels.table.pointee.rank_blocks(
      view.firstBlocks, scratch.listKeys, lists, scratch.dots, view.gains, view.widths, reach, least,
      scratch.blockKeys)
  }

  /// The keys of the `wanted` largest values. A threshold from a sample lets most values pass by with one compare.
  private func top(
    _ values: UnsafePointer<Float>, _ count: Int, _ wanted: Int, into keys: UnsafeMutablePointer<UInt64>
  ) -> Int {
    let collect = scratch.kernels.table.pointee.collect_f32
    var found = 0
    if wanted * 4 < count, count >= 4 * SearchScratch.sampleKeys {
      found = collect(values, count, sampledThreshold(values, count, wanted), keys)
    }
    // The sample was unlucky, or too small to try: take all.
    if found < wanted { found = collect(values, count, -.infinity, keys) }
    let kept = min(wanted, found)
    guard kept < found else { return kept }
    scratch.kernels.select(keys, found, keep: kept, spare: scratch.spareKeys)
    return kept
  }

  /// A value that, by a sample of short runs, half as many again as wanted exceed.
  private func sampledThreshold(_ values: UnsafePointer<Float>, _ count: Int, _ wanted: Int) -> Float {
    let (sample, size, run) = (scratch.sample, SearchScratch.sampleKeys, SearchScratch.sampleRun)
    let stride = count / (size / run)
    var found = 0
    while found < size {
      found += scratch.kernels.table.pointee.collect_f32(
        values + found / run * stride, run, -.infinity, sample + found)
    }
    let rank = min(size, wanted * size * 3 / (count * 2) + 4)
    return scratch.kernels.smallest(ofBest: rank, sample, size, spare: scratch.spareKeys)
  }
}
