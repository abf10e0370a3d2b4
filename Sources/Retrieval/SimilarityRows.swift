internal import CKernels

/// Cosines between the items of a small set, one against all at a time: what diversity asks for.
///
/// Rows are kept as int8 tiles, so one against 200 is seven tiles, about half a microsecond at 128 dimensions, where exact
/// rows take ten times as long. A cosine is within 0.01 of the exact one. Exact integers: the same on every machine.
/// Grows to its largest set, then allocates no more. One user at a time.
public struct SimilarityRows: ~Copyable {
  private let kernels: Kernels
  private var tiles: UnsafeMutablePointer<UInt8>
  private var codes: UnsafeMutablePointer<Int8>
  private var sums: UnsafeMutablePointer<Int32>
  private var inverseNorms: UnsafeMutablePointer<Float>
  private var tileRoom = 0, laneRoom = 0, codeRoom = 0
  private var groups = 0, vectors = 0
  public private(set) var count = 0

  public init(kernels: Kernels = .active) {
    self.kernels = kernels
    (tiles, codes) = (.allocate(capacity: 1), .allocate(capacity: 1))
    (sums, inverseNorms) = (.allocate(capacity: 1), .allocate(capacity: 1))
  }

  deinit {
    tiles.deallocate()
    codes.deallocate()
    sums.deallocate()
    inverseNorms.deallocate()
  }

  /// Makes room for `vectors` rows of `dimension` and forgets those that were there.
  public mutating func removeAll(vectors: Int, dimension: Int) {
    groups = (dimension + 3) / 4
    count = 0
    let (tileBytes, lanes) = (tileCount(vectors) * groups * 128, tileCount(vectors) * tileVectors)
    if tileBytes > tileRoom {
      tiles.deallocate()
      tiles = .allocate(capacity: tileBytes)
      tileRoom = tileBytes
    }
    if lanes > laneRoom {
      sums.deallocate()
      inverseNorms.deallocate()
      sums = .allocate(capacity: lanes)
      inverseNorms = .allocate(capacity: lanes)
      laneRoom = lanes
    }
    if lanes * groups * 4 > codeRoom {
      codes.deallocate()
      codes = .allocate(capacity: lanes * groups * 4)
      codeRoom = lanes * groups * 4
    }
    self.vectors = vectors
    // Lanes without a row hold the code of zero.
    tiles.update(repeating: 128, count: tileBytes)
  }

  /// The next row; there must be room for it.
  public mutating func append(_ row: Span<Float>) {
    let padded = groups * 4
    precondition(row.count <= padded && row.count + 4 > padded && count < vectors)
    let target = codes + count * padded
    row.withUnsafeBufferPointer { _ = kernels.quantize($0.baseAddress!, $0.count, padded: padded, into: target) }
    var energy: Int32 = 0
    for index in 0..<padded { energy += Int32(target[index]) * Int32(target[index]) }
    inverseNorms[count] = energy > 0 ? 1 / Float(energy).squareRoot() : 0
    nt_pack(target, groups, count % tileVectors, tiles + count / tileVectors * groups * 128)
    count += 1
  }

  /// The cosine of row `chosen` with every row, itself too, into `cosines`, which holds as many; 0 with a zero row.
  /// O(count × dimension).
  public mutating func cosines(with chosen: Int, into cosines: inout [Float]) {
    precondition(chosen >= 0 && chosen < count && cosines.count >= count)
    let query = codes + chosen * groups * 4
    let offset = tileOffset(query, groups * 4)
    kernels.table.pointee.tiles_i8(query, groups, tiles, tileCount(count), sums)
    let scale = inverseNorms[chosen]
    for row in 0..<count { cosines[row] = Float(sums[row] - offset) * (scale * inverseNorms[row]) }
  }
}
