internal import CKernels
internal import Dispatch

/// Queries such as users send: the given ones, or else mixtures of items.
struct CalibrationQueries {
  let dimension: Int
  private let values: [Float]
  var count: Int { values.count / dimension }

  /// More would not change a budget by a step of the grid.
  static let countMax = 384

  init(_ view: IndexView, _ given: [Float]?, seed: UInt64) {
    dimension = view.dimension
    var random = SplitMix(seed: seed ^ 0x63_616C_6962)
    let usable = given.map { Self.pick($0, dimension: view.dimension, &random) } ?? []
    values = usable.isEmpty ? Self.mixtures(view, &random) : usable
  }

  subscript(place: Int) -> Span<Float> {
    @_lifetime(borrow self)
    get { values.span.extracting(place * dimension..<(place + 1) * dimension) }
  }

  /// Up to `countMax` of the given queries, spread over them; those that cannot be asked are left out.
  private static func pick(_ given: [Float], dimension: Int, _ random: inout SplitMix) -> [Float] {
    let total = given.count / dimension
    return random.sample(min(total, countMax), from: total).flatMap { place -> [Float] in
      let row = Array(given[Int(place) * dimension..<(Int(place) + 1) * dimension])
      let energy = row.reduce(0) { $0 + $1 * $1 }
      return energy.isFinite && energy > 0 ? row : []
    }
  }

  /// Stand-ins for users: sums of three random items.
  private static func mixtures(_ view: IndexView, _ random: inout SplitMix) -> [Float] {
    guard view.count > 0 else { return [] }
    return (0..<min(countMax, view.count)).flatMap { _ in
      var row = [Float](repeating: 0, count: view.dimension)
      for _ in 0..<3 { nt_add_scaled(&row, view.row(random.below(view.count)), 1, view.dimension) }
      return row
    }
  }
}

/// The true answers of some queries, by reading every exact row once for all of them.
struct ExactAnswers {
  private let items: AlignedStorage<UInt32>
  /// Answers per query.
  let count: Int

  /// Rows between two looks at the thresholds: half a megabyte at 128 dimensions, which a second-level cache holds while
  /// all queries pass over it.
  private static let rowsAtOnce = 1024
  private static let chunksPerReport = 64

  init(
    _ index: VectorIndex, _ queries: CalibrationQueries, count: Int, _ kernels: Kernels, progress: (Double) -> Void
  ) {
    self.count = count
    items = AlignedStorage(count: queries.count * count)
    let view = index.view
    let parts = min(queries.count, IndexBuilder.threads)
    let scratches = (0..<parts).map { _ in QueryScan(kernels) }
    let lists = (0..<queries.count).map { _ in BestItems(keep: count) }
    let rowsPerReport = Self.rowsAtOnce * Self.chunksPerReport
    for start in stride(from: 0, to: view.count, by: rowsPerReport) {
      progress(Double(start) / Double(view.count))
      let rows = start..<min(start + rowsPerReport, view.count)
      DispatchQueue.concurrentPerform(iterations: parts) { part in
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.rowsAtOnce) {
          for query in stride(from: part, to: queries.count, by: parts) {
            scratches[part].scan(
              queries, query, view, first..<min(first + Self.rowsAtOnce, rows.upperBound), into: lists[query])
          }
        }
      }
    }
    for query in 0..<queries.count { lists[query].write(items.base + query * count) }
  }

  /// Whether an item is among the best `length` of a query.
  func holds(_ item: UInt32, query: Int, within length: Int) -> Bool {
    for place in 0..<length where items.base[query * count + place] == item { return true }
    return false
  }
}

/// One thread's scores while truth is made.
private final class QueryScan: @unchecked Sendable {
  private let kernels: Kernels
  private let query = AlignedStorage<Float>(count: VectorIndex.dimensionMax)
  private let scores = AlignedStorage<Float>(count: 1024)

  init(_ kernels: Kernels) { self.kernels = kernels }

  func scan(_ queries: CalibrationQueries, _ place: Int, _ view: IndexView, _ rows: Range<Int>, into best: BestItems) {
    queries[place].withUnsafeBufferPointer { query.base.update(from: $0.baseAddress!, count: $0.count) }
    kernels.table.pointee.rows_f32(
      query.base, view.row(rows.lowerBound), view.dimension, nil, rows.count, scores.base)
    best.offer(scores.base, first: rows.lowerBound, rows.count)
  }
}

/// The best of what passes by; ties go to the smaller item.
private final class BestItems: @unchecked Sendable {
  private var keys: [UInt64] = []
  private let keep: Int
  private var least: Float = -.infinity

  init(keep: Int) { self.keep = keep }

  func offer(_ scores: UnsafePointer<Float>, first: Int, _ count: Int) {
    for index in 0..<count where scores[index] >= least {
      keys.append(nt_key(scores[index], UInt32(first + index)))
      if keys.count == 4 * keep + 64 { cut() }
    }
  }

  private func cut() {
    nt_sort_keys(&keys, keys.count)
    keys.removeLast(max(0, keys.count - keep))
    if keys.count == keep { least = nt_key_score(keys[keep - 1]) }
  }

  /// Best first.
  func write(_ items: UnsafeMutablePointer<UInt32>) {
    cut()
    for (place, key) in keys.enumerated() { items[place] = nt_key_id(key) }
  }
}
