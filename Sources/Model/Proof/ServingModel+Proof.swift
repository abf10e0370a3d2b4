public import Bytes
internal import Ranking
internal import Retrieval
public import Snapshots

/// What a list is compared by, with the same list of another snapshot.
public struct ProofList: Sendable, Equatable {
  /// XXH3 of the items' ids, best first.
  public var items: [UInt64] = []
  /// What the model gives each, exactly, before popularity and diversity move it: the inner product of query and item, or
  /// the cosine.
  public var scores: [Float] = []

  public init() {}
}

// What gates measure a snapshot by. Vectors of two trainings are rotated against each other, so none of these hands one
// out: lists, scores and lengths compare, coordinates do not.
extension ServingModel {
  /// The first places of the list that `scratch` made last, which must have been with this model. O(count × dimension).
  public func proof(_ scratch: ComputeScratch, atMost count: Int) -> ProofList {
    var list = ProofList()
    let query = scratch.query
    for place in scratch.ranking.ranked.prefix(count) {
      list.items.append(itemHash(place.item))
      list.scores.append(index.score(of: place.item, for: query.span))
    }
    return list
  }

  /// The first item whose vector holds an infinity or no number; nil when there is none. Every other number was looked at
  /// when the snapshot was read. O(items × dimension).
  public func firstItemNotFinite() -> UInt32? { index.firstItemNotFinite() }

  /// Of the vector as it was trained, also where the index keeps it normalised.
  public func itemNorm(_ item: UInt32) -> Float {
    let index = index
    let row = index.vector(of: item)
    return Kernels.active.dot(row, row).squareRoot() * foldIn.norm(item)
  }

  /// The hash of the user in a row, 0..<userCount, in the order of the hashes.
  public func userHash(at row: Int) -> UserHash { users.hash(row) }

  public func userNorm(at row: Int) -> Float {
    var vector = [Float](repeating: 0, count: dimension)
    users.copyVector(row, to: &vector)
    return Kernels.active.dot(vector.span, vector.span).squareRoot()
  }

  /// Bytes of memory that reading a snapshot takes beside its mapped file, by the sizes of its sections: the index's codes
  /// again, and a bit an item.
  public static func bytesBesideFile(items: Int, _ size: (SectionTag) -> Int) -> Int {
    VectorIndex.bytesCopied(size) + items / 8
  }
}

extension ServingModel {
  /// Queries that the snapshot brings.
  public var probeCount: Int { probes.count }
}
