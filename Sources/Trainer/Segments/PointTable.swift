internal import COpenBLAS

/// Points of one dimension, row-major, with what distances between them need.
struct PointTable {
  let dimension: Int
  private(set) var values: [Float]

  var count: Int { values.count / dimension }

  init(dimension: Int, values: [Float]) {
    precondition(dimension > 0 && values.count % dimension == 0)
    self.dimension = dimension
    self.values = values
  }

  func row(_ index: Int) -> ArraySlice<Float> { values[index * dimension..<(index + 1) * dimension] }

  func selecting(_ rows: [Int]) -> PointTable {
    var selected: [Float] = []
    selected.reserveCapacity(rows.count * dimension)
    for index in rows { selected.append(contentsOf: row(index)) }
    return PointTable(dimension: dimension, values: selected)
  }

  /// |row|² of each, summed in double.
  func squaredNorms() -> [Double] {
    (0..<count).map { row($0).reduce(0.0) { $0 + Double($1) * Double($1) } }
  }

  /// Calls `body` with a few points at a time and their dot products with all of `others`: row `i` of the products
  /// begins at `i * others.count`.
  ///
  /// In tiles, so that the products of many points never exist at once: 512 × 64 floats are 128 KB.
  func forEachTile(dotProductsWith others: PointTable, _ body: (Range<Int>, UnsafePointer<Float>) -> Void) {
    precondition(dimension == others.dimension)
    let tile = 512
    withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, min(tile, count) * others.count)) { products in
      for first in stride(from: 0, to: count, by: tile) {
        let rows = first..<min(first + tile, count)
        values.withUnsafeBufferPointer { points in
          others.values.withUnsafeBufferPointer { others in
            cblas_sgemm(
              CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows.count), Int32(others.count / dimension),
              Int32(dimension), 1, points.baseAddress! + first * dimension, Int32(dimension), others.baseAddress!,
              Int32(dimension), 0, products.baseAddress!, Int32(others.count / dimension))
          }
        }
        body(rows, UnsafePointer(products.baseAddress!))
      }
    }
  }
}
