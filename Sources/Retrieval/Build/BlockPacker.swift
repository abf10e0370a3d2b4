internal import CKernels

/// Orders items into blocks of 32 and packs their codes.
///
/// Inside a list items stand by their projection on the centroid, largest first, so that a block's items have like
/// norms: one scale fits them, and one bound tells a block of small items from a block of large ones. Without lists the
/// norm takes the projection's place.
struct BlockPacker {
  let rows: ExactRows
  let lists: Lists?
  let metric: Metric
  let seed: UInt64
  let kernels: Kernels

  func pack(_ progress: IndexBuilder.Progress?) -> BuiltIndex {
    let members = members()
    let blockCount = members.reduce(0) { $0 + tileCount($1.count) }
    let index = BuiltIndex(
      metric: metric, rows: rows, blockCount: blockCount, listCount: lists?.count ?? 0, seed: seed)
    index.tiles.base.update(repeating: 128, count: index.tiles.count)
    index.items.base.update(repeating: .max, count: index.items.count)
    var block = 0
    for (list, items) in members.enumerated() {
      if list % 256 == 0 { progress?(.packing, Double(list) / Double(members.count)) }
      if lists != nil { index.firstBlocks[list] = UInt32(block) }
      pack(items, of: list, from: &block, into: index)
    }
    if let lists {
      index.firstBlocks[lists.count] = UInt32(block)
      packCentroids(lists, into: index)
    }
    return index
  }

  /// The items of each list; one list of all when there are none.
  private func members() -> [[UInt32]] {
    guard let lists else { return rows.count == 0 ? [] : [(0..<UInt32(rows.count)).map { $0 }] }
    var members = [[UInt32]](repeating: [], count: lists.count)
    for (item, list) in lists.assignment.enumerated() { members[Int(list)].append(UInt32(item)) }
    return members
  }

  private func pack(_ items: [UInt32], of list: Int, from block: inout Int, into index: BuiltIndex) {
    var keys = items.map { nt_key(projection($0, list), $0) }
    nt_sort_keys(&keys, keys.count)
    for start in stride(from: 0, to: keys.count, by: tileVectors) {
      packBlock(keys[start..<min(start + tileVectors, keys.count)], block, into: index)
      block += 1
    }
  }

  private func projection(_ item: UInt32, _ list: Int) -> Float {
    guard let lists else { return rows.norms[Int(item)] }
    return lists.centroids.withUnsafeBufferPointer {
      kernels.dot(rows.row(Int(item)), $0.baseAddress! + list * rows.dimension, rows.dimension)
    }
  }

  /// One block: a scale that its largest value reaches, the codes, and the statistics of its bound. With g the mean
  /// projection on a unit centroid c, the mean of |x - g c|² is the mean of |x|² less g².
  private func packBlock(_ keys: ArraySlice<UInt64>, _ block: Int, into index: BuiltIndex) {
    let dimension = rows.dimension
    var (largest, gain, energy): (Float, Float, Float) = (0, 0, 0)
    for key in keys {
      let item = Int(nt_key_id(key))
      largest = max(largest, kernels.largest(rows.row(item), dimension))
      gain += nt_key_score(key)
      energy += rows.norms[item] * rows.norms[item]
    }
    gain = lists == nil ? 0 : gain / Float(keys.count)
    let scale = codeScale(largest: largest)
    let padded = index.view.paddedDimension
    var codes = [Int8](repeating: 0, count: padded)
    for (lane, key) in keys.enumerated() {
      let item = nt_key_id(key)
      kernels.quantize(rows.row(Int(item)), dimension, padded: padded, scale: scale, into: &codes)
      nt_pack(codes, index.view.groups, lane, index.tiles.base + block * index.view.tileBytes)
      index.items[block * tileVectors + lane] = item
    }
    index.scales[block] = scale
    index.fills[block] = UInt8(keys.count)
    index.gains[block] = gain
    index.spreads[block] = (max(0, energy / Float(keys.count) - gain * gain) / Float(dimension)).squareRoot()
  }

  private func packCentroids(_ lists: Lists, into index: BuiltIndex) {
    let tiles = CentroidTiles(lists, dimension: rows.dimension, kernels: kernels)
    index.centroids.base.update(from: tiles.tiles.base, count: tiles.tiles.count)
    index.centroidScales.base.update(from: tiles.scales.base, count: tiles.scales.count)
    for list in 0..<lists.count {
      let first = Int(index.firstBlocks[list])
      index.listGains[list] = index.gains[first]
      index.listSpreads[list] = index.spreads[first]
    }
  }
}
