internal import Retrieval

/// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each place goes to the candidate with the largest
///
///     (1 - λ) × relevance - λ × cosine with the nearest item already chosen
///
/// The nearest cosine of every candidate is kept and only raised by the item just chosen, so a list of n out of m
/// candidates takes n × m cosines and not n² × m. Candidates stand in the order of relevance, and ties go to the first.
struct Diversity: ~Copyable {
  private var relevance: [Float] = []
  /// Per candidate: cosine with the nearest chosen one; infinite once it is chosen itself.
  private var nearest: [Float] = []
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
    rows.removeAll(vectors: candidates, dimension: dimension)
  }

  /// The next candidate in the order of relevance.
  mutating func append(relevance: Float, row: Span<Float>) {
    self.relevance.append(relevance)
    rows.append(row)
    nearest.append(-.infinity)
  }

  /// The first choice: the most relevant one, since nothing is near an empty list.
  func first(lambda: Float) -> Choice { Choice(place: 0, marginal: (1 - lambda) * relevance[0], nearest: 0) }

  /// The choice after `chosen`. There must be one left. O(candidates × dimension).
  mutating func next(after chosen: Choice, lambda: Float) -> Choice {
    nearest[chosen.place] = .infinity
    rows.raise(&nearest, by: chosen.place)
    let place = bestMarginal(relevance: relevance, nearest: nearest, lambda: lambda)
    return Choice(
      place: place, marginal: (1 - lambda) * relevance[place] - lambda * nearest[place], nearest: nearest[place])
  }
}
