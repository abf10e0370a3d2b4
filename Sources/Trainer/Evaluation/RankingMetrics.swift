internal import Glibc

/// The quality of ranked lists cut at one length, averaged over users.
///
/// With hits = the recommended among the user's test items: recall = hits / test items, precision = hits / k,
/// hit = any, mrr = 1 / rank of the first hit or 0, ndcg = Σ_hits 1 / log₂(rank + 1) over the same sum for
/// min(k, test items) hits at the top. Coverage = distinct recommended items / all items, over all users together.
public struct RankingMetrics: Sendable, Equatable {
  public let cutoff: Int
  public var recall = 0.0
  public var precision = 0.0
  public var ndcg = 0.0
  public var hit = 0.0
  public var mrr = 0.0
  public var coverage = 0.0

  public init(cutoff: Int) { self.cutoff = cutoff }

  /// One user's. `ranked`: best first, perhaps fewer than the cutoff; `relevant`: ascending, at least one.
  /// Coverage is left zero: it is not a user's.
  public init(cutoff: Int, ranked: some Sequence<UInt32>, relevant: some RandomAccessCollection<UInt32>) {
    precondition(cutoff > 0 && !relevant.isEmpty)
    self.cutoff = cutoff
    var hits = 0
    var gain = 0.0
    for (index, item) in ranked.prefix(cutoff).enumerated() where containsSorted(relevant, item) {
      if hits == 0 { mrr = 1 / Double(index + 1) }
      hits += 1
      gain += discount(rank: index + 1)
    }
    let ideal = (1...min(cutoff, relevant.count)).reduce(0.0) { $0 + discount(rank: $1) }
    recall = Double(hits) / Double(relevant.count)
    precision = Double(hits) / Double(cutoff)
    hit = hits > 0 ? 1 : 0
    ndcg = gain / ideal
  }

  /// Sums two users' or batches' numbers. Coverage is not a user's and is left.
  static func += (left: inout Self, right: Self) {
    left.recall += right.recall
    left.precision += right.precision
    left.ndcg += right.ndcg
    left.hit += right.hit
    left.mrr += right.mrr
  }

  func divided(by count: Int) -> Self {
    var mean = self
    for (_, path) in Self.columns { mean[keyPath: path] /= Double(max(count, 1)) }
    return mean
  }

  /// Names as they stand in reports, in their order.
  static var columns: [(name: String, path: WritableKeyPath<Self, Double>)] {
    [
      ("recall", \.recall), ("precision", \.precision), ("ndcg", \.ndcg), ("hit", \.hit), ("mrr", \.mrr),
      ("coverage", \.coverage),
    ]
  }
}

private func discount(rank: Int) -> Double { 1 / log2(Double(rank + 1)) }

func containsSorted(_ sorted: some RandomAccessCollection<UInt32>, _ value: UInt32) -> Bool {
  let place = lowerBound(of: value, in: sorted)
  return place < sorted.endIndex && sorted[place] == value
}

/// The first place whose value is not below `value`, by halving.
func lowerBound<Sorted: RandomAccessCollection<UInt32>>(of value: UInt32, in sorted: Sorted) -> Sorted.Index {
  var low = sorted.startIndex
  var count = sorted.count
  while count > 0 {
    let middle = sorted.index(low, offsetBy: count / 2)
    if sorted[middle] < value {
      low = sorted.index(after: middle)
      count -= count / 2 + 1
    } else {
      count /= 2
    }
  }
  return low
}
