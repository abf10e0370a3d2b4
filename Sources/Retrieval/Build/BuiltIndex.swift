/// An index in memory, as a build leaves it: to be searched through `VectorIndex` or written as sections.
public final class BuiltIndex: @unchecked Sendable {
  public let seed: UInt64
  let rows: AlignedStorage<Float>
  let rotation: Rotation
  let cells, steps: AlignedStorage<UInt8>
  let gains, widths: AlignedStorage<Float>
  let lists: AlignedStorage<UInt32>
  let fills: AlignedStorage<UInt8>
  let items: AlignedStorage<UInt32>
  let centroids: AlignedStorage<UInt8>
  let centroidScales, listGains, listWidths: AlignedStorage<Float>
  let firstBlocks: AlignedStorage<UInt32>
  private(set) var view: IndexView
  /// Set once, by the build, before anyone else sees the object.
  var efforts = EffortTable.empty

  init(metric: Metric, rows: ExactRows, blockCount: Int, listCount: Int, seed: UInt64) {
    let (width, slots) = (padded(rows.dimension), blockCount * blockItems)
    self.seed = seed
    self.rows = rows.storage
    rotation = Rotation(dimension: rows.dimension, seed: seed)
    cells = AlignedStorage(count: blockCount * width * 8)
    steps = AlignedStorage(count: slots * width / 2)
    gains = AlignedStorage(count: blockCount)
    widths = AlignedStorage(count: blockCount)
    lists = AlignedStorage(count: blockCount)
    fills = AlignedStorage(count: blockCount)
    items = AlignedStorage(count: slots)
    let listRoom = tileCount(listCount) * tileVectors
    centroids = AlignedStorage(count: listRoom * width / 2)
    centroidScales = AlignedStorage(count: listRoom)
    listGains = AlignedStorage(count: listRoom)
    listWidths = AlignedStorage(count: listRoom)
    firstBlocks = AlignedStorage(count: listCount + 1)
    view = IndexView(
      metric: metric, count: rows.count, dimension: rows.dimension, listCount: listCount, blockCount: blockCount,
      rows: UnsafePointer(rows.storage.base), signs: rotation.signs, cells: UnsafePointer(cells.base),
      steps: UnsafePointer(steps.base), gains: UnsafePointer(gains.base), widths: UnsafePointer(widths.base),
      lists: UnsafePointer(lists.base), fills: UnsafePointer(fills.base), items: UnsafePointer(items.base),
      centroids: UnsafePointer(centroids.base), centroidScales: UnsafePointer(centroidScales.base),
      firstBlocks: UnsafePointer(firstBlocks.base), listGains: UnsafePointer(listGains.base),
      listWidths: UnsafePointer(listWidths.base))
  }
}
