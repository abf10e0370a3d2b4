internal import CKernels

/// Centroids on their way, and the steps that move them. Memory is shared by threads and written by one of them: a
/// list, or an item, at a time.
struct Clustering: @unchecked Sendable {
  let rows: ExactRows
  let weights: [Float]
  let count: Int
  let centroids: AlignedStorage<Float>
  let kernels: Kernels
  let assignKernels: UnsafePointer<nt_assign_kernels>
  let work: SharedWork
  var dimension: Int { rows.dimension }

  /// Lists in a piece of work.
  static let pieceLists = 16
  /// What reading a value of a row from memory costs, in products of bytes.
  static let valueProducts = 16

  init(_ rows: ExactRows, lists: Int, kernels: Kernels, work: SharedWork) {
    self.rows = rows
    self.kernels = kernels
    self.work = work
    count = lists
    weights = ItemWeights(norms: rows.norms).factors
    centroids = AlignedStorage(count: lists * rows.dimension)
    // Every level has both tables.
    assignKernels = nt_assign_kernels_at(kernels.level.code.rawValue)!
  }

  func centroid(_ list: Int) -> UnsafeMutablePointer<Float> { centroids.base + list * dimension }
  var tiles: CentroidTiles { CentroidTiles(centroids.base, count: count, dimension: dimension, kernels: kernels) }

  /// Each list starts at an item of its own, as long as there are some.
  func start(at sample: [UInt32]) {
    guard !sample.isEmpty else { return }
    for list in 0..<count { place(list, at: sample[list % sample.count]) }
  }

  private func place(_ list: Int, at item: UInt32) {
    nt_scale(rows.row(Int(item)), 1, dimension, centroid(list))
    _ = normalize(centroid(list))
  }

  /// A list that the sample left empty starts again at a random item.
  func restartEmpty(_ near: AlignedStorage<UInt32>, at sample: [UInt32], _ random: inout SplitMix) {
    var isEmpty = [Bool](repeating: true, count: count)
    for list in near.buffer { isEmpty[Int(list)] = false }
    for list in 0..<count where isEmpty[list] { place(list, at: sample[random.below(sample.count)]) }
  }

  /// Moves each centroid to the weighted mean direction of its items; one without items stays.
  /// - Returns: per list the weighted sum of its items' cosines.
  @discardableResult
  func recenter(_ members: Members) -> [Float] {
    let cosines = AlignedStorage<Float>(count: count)
    listwise(products: members.items.count * dimension * Self.valueProducts) { list in
      guard members.count(list) > 0 else { return }
      cosines.base[list] = mean(members.items.base + members.starts[list], members.count(list), centroid(list))
    }
    return Array(cosines.buffer)
  }

  /// The weighted mean direction of some items; returns the weighted sum of their cosines with it.
  func mean(_ items: UnsafePointer<UInt32>, _ count: Int, _ direction: UnsafeMutablePointer<Float>) -> Float {
    weights.withUnsafeBufferPointer {
      nt_sum_rows(rows.storage.base, dimension, items, count, $0.baseAddress!, direction)
    }
    return normalize(direction)
  }

  /// Returns the norm it had. What is too small keeps it.
  func normalize(_ vector: UnsafeMutablePointer<Float>) -> Float {
    let norm = kernels.dot(vector, vector, dimension).squareRoot()
    if norm > Search.smallestNorm { nt_scale(vector, 1 / norm, dimension, vector) }
    return norm
  }

  func listwise(products: Int, _ body: @Sendable (Int) -> Void) {
    work.perform((count + Self.pieceLists - 1) / Self.pieceLists, products: products) { piece in
      for list in piece * Self.pieceLists..<min(count, (piece + 1) * Self.pieceLists) { body(list) }
    }
  }
}
