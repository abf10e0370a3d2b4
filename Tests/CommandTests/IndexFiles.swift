import TestSupport

@testable import Tensors

/// Vectors of one test as files: items, queries and the true neighbours, by inner product.
struct IndexFiles {
  let folder = TemporaryFolder()
  let items: [[Float]]
  let queries: [[Float]]

  init(items count: Int, dimension: Int, queries queryCount: Int, seed: UInt64) {
    var random = SeededRandom(seed: seed)
    func rows(_ count: Int) -> [[Float]] { (0..<count).map { _ in (0..<dimension).map { _ in random.gaussian() } } }
    self.init(items: rows(count), queries: rows(queryCount))
  }

  init(items: [[Float]], queries: [[Float]]) {
    self.items = items
    self.queries = queries
    write(items, "base.npy")
    write(queries, "queries.npy")
  }

  subscript(name: String) -> String { folder.file(name) }

  @discardableResult
  func write(_ rows: [[Float]], _ name: String) -> String {
    try! NPYWriter.write(
      rows.flatMap(\.self), type: .f32, shape: [rows.count, rows.first?.count ?? 1], path: self[name])
    return self[name]
  }

  @discardableResult
  func write(_ rows: [[Int64]], _ name: String) -> String {
    try! NPYWriter.write(
      rows.flatMap(\.self), type: .i64, shape: [rows.count, rows.first?.count ?? 1], path: self[name])
    return self[name]
  }

  /// Per query the best `k` items, best first.
  func truth(_ k: Int, isCosine: Bool = false) -> [[Int64]] {
    func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let norms = items.map { isCosine ? max(dot($0, $0).squareRoot(), 1e-30) : 1 }
    return queries.map { query in
      let scores = zip(items, norms).map { dot($0, query) / $1 }
      return scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }.prefix(k).map { Int64($0) }
    }
  }
}
