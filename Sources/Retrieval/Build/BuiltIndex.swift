/// An index in memory, as a build leaves it: to be searched through `VectorIndex` or written as sections.
public final class BuiltIndex: @unchecked Sendable {
  public let seed: UInt64
  let rows: AlignedStorage<Float>
  let tiles: AlignedStorage<UInt8>
  let scales, gains, spreads: AlignedStorage<Float>
  let fills: AlignedStorage<UInt8>
  let items: AlignedStorage<UInt32>
  let centroids: AlignedStorage<UInt8>
  let centroidScales, listGains, listSpreads: AlignedStorage<Float>
  let firstBlocks: AlignedStorage<UInt32>
  private(set) var view: IndexView
  /// Set once, by the build, before anyone else sees the object.
  var efforts = EffortTable(blocks: [], extra: [])

  init(metric: Metric, rows: ExactRows, blockCount: Int, listCount: Int, seed: UInt64) {
    let groups = (rows.dimension + 3) / 4
    self.seed = seed
    self.rows = rows.storage
    tiles = AlignedStorage(count: blockCount * groups * 128)
    scales = AlignedStorage(count: blockCount)
    gains = AlignedStorage(count: blockCount)
    spreads = AlignedStorage(count: blockCount)
    fills = AlignedStorage(count: blockCount)
    items = AlignedStorage(count: blockCount * tileVectors)
    let listRoom = tileCount(listCount) * tileVectors
    centroids = AlignedStorage(count: tileCount(listCount) * groups * 128)
    centroidScales = AlignedStorage(count: listRoom)
    listGains = AlignedStorage(count: listRoom)
    listSpreads = AlignedStorage(count: listRoom)
    firstBlocks = AlignedStorage(count: listCount + 1)
    view = IndexView(
      metric: metric, count: rows.count, dimension: rows.dimension, listCount: listCount, blockCount: blockCount,
      rows: UnsafePointer(rows.storage.base), tiles: UnsafePointer(tiles.base), scales: UnsafePointer(scales.base),
      fills: UnsafePointer(fills.base), gains: UnsafePointer(gains.base), spreads: UnsafePointer(spreads.base),
      items: UnsafePointer(items.base), centroids: UnsafePointer(centroids.base),
      centroidScales: UnsafePointer(centroidScales.base), firstBlocks: UnsafePointer(firstBlocks.base),
      listGains: UnsafePointer(listGains.base), listSpreads: UnsafePointer(listSpreads.base))
  }
}
