/// What a score means.
public enum Metric: UInt8, Sendable, CaseIterable {
  /// The inner product of the vectors as they are: norms count.
  case dot = 0
  /// The inner product of normalised vectors. Rows are normalised when the index is built, queries when they are asked;
  /// a zero vector stays zero and scores 0.
  case cosine = 1
}

/// One answer.
public struct Hit: Sendable, Equatable, BitwiseCopyable {
  /// The item's index in the catalogue.
  public let item: UInt32
  /// The inner product under the index's metric. Exact float32 where the search read the item's row: with `.exact`, with
  /// narrow filters, and always near the end of the list, where it decides who is in. Further up it is decoded from six
  /// bits a dimension: off by about 0.02 of the spread of the scores of the item's block, so two neighbours may stand
  /// in the wrong order and a perfect match may score 0.999. `VectorIndex.score` gives the exact one.
  public let score: Float

  public init(item: UInt32, score: Float) {
    self.item = item
    self.score = score
  }
}

/// How much of the true answer a search should find: mean recall, as measured on users when the index was built.
public enum Effort: Int, Sendable, CaseIterable {
  case recall90 = 0, recall95, recall99
  /// Every exact row is read. O(items × dimension).
  case exact

  /// The recall asked for.
  public var target: Double { [0.90, 0.95, 0.99, 1][rawValue] }
}

/// What is wrong with a query. The asker's fault, every time: a retry gives the same.
public enum SearchError: Error, Sendable, Equatable, CustomStringConvertible {
  case dimensionMismatch(expected: Int, got: Int)
  /// A value is not a number or infinite, or the squared norm is beyond what a float holds.
  case queryNotFinite
  case countOutOfRange(Int)
  /// More items to leave out than `VectorIndex.exclusionsMax`.
  case tooManyExcluded(Int)
  /// The bitmap is not over this catalogue.
  case filterMismatch(expected: Int, got: Int)

  public var description: String {
    switch self {
    case .dimensionMismatch(let expected, let got): "the query has \(got) dimensions, the index \(expected)"
    case .queryNotFinite: "the query has a value that is not finite, or a norm too large for a float"
    case .countOutOfRange(let count): "\(count) answers asked for, 1 to \(VectorIndex.answersMax) can be given"
    case .tooManyExcluded(let count):
      "\(count) items to leave out, at most \(VectorIndex.exclusionsMax) are possible: use a filter"
    case .filterMismatch(let expected, let got): "the filter is over \(got) items, the index over \(expected)"
    }
  }
}
