internal import Retrieval

/// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each place goes to the candidate with the largest
///
///     (1 - λ) × relevance - λ × cosine with the nearest item already chosen
///
/// The nearest cosine of every candidate is kept and only raised by the item just chosen, so a list of n out of m
/// candidates takes n × m cosines and not n² × m. Candidates stand in the order of relevance, and ties go to the first.
struct Diversity: ~Copyable {
  private var relevance: [Float] = []
  /// Per candidate: cosine with the nearest chosen one (infinite once it is chosen itself), and with the last chosen one.
  private var nearest: [Float] = []
  private var cosines: [Float] = []
  private var rows: SimilarityRows

  init(kernels: Kernels) { rows = SimilarityRows(kernels: kernels) }

  /// A candidate's place in the order of relevance, what it was chosen by, and its cosine with the nearest above it.
  struct Choice {
    var place: Int
    var marginal: Float
    var nearest: Float
  }

  /// Forgets the last list and makes room for `candidates`.
  mutating func begin(candidates: Int, dimension: Int) {
    relevance.removeAll(keepingCapacity: true)
    nearest.removeAll(keepingCapacity: true)
    cosines.removeAll(keepingCapacity: true)
    rows.removeAll(vectors: candidates, dimension: dimension)
  }

  /// The next candidate in the order of relevance.
  mutating func append(relevance: Float, row: Span<Float>) {
    self.relevance.append(relevance)
    rows.append(row)
    nearest.append(-.infinity)
    cosines.append(0)
  }

  /// The first choice: the most relevant one, since nothing is near an empty list.
  func first(lambda: Float) -> Choice { Choice(place: 0, marginal: (1 - lambda) * relevance[0], nearest: 0) }

  /// The choice after `chosen`. There must be one left. O(candidates × dimension).
  mutating func next(after chosen: Choice, lambda: Float) -> Choice {
    raiseNearest(by: chosen.place)
    var best = Choice(place: 0, marginal: -.infinity, nearest: 0)
    for place in relevance.indices {
      let marginal = (1 - lambda) * relevance[place] - lambda * nearest[place]
      if marginal > best.marginal { best = Choice(place: place, marginal: marginal, nearest: nearest[place]) }
    }
    return best
  }

  private mutating func raiseNearest(by chosen: Int) {
    nearest[chosen] = .infinity
    rows.cosines(with: chosen, into: &cosines)
    for place in nearest.indices where cosines[place] > nearest[place] { nearest[place] = cosines[place] }
  }
}
