internal import CKernels

/// Unit centroids as int8 tiles, for the kernels of `assign.h`. int8 is enough to tell which is nearest, gives the same
/// list on every machine, and is four times faster than floats.
struct CentroidTiles {
  let tiles: AlignedStorage<UInt8>
  /// Per lane the value of a code step; zero in lanes without a centroid.
  let scales: AlignedStorage<Float>
  let count: Int
  let groups: Int
  var tileCount: Int { Retrieval.tileCount(count) }

  init(_ centroids: UnsafePointer<Float>, count: Int, dimension: Int, kernels: Kernels) {
    self.count = count
    groups = (dimension + 3) / 4
    let tileCount = Retrieval.tileCount(count)
    tiles = AlignedStorage(count: tileCount * groups * 128)
    scales = AlignedStorage(count: tileCount * tileVectors)
    // Lanes without a centroid hold the code of zero.
    tiles.base.update(repeating: 128, count: tiles.count)
    var codes = [Int8](repeating: 0, count: groups * 4)
    for list in 0..<count {
      scales[list] = kernels.quantize(centroids + list * dimension, dimension, padded: codes.count, into: &codes)
      nt_pack(codes, groups, list % tileVectors, tiles.base + list / tileVectors * groups * 128)
    }
  }

  /// The scales for an assignment, in which a lane without a centroid must not win: NaN there.
  var contending: AlignedStorage<Float> {
    let contending = AlignedStorage<Float>(count: scales.count)
    contending.base.update(from: scales.base, count: count)
    (contending.base + count).update(repeating: .nan, count: scales.count - count)
    return contending
  }
}
