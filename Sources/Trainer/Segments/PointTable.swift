import CFactorization

/// Points of one dimension, row-major, with what distances between them need.
struct PointTable {
  let table: FactorTable

  var dimension: Int { table.dimension }
  var count: Int { table.count }

  init(dimension: Int, values: [Float]) {
    precondition(dimension > 0 && values.count % dimension == 0)
    table = FactorTable(rows: values, dimension: dimension)
  }

  func row(_ index: Int) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: table.row(index), count: dimension)
  }

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

  /// Calls `body` with a few points at a time, their dot products with all of `others`, and how far apart in them the
  /// rows of two points are.
  ///
  /// In tiles, so that the products of many points never exist at once: 256 × 64 floats are 64 KB.
  func forEachTile(dotProductsWith others: PointTable, _ body: (Range<Int>, UnsafePointer<Float>, Int) -> Void) {
    precondition(dimension == others.dimension)
    let panels = others.panels()
    let tile = 256
    let stride = paddedToLanes(others.count)
    let products = allocateFloats(tile * stride)
    defer { products.deallocate() }
    for first in Swift.stride(from: 0, to: count, by: tile) {
      let rows = first..<min(first + tile, count)
      kernels.multiply(
        rows.count, dimension, table.row(first), table.width, others.count, panels.base, products, stride)
      body(rows, UnsafePointer(products), stride)
    }
  }

  /// The points as the product kernel wants its right side: number k of panel p's 16 points lies at
  /// `p.row[k * 16 ..< k * 16 + 16]`.
  private func panels() -> FactorTable {
    let lanes = Int(NT_LANES)
    let panels = FactorTable(count: paddedToLanes(count) / lanes, dimension: dimension * lanes)
    for point in 0..<count {
      let panel = panels.row(point / lanes) + point % lanes
      for (place, value) in row(point).enumerated() { panel[place * lanes] = value }
    }
    return panels
  }
}
