internal import CKernels
internal import Dispatch

/// Orders items into blocks of 32 and packs their codes.
///
/// Inside a list items stand by their projection on the centroid, largest first, so that a block's items have like
/// norms: one cell width fits them, and one bound tells a block of small items from a block of large ones. Without lists
/// the norm takes the projection's place.
struct BlockPacker {
  let rows: ExactRows
  let lists: Lists?
  let metric: Metric
  let seed: UInt64
  let kernels: Kernels

  /// A cell, in root mean squares of what a block's codes are for. Four cells reach ± 3.2 of them, so little is cut off,
  /// and a step is a tenth: a wider cell ranks worse by cells alone, a narrower one cuts off more.
  static let cellWidth: Float = 1.6

  /// A block's energy is the mean of its items' or this share of the mean that the larger weigh more in (each by its own
  /// energy), whichever is more. The first holds among items of like norms; the second keeps an item of eight times the
  /// others' norm, which wins most searches, from being cut off at the outer cells.
  static let outlierShare = 0.6

  /// Lists packed between two reports of progress.
  private static let listsAtOnce = 256

  func pack(_ progress: IndexBuilder.Progress?) -> BuiltIndex {
    let members = members()
    let firstBlocks = members.reduce(into: [0]) { $0.append($0.last! + tileCount($1.count)) }
    let blockCount = firstBlocks.last!
    let index = BuiltIndex(
      metric: metric, rows: rows, blockCount: blockCount, listCount: lists?.count ?? 0, seed: seed)
    index.items.base.update(repeating: .max, count: index.items.count)
    let centroids = packCentroids(into: index)
    if lists != nil { for (list, block) in firstBlocks.enumerated() { index.firstBlocks[list] = UInt32(block) } }
    for start in stride(from: 0, to: members.count, by: Self.listsAtOnce) {
      progress?(.packing, Double(start) / Double(members.count))
      let lists = start..<min(start + Self.listsAtOnce, members.count)
      // Every list has its own place in the index: threads share nothing.
      DispatchQueue.concurrentPerform(iterations: lists.count) { place in
        let list = lists.lowerBound + place
        pack(members[list], of: list, from: firstBlocks[list], centroids, into: index)
      }
    }
    for list in 0..<(lists?.count ?? 0) {
      index.listGains[list] = index.gains[firstBlocks[list]]
      index.listWidths[list] = index.widths[firstBlocks[list]]
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

  /// Quantizes the turned centroids; returns what their codes stand for, since residuals are taken from that.
  private func packCentroids(into index: BuiltIndex) -> AlignedStorage<Float> {
    let view = index.view
    let width = view.paddedDimension
    let decoded = AlignedStorage<Float>(count: max(1, view.listCount) * width)
    guard let lists else { return decoded }
    let (turned, spare) = (AlignedStorage<Float>(count: width), AlignedStorage<Float>(count: width))
    var codes = [UInt8](repeating: 0, count: width)
    for list in 0..<lists.count {
      lists.centroids.withUnsafeBufferPointer {
        index.rotation.turn($0.baseAddress! + list * rows.dimension, into: turned.base, spare: spare.base, kernels)
      }
      let half = nt_quantize_u4(turned.base, width, &codes)
      nt_pack_u4(codes, width, list % tileVectors, index.centroids.base + list / tileVectors * view.tileBytes)
      index.centroidScales[list] = half
      for place in 0..<width { decoded.base[list * width + place] = Float(2 * Int(codes[place]) - 15) * half }
    }
    return decoded
  }

  /// One list: all its rows turned, ordered by projection, and cut into blocks.
  private func pack(
    _ items: [UInt32], of list: Int, from firstBlock: Int, _ centroids: AlignedStorage<Float>, into index: BuiltIndex
  ) {
    let width = index.view.paddedDimension
    let turned = AlignedStorage<Float>(count: items.count * width)
    let spare = AlignedStorage<Float>(count: width)
    let centroid = UnsafePointer(centroids.base + list * width)
    let energy = kernels.dot(centroid, centroid, width)
    var keys: [UInt64] = []
    for (place, item) in items.enumerated() {
      let row = turned.base + place * width
      index.rotation.turn(rows.row(Int(item)), into: row, spare: spare.base, kernels)
      let projection = energy > 0 ? kernels.dot(row, centroid, width) / energy : rows.norms[Int(item)]
      keys.append(nt_key(projection, UInt32(place)))
    }
    nt_sort_keys(&keys, keys.count)
    var packer = OneBlock(index: index, items: items, turned: turned, centroid: energy > 0 ? centroid : nil, kernels)
    for (number, start) in stride(from: 0, to: keys.count, by: blockItems).enumerated() {
      packer.pack(
        keys[start..<min(start + blockItems, keys.count)], list: list, block: firstBlock + number)
    }
  }
}

/// Packs the blocks of one list, one after the other.
private struct OneBlock {
  let index: BuiltIndex
  let items: [UInt32]
  /// The list's rows, turned, in the order of `items`.
  let turned: AlignedStorage<Float>
  let centroid: UnsafePointer<Float>?
  let kernels: Kernels
  private var codes: [UInt8]

  init(
    index: BuiltIndex, items: [UInt32], turned: AlignedStorage<Float>, centroid: UnsafePointer<Float>?,
    _ kernels: Kernels
  ) {
    self.index = index
    self.items = items
    self.turned = turned
    self.centroid = centroid
    self.kernels = kernels
    codes = Array(repeating: 0, count: index.view.paddedDimension)
  }

  /// Keys: projection, and place in `items`. Rows become residuals on the way.
  mutating func pack(_ keys: ArraySlice<UInt64>, list: Int, block: Int) {
    let view = index.view
    let width = view.paddedDimension
    var gain: Float = 0
    if let centroid {
      for key in keys { gain += nt_key_score(key) }
      gain /= Float(keys.count)
      for key in keys { nt_add_scaled(row(key), centroid, -gain, width) }
    }
    // Doubles: squares of norms near what a float holds.
    var (energy, weighted) = (0.0, 0.0)
    for key in keys {
      let own = Double(kernels.dot(row(key), row(key), width))
      energy += own
      weighted += own * own
    }
    let typical = max(energy / Double(keys.count), energy > 0 ? BlockPacker.outlierShare * weighted / energy : 0)
    let cell = BlockPacker.cellWidth * Float((typical / Double(width)).squareRoot())
    let inverse = cell > 1e-30 ? 1 / cell : 0
    for (lane, key) in keys.enumerated() {
      let slot = block * blockItems + lane
      nt_code_u6(row(key), width, inverse, &codes)
      nt_pack_u6(codes, width, lane, index.cells.base + block * view.blockBytes, index.steps.base + slot * view.stepBytes)
      index.items[slot] = items[Int(nt_key_id(key))]
    }
    index.gains[block] = gain
    index.widths[block] = inverse > 0 ? cell : 0
    index.lists[block] = UInt32(list)
    index.fills[block] = UInt8(keys.count)
  }

  private func row(_ key: UInt64) -> UnsafeMutablePointer<Float> {
    turned.base + Int(nt_key_id(key)) * index.view.paddedDimension
  }
}
