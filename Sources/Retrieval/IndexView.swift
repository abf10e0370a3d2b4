internal import CKernels

/// An index where it lies: pointers into a mapped snapshot, or into memory that a build owns. Checked once, when it is
/// made; the search trusts it. Whoever stores a view keeps its memory alive.
///
/// Items are numbered as in the catalogue. A *slot* is an item's place in the tiles: `block * 32 + lane`. A *block* is a
/// tile of up to 32 items with one scale; a *list* is a run of blocks of items near one centroid, sorted by their
/// projection on it. Small indexes have no lists (`listCount` 0): every search scans every block.
struct IndexView: @unchecked Sendable {
  var metric: Metric
  var count: Int
  var dimension: Int
  var listCount: Int
  var blockCount: Int

  /// Exact rows, `count × dimension`, normalised for cosine.
  var rows: UnsafePointer<Float>

  /// `blockCount` tiles of int8 codes, and per block: value of a step, items in it, mean projection on the list's
  /// centroid, and rms of what is left, per dimension.
  var tiles: UnsafePointer<UInt8>
  var scales: UnsafePointer<Float>
  var fills: UnsafePointer<UInt8>
  var gains: UnsafePointer<Float>
  var spreads: UnsafePointer<Float>
  /// The item in each slot; a permutation of the catalogue over the filled slots.
  var items: UnsafePointer<UInt32>

  /// Unit centroids as tiles, and per list: value of a step, first block (one entry more than lists), and gain and spread
  /// of the first block, which bound the list. Padded to whole tiles.
  var centroids: UnsafePointer<UInt8>
  var centroidScales: UnsafePointer<Float>
  var firstBlocks: UnsafePointer<UInt32>
  var listGains: UnsafePointer<Float>
  var listSpreads: UnsafePointer<Float>

  /// Four dimensions each.
  var groups: Int { (dimension + Int(NT_GROUP_DIMENSIONS) - 1) / Int(NT_GROUP_DIMENSIONS) }
  var paddedDimension: Int { groups * Int(NT_GROUP_DIMENSIONS) }
  var tileBytes: Int { groups * Int(NT_GROUP_BYTES) }
  var isFlat: Bool { listCount == 0 }
  var centroidTiles: Int { tileCount(listCount) }

  func row(_ item: Int) -> UnsafePointer<Float> { rows + item * dimension }
}

/// Vectors in a tile, and so items in a block.
let tileVectors = Int(NT_TILE_VECTORS)

/// Tiles that `vectors` vectors fill.
func tileCount(_ vectors: Int) -> Int { (vectors + tileVectors - 1) / tileVectors }
