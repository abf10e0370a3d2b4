/// Every segment list of a placement, hottest first: the order in which precompute and warming fill a cache.
///
/// Hot is the segment with the most users. Within a segment, buckets stand in the order of the vocabulary.
public struct PrecomputePlan: Sendable {
  public struct Entry: Sendable, Hashable {
    public let segment: Int
    public let context: ContextBucket
  }

  private let segments: [Int]
  private let contexts: [ContextBucket]

  public init(_ model: ServingModel, _ placement: PlacementPolicy, _ vocabulary: ContextVocabulary) {
    segments = (0..<model.segmentCount).sorted {
      (model.segmentSize($1), $0) < (model.segmentSize($0), $1)
    }
    contexts = vocabulary.buckets(placement.context)
  }

  public var count: Int { segments.count * contexts.count }

  /// Entry `index`, below `count`. O(1): the plan of many buckets is never written out.
  public subscript(index: Int) -> Entry {
    precondition(index >= 0 && index < count)
    return Entry(segment: segments[index / contexts.count], context: contexts[index % contexts.count])
  }
}
