import CFactorization

/// Solves one row's system, (P + Σ cᵢ hᵢhᵢ' ) w = Σ cᵢ hᵢ over the row's entries, where P is what all rows share.
///
/// Two exact ways. *Long*: form the d × d matrix, factor it. *Short*, for diagonal P = D and n entries: with
/// X = C^½ H D^-½ (n × d), solve the n × n system (I + XX') s = C^½ 1, then w = D^-½ X's. Most rows of real data are
/// short: 3 µs and more against .8 µs at d = 64, n ≤ 16 on a Zen 4 core (OpenBLAS ssyrk + spotrf: 10 µs).
final class RowSolver {
  enum Form { case cheapest, short, long }

  /// Longer rows are summed in blocks of this many entries: a block of 512 × 64 floats is 128 KB, within L2.
  static let blockEntries = 512

  private let dimension: Int
  private let width: Int
  private let history: UnsafeMutablePointer<Float>
  private let roots: UnsafeMutablePointer<Float>
  private let scale: UnsafeMutablePointer<Float>
  private let ones: UnsafeMutablePointer<Float>
  private let right: UnsafeMutablePointer<Float>
  private let factor: UnsafeMutablePointer<Float>
  private let triangles: UnsafeMutablePointer<Float>
  /// width × width, for rows longer than a block; made when the first comes.
  private var sum: UnsafeMutablePointer<Float>?

  init(dimension: Int) {
    self.dimension = dimension
    width = paddedToLanes(dimension)
    let widest = max(width, Self.blockEntries)
    history = allocateFloats(Self.blockEntries * width)
    roots = allocateFloats(widest)
    scale = allocateFloats(width)
    ones = allocateFloats(widest)
    ones.update(repeating: 1, count: widest)
    right = allocateFloats(widest)
    factor = allocateFloats(width * (width + NT_LANES))
    triangles = allocateFloats(width * NT_LANES)
  }

  deinit {
    for buffer in [history, roots, scale, ones, right, factor, triangles] { buffer.deallocate() }
    sum?.deallocate()
  }

  /// - Parameters:
  ///   - ids, weights: the row's entries; `rows` is the table that ids point into, `width` wide.
  ///   - diagonal: the diagonal of P (or its diagonal part), `width` numbers, ones beyond `dimension`.
  ///   - prior: the rest of P, upper part of width × width, or nil for none.
  ///   - result: `width` numbers, zeros beyond `dimension` after.
  func solve(
    ids: UnsafeBufferPointer<UInt32>, weights: UnsafeBufferPointer<Float>, rows: UnsafePointer<Float>,
    diagonal: UnsafePointer<Float>, prior: UnsafePointer<Float>?, form: Form = .cheapest,
    into result: UnsafeMutablePointer<Float>
  ) {
    let count = ids.count
    guard count > 0 else {
      result.update(repeating: 0, count: width)
      return
    }
    let isShort =
      switch form {
      case .cheapest: prior == nil && Self.shortIsCheaper(entries: count, width: width)
      case .short: prior == nil && paddedToLanes(count) <= width
      case .long: false
      }
    if isShort {
      solveShort(ids: ids, weights: weights, rows: rows, diagonal: diagonal, into: result)
    } else if count <= Self.blockEntries {
      kernels.gather(count, ids.baseAddress, weights.baseAddress, rows, width, nil, history, roots)
      result.update(repeating: 0, count: width)
      kernels.solve(count, width, history, roots, diagonal, prior, result, factor, triangles)
    } else {
      solveInBlocks(ids: ids, weights: weights, rows: rows, diagonal: diagonal, prior: prior, into: result)
    }
  }

  /// Measured at d = 64 and 128 with AVX-512 and AVX2: the two ways meet where the padded row is 3/4 of the width.
  static func shortIsCheaper(entries: Int, width: Int) -> Bool { 4 * paddedToLanes(entries) <= 3 * width }

  private func solveShort(
    ids: UnsafeBufferPointer<UInt32>, weights: UnsafeBufferPointer<Float>, rows: UnsafePointer<Float>,
    diagonal: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>
  ) {
    let count = ids.count
    let stride = paddedToLanes(count)
    for place in 0..<width { scale[place] = 1 / diagonal[place].squareRoot() }
    kernels.gather_transposed(
      count, ids.baseAddress, weights.baseAddress, rows, width, scale, history, stride, right)
    (right + count).update(repeating: 0, count: stride - count)
    kernels.solve(width, stride, history, nil, ones, nil, right, factor, triangles)
    kernels.combine(stride, width, history, stride, right, scale, result)
  }

  private func solveInBlocks(
    ids: UnsafeBufferPointer<UInt32>, weights: UnsafeBufferPointer<Float>, rows: UnsafePointer<Float>,
    diagonal: UnsafePointer<Float>, prior: UnsafePointer<Float>?, into result: UnsafeMutablePointer<Float>
  ) {
    let sum = self.sum ?? allocateFloats(width * width)
    self.sum = sum
    if let prior {
      sum.update(from: prior, count: width * width)
    } else {
      sum.update(repeating: 0, count: width * width)
    }
    result.update(repeating: 0, count: width)
    for first in Swift.stride(from: 0, to: ids.count, by: Self.blockEntries) {
      let count = min(Self.blockEntries, ids.count - first)
      kernels.gather(
        count, ids.baseAddress! + first, weights.baseAddress! + first, rows, width, nil, history, roots)
      kernels.add_outer(count, width, history, roots, sum, result)
    }
    kernels.solve(0, width, history, nil, diagonal, sum, result, factor, triangles)
  }
}
