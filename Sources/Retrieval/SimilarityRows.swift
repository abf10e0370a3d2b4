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
  private var offsets: UnsafeMutablePointer<Int32>
  private var cosines: UnsafeMutablePointer<Float>
  private var tileRoom = 0, laneRoom = 0, codeRoom = 0
  private var groups = 0, vectors = 0
  public private(set) var count = 0

  public init(kernels: Kernels = .active) {
    self.kernels = kernels
    (tiles, codes) = (.allocate(capacity: 1), .allocate(capacity: 1))
    (sums, inverseNorms) = (.allocate(capacity: 1), .allocate(capacity: 1))
    (offsets, cosines) = (.allocate(capacity: 1), .allocate(capacity: 1))
  }

  deinit {
    tiles.deallocate()
    codes.deallocate()
    releaseLanes()
  }

  private func releaseLanes() {
    sums.deallocate()
    inverseNorms.deallocate()
    offsets.deallocate()
    cosines.deallocate()
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
      releaseLanes()
      sums = .allocate(capacity: lanes)
      inverseNorms = .allocate(capacity: lanes)
      offsets = .allocate(capacity: lanes)
      cosines = .allocate(capacity: lanes)
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
    var (sum, energy): (Int32, Int32) = (0, 0)
    kernels.table.pointee.code_sums(target, padded, &sum, &energy)
    offsets[count] = 128 * sum
    inverseNorms[count] = energy > 0 ? 1 / Float(energy).squareRoot() : 0
    nt_pack(target, groups, count % tileVectors, tiles + count / tileVectors * groups * 128)
    count += 1
  }

  /// The cosine of row `chosen` with every row, itself too, into `result`, which holds as many; 0 with a zero row.
  /// O(count × dimension).
  public mutating func cosines(with chosen: Int, into result: inout [Float]) {
    precondition(result.count >= count)
    score(chosen)
    for row in 0..<count { result[row] = cosines[row] }
  }

  /// Raises each entry of `nearest`, one per row, to the row's cosine with row `chosen`. O(count × dimension).
  public mutating func raise(_ nearest: inout [Float], by chosen: Int) {
    precondition(nearest.count >= count)
    score(chosen)
    nearest.withUnsafeMutableBufferPointer { kernels.table.pointee.raise($0.baseAddress!, cosines, count) }
  }

  private func score(_ chosen: Int) {
    precondition(chosen >= 0 && chosen < count)
    kernels.table.pointee.tiles_i8(codes + chosen * groups * 4, groups, tiles, tileCount(count), sums)
    kernels.table.pointee.cosines(sums, offsets[chosen], inverseNorms[chosen], inverseNorms, count, cosines)
  }
}

/// The first place of the largest (1 - lambda) × relevance - lambda × nearest; 0 when every one is minus infinity.
public func bestMarginal(relevance: borrowing [Float], nearest: borrowing [Float], lambda: Float) -> Int {
  precondition(relevance.count == nearest.count)
  return relevance.withUnsafeBufferPointer { relevance in
    nearest.withUnsafeBufferPointer { nearest in
      guard let first = relevance.baseAddress, let second = nearest.baseAddress else { return 0 }
      return Kernels.active.table.pointee.best_marginal(first, second, lambda, relevance.count)
    }
  }
}
