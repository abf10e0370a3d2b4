import CFactorization
import COpenBLAS
internal import Synchronization

/// G = H'H of a table, and the basis in which it is diagonal.
///
/// ALS works in that basis: rotate H by the eigenvectors of G and the Gram matrix of a row's system shrinks to a
/// diagonal, which makes the short-row form of `RowSolver` possible. New rows come out in the same basis and dot
/// products do not see it, so nothing is ever rotated back.
struct Gram {
  let dimension: Int
  /// dimension × dimension, symmetric, in double.
  private(set) var matrix: [Double]

  /// Rows are summed in chunks whose number does not depend on the threads, and the chunks in their order: the same
  /// bits from any number of threads. 64 chunks of dimension² floats: 1 MB at 64, 64 MB at 512.
  init(of table: FactorTable, threads: Int) {
    let width = table.width
    let chunk = max(4096, (table.count + 63) / 64)
    let chunks = max(1, (table.count + chunk - 1) / chunk)
    let sums = FactorTable(count: chunks, dimension: width * width)
    forEachChunk(of: table.count, chunk: chunk, threads: threads, scratch: {}) { _, rows in
      // In blocks, so that the sum of many rows is a sum of sums and loses less to rounding.
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: 256) {
        let count = min(256, rows.upperBound - first)
        kernels.add_outer(count, width, table.row(first), nil, sums.row(rows.lowerBound / chunk), nil)
      }
    }
    let dimension = table.dimension
    var matrix = [Double](repeating: 0, count: dimension * dimension)
    for chunk in 0..<chunks {
      let sum = sums.row(chunk)
      for row in 0..<dimension {
        for column in row..<dimension { matrix[row * dimension + column] += Double(sum[row * width + column]) }
      }
    }
    for row in 0..<dimension {
      for column in 0..<row { matrix[row * dimension + column] = matrix[column * dimension + row] }
    }
    self.dimension = dimension
    self.matrix = matrix
  }

  /// Eigenvalues, ascending and not below zero, and the eigenvectors: `vectors[j * dimension + k]` is number k of
  /// vector j.
  ///
  /// - Complexity: O(dimension³), on one thread: some 2 ms at 64.
  func eigen() throws(FactorizationError) -> (values: [Double], vectors: [Double]) {
    // LAPACK may never come back from a NaN.
    guard matrix.allSatisfy(\.isFinite) else { throw .diverged }
    var vectors = matrix  // LAPACK reads columns: the same for a symmetric matrix; and leaves a vector a column.
    var values = [Double](repeating: 0, count: dimension)
    var size = Int32(dimension)
    var status: Int32 = 0
    // Sizes from LAPACK's documentation of dsyevd with vectors.
    var workCount = Int32(1 + 6 * dimension + 2 * dimension * dimension)
    var integerCount = Int32(3 + 5 * dimension)
    var work = [Double](repeating: 0, count: Int(workCount))
    var integers = [Int32](repeating: 0, count: Int(integerCount))
    var leading = size
    lapack.withLock { _ in
      dsyevd_("V", "L", &size, &vectors, &leading, &values, &work, &workCount, &integers, &integerCount, &status, 1, 1)
    }
    precondition(status >= 0, "argument \(-status) of dsyevd is wrong")
    guard status == 0 else { throw .diverged }  // The iteration did not converge.
    return (values.map { max($0, 0) }, vectors)
  }
}

extension FactorTable {
  /// Replaces each row h by its coordinates along `vectors` (as `Gram.eigen` gives them).
  func rotate(by vectors: [Double], threads: Int) {
    let lanes = Int(NT_LANES)
    let panels = FactorTable(count: width / lanes, dimension: width * lanes)
    for vector in 0..<dimension {
      let panel = panels.row(vector / lanes) + vector % lanes
      for place in 0..<dimension { panel[place * lanes] = Float(vectors[vector * dimension + place]) }
    }
    forEachChunk(
      of: count, chunk: 256, threads: threads, scratch: { [width] in FactorTable(count: 256, dimension: width) }
    ) { [self] scratch, rows in
      kernels.multiply(rows.count, width, row(rows.lowerBound), width, width, panels.base, scratch.base, width)
      row(rows.lowerBound).update(from: scratch.base, count: rows.count * width)
    }
  }
}

/// Debian's serial OpenBLAS does not lock its scratch memory: one thread at a time, also when two trainings run.
private let lapack = Mutex(())

/// The machine's best kernels, chosen once.
nonisolated(unsafe) let kernels = nt_factorization_active().pointee
