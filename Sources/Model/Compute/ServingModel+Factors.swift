internal import Retrieval
internal import Snapshots

extension ServingModel {
  /// What the model learnt, for whoever measures it against another: the trainer. A copy, O(items × dimension).
  public struct LearntItems: Sendable {
    /// XXH3 of each item's id.
    public let hashes: [UInt64]
    /// items × dimension, row-major, as they were given to the snapshot.
    public let vectors: [Float]
    public let dimension: Int
    /// dimension × dimension: what fold-in needs of all items together.
    public let gram: [Float]
    public let alpha0, lambda, nu: Float
  }

  public func learntItems() -> LearntItems {
    // A local: a span of one that is read through self would not outlive the statement.
    let index = index
    var vectors: [Float] = []
    vectors.reserveCapacity(itemCount * dimension)
    for item in 0..<UInt32(itemCount) {
      let row = index.vector(of: item)
      let norm = foldIn.norm(item)
      for place in 0..<dimension { vectors.append(row[place] * norm) }
    }
    return LearntItems(
      hashes: (0..<UInt32(itemCount)).map(itemHash), vectors: vectors, dimension: dimension,
      gram: (0..<dimension * dimension).map { foldIn.gram[$0] }, alpha0: foldIn.alpha0, lambda: foldIn.lambda,
      nu: foldIn.nu)
  }
}
