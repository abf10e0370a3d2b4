internal import CKernels

/// How far above its mean a block may hold an item, in standard deviations of a residual's inner product with the query.
/// A measured knee: below 2.5 spread-out lists are missed, above 4 near ones are crowded out.
let boundReach: Float = 3

/// Chooses where to look: the blocks whose bound
///
///     gain × (q·c) + z × |q| × spread
///
/// is highest over all lists, rather than whole lists: with skewed norms most blocks of a near list hold small items
/// that cannot win.
struct BlockRanking {
  let view: IndexView
  let scratch: SearchScratch
  let reach: Float

  /// Scores every centroid. The scratch holds the query's codes.
  init(_ view: IndexView, _ scratch: SearchScratch, queryScale: Float, offset: Int32, norm: Float) {
    self.view = view
    self.scratch = scratch
    reach = boundReach * norm
    let table = scratch.kernels.table
    table.pointee.tiles_i8(scratch.codes, view.groups, view.centroids, view.centroidTiles, scratch.sums)
    table.pointee.bounds_f32(
      scratch.sums, offset, view.centroidScales, queryScale, view.listGains, view.listSpreads, reach, view.listCount,
      scratch.dots, scratch.bounds)
  }

  /// Leaves the keys of the best `wanted` blocks in `scratch.blockKeys`, in no order, and returns their number. The best
  /// B blocks lie in the B lists whose first blocks are best, since a list's blocks get worse from the first on.
  func best(_ wanted: Int) -> Int {
    let lists = top(scratch.bounds, view.listCount, min(wanted, view.listCount), into: scratch.listKeys)
    let found = nt_rank_blocks(
      view.firstBlocks, scratch.listKeys, lists, scratch.dots, view.gains, view.spreads, reach, scratch.blockKeys)
    let kept = min(wanted, found)
    nt_select_keys(scratch.blockKeys, found, kept)
    return kept
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
    nt_select_keys(keys, found, kept)
    return kept
  }

  /// A value that, by the sample, half as many again as wanted exceed.
  private func sampledThreshold(_ values: UnsafePointer<Float>, _ count: Int, _ wanted: Int) -> Float {
    let (sample, size) = (scratch.sample, SearchScratch.sampleKeys)
    let stride = count / size
    for index in 0..<size { sample[index] = nt_key(values[index * stride], UInt32(index)) }
    let rank = min(size, wanted * size * 3 / (count * 2) + 4)
    nt_select_keys(sample, size, rank)
    var worst = sample[0]
    for index in 1..<rank { worst = min(worst, sample[index]) }
    return nt_key_score(worst)
  }
}
