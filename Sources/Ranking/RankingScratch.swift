public import Retrieval

/// A candidate that the rules let pass, with what the model knows of it.
public struct Candidate: Sendable, Equatable, BitwiseCopyable {
  public var item: UInt32
  /// The search's score, in any unit.
  public var similarity: Float
  /// 0…1.
  public var popularity: Float
  /// Days since it was published; nil when that is not known, which counts as old.
  public var ageDays: Float?
  /// 0…1, see `CategoryAffinity`.
  public var affinity: Float
  /// 0…1.
  public var context: Float

  public init(
    item: UInt32, similarity: Float, popularity: Float = 0, ageDays: Float? = nil, affinity: Float = 0, context: Float = 0
  ) {
    self.item = item
    self.similarity = similarity
    self.popularity = popularity
    self.ageDays = ageDays
    self.affinity = affinity
    self.context = context
  }
}

/// One place of the finished list, with what each stage gave: enough to explain it.
public struct RankedItem: Sendable, Equatable, BitwiseCopyable {
  public var item: UInt32
  /// What the list is ordered by: relevance, or marginal relevance when diversity is above 0.
  public var score: Float
  /// The weighted sum of the features, stretched to 0…1 over the candidates.
  public var relevance: Float
  /// Of the nearest item above it in the list, -1…1; 0 for the first, and when diversity is 0.
  public var nearest: Float
  /// The search's score as it came.
  public var similarity: Float
  /// The features, each weight × value.
  public var features: FeatureScores
}

/// Weight × value of each feature; their sum is the relevance before it is stretched.
public struct FeatureScores: Sendable, Equatable, BitwiseCopyable {
  public var similarity: Float = 0, popularity: Float = 0, freshness: Float = 0, affinity: Float = 0, context: Float = 0

  public init() {}

  public var sum: Float { similarity + popularity + freshness + affinity + context }
}

/// The memory of one worker's rankings: candidates go in, a list comes out. Arrays keep their storage, so nothing is
/// allocated once it has met its largest candidate set. One ranking at a time.
public final class RankingScratch {
  public internal(set) var candidates: [Candidate] = []
  /// The list that `rank` made, best first.
  public internal(set) var ranked: [RankedItem] = []
  var features: [FeatureScores] = []
  var relevance: [Float] = []
  /// The candidates, most relevant first.
  var order: [RelevanceKey] = []
  var sorter = RelevanceSorter()
  var diversity: Diversity

  public init(kernels: Kernels = .active) { diversity = Diversity(kernels: kernels) }

  /// Empties candidates and list.
  public func removeAll() {
    candidates.removeAll(keepingCapacity: true)
    ranked.removeAll(keepingCapacity: true)
  }

  public func append(_ candidate: Candidate) { candidates.append(candidate) }
}
