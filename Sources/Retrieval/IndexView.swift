internal import CKernels

/// An index where it lies: pointers into a mapped snapshot, or into memory that a build owns. Checked once, when it is
/// made; the search trusts it. Whoever stores a view keeps its memory alive.
///
/// Items are numbered as in the catalogue. A *slot* is an item's place in the codes: `block * 32 + lane`. A *block* is up
/// to 32 items with one cell width; a *list* is a run of blocks of items near one centroid, sorted by their projection
/// on it. Small indexes have no lists (`listCount` 0): every search scans every block.
///
/// An item x of a block is kept as g ĉ + r, all in turned space: ĉ the list's centroid as its codes have it, g the
/// block's mean projection on it, r what is left, in cells and steps (`kernels.h`).
struct IndexView: @unchecked Sendable {
  var metric: Metric
  var count: Int
  var dimension: Int
  var listCount: Int
  var blockCount: Int

  /// Exact rows, `count × dimension`, normalised for cosine.
  var rows: UnsafePointer<Float>
  /// Signs of the rotation, `3 × paddedDimension`.
  var signs: UnsafePointer<UInt32>

  /// Two bits a dimension by block, and four more by slot.
  var cells: UnsafePointer<UInt8>
  var steps: UnsafePointer<UInt8>
  /// Per block: mean projection on the list's centroid, width of a cell, list, and items in it.
  var gains: UnsafePointer<Float>
  var widths: UnsafePointer<Float>
  var lists: UnsafePointer<UInt32>
  var fills: UnsafePointer<UInt8>
  /// The item in each slot; a permutation of the catalogue over the filled slots.
  var items: UnsafePointer<UInt32>

  /// Centroids as tiles of four bits, and per list: value of half a step, first block (one entry more than lists), and gain and width
  /// of the first block, which bound the list. Padded to whole tiles.
  var centroids: UnsafePointer<UInt8>
  var centroidScales: UnsafePointer<Float>
  var firstBlocks: UnsafePointer<UInt32>
  var listGains: UnsafePointer<Float>
  var listWidths: UnsafePointer<Float>

  var paddedDimension: Int { padded(dimension) }
  /// Of eight dimensions: 128 bytes in a tile of centroids, 64 in the cells of a block.
  var octets: Int { paddedDimension / Int(NT_PAD_DIMENSIONS) }
  var tileBytes: Int { octets * Int(NT_GROUP_BYTES) }
  var blockBytes: Int { octets * 64 }
  var stepBytes: Int { paddedDimension / 2 }
  var isFlat: Bool { listCount == 0 }
  var centroidTiles: Int { tileCount(listCount) }

  func row(_ item: Int) -> UnsafePointer<Float> { rows + item * dimension }
}

/// Items in a block, and vectors in a tile of centroids.
let blockItems = Int(NT_BLOCK_VECTORS)
let tileVectors = Int(NT_TILE_VECTORS)

/// Tiles, or blocks, that `vectors` vectors fill.
func tileCount(_ vectors: Int) -> Int { (vectors + tileVectors - 1) / tileVectors }

/// Dimensions of codes for `dimension` dimensions of rows.
func padded(_ dimension: Int) -> Int {
  (dimension + Int(NT_PAD_DIMENSIONS) - 1) / Int(NT_PAD_DIMENSIONS) * Int(NT_PAD_DIMENSIONS)
}
