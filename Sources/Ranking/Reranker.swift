internal import Glibc
public import Retrieval

/// Candidates in, an ordered list out: weighted features, then diversity.
///
/// Pure: no clock, no I/O; the same candidates and weights give the same list. Rules come before (`ItemRules`): what must
/// not be shown is not appended.
public enum Reranker {
  /// Orders `scratch.candidates` into `scratch.ranked`, at most `count` of them; equal scores by relevance, then by item.
  ///
  /// `index` holds the items' vectors; it is read only when `weights.diversity` is above 0.
  /// O(candidates × features), and with diversity O(candidates × count × dimension) in int8.
  public static func rank(_ scratch: RankingScratch, weights: RankingWeights, count: Int, index: VectorIndex?) {
    score(scratch, weights: weights)
    choose(scratch, weights: weights, count: count, index: index)
  }

  /// The first half of `rank`: each candidate's relevance, and their order by it. O(candidates × features).
  public static func score(_ scratch: RankingScratch, weights: RankingWeights) {
    scoreFeatures(scratch, weights)
    stretchRelevance(scratch)
    orderByRelevance(scratch)
  }

  /// The second half, after `score` of the same candidates: which of them make the list, and in which order.
  public static func choose(_ scratch: RankingScratch, weights: RankingWeights, count: Int, index: VectorIndex?) {
    scratch.ranked.removeAll(keepingCapacity: true)
    guard count > 0, !scratch.candidates.isEmpty else { return }
    if weights.diversity > 0, let index {
      chooseDiverse(scratch, lambda: weights.diversity, count: count, index)
    } else {
      chooseRelevant(scratch, count: count)
    }
  }

  private static func chooseRelevant(_ scratch: RankingScratch, count: Int) {
    for place in 0..<min(count, scratch.order.count) {
      scratch.take(place, score: scratch.relevance[Int(scratch.order[place].place)], nearest: 0)
    }
  }

  private static func chooseDiverse(_ scratch: RankingScratch, lambda: Float, count: Int, _ index: VectorIndex) {
    scratch.diversity.begin(candidates: scratch.order.count, dimension: index.dimension)
    // 200 rows lie in 1,600 lines all over a catalogue.
    for key in scratch.order { index.fetch(key.item) }
    for key in scratch.order {
      scratch.diversity.append(relevance: key.relevance, row: index.vector(of: key.item))
    }
    var choice = scratch.diversity.first(lambda: lambda)
    scratch.take(choice.place, score: choice.marginal, nearest: choice.nearest)
    for _ in 1..<max(1, min(count, scratch.order.count)) {
      choice = scratch.diversity.next(after: choice, lambda: lambda)
      scratch.take(choice.place, score: choice.marginal, nearest: choice.nearest)
    }
  }

  /// Each feature's value times its weight. A value that is not finite counts as 0.
  private static func scoreFeatures(_ scratch: RankingScratch, _ weights: RankingWeights) {
    scratch.features.removeAll(keepingCapacity: true)
    let range = Stretch(scratch.candidates.lazy.map(\.similarity))
    for candidate in scratch.candidates {
      var features = FeatureScores()
      features.similarity = weights.similarity * range.unit(candidate.similarity)
      features.popularity = weights.popularity * finite(candidate.popularity)
      features.freshness = weights.freshness * freshness(candidate.ageDays, halfLifeDays: weights.freshnessHalfLifeDays)
      features.affinity = weights.affinity * finite(candidate.affinity)
      features.context = weights.context * finite(candidate.context)
      scratch.features.append(features)
    }
  }

  private static func stretchRelevance(_ scratch: RankingScratch) {
    scratch.relevance.removeAll(keepingCapacity: true)
    let range = Stretch(scratch.features.lazy.map(\.sum))
    for features in scratch.features { scratch.relevance.append(range.unit(features.sum)) }
  }

  private static func orderByRelevance(_ scratch: RankingScratch) {
    scratch.order.removeAll(keepingCapacity: true)
    for place in scratch.candidates.indices {
      scratch.order.append(
        RelevanceKey(relevance: scratch.relevance[place], item: scratch.candidates[place].item, place: UInt32(place)))
    }
    scratch.sorter.sort(&scratch.order)
  }

  /// 2^(-age / half-life): 1 when new, a half after one half-life. Unknown is 0; the future is new.
  static func freshness(_ ageDays: Float?, halfLifeDays: Float) -> Float {
    guard let ageDays, halfLifeDays > 0 else { return 0 }
    return finite(exp2(-max(0, ageDays) / halfLifeDays))
  }

  private static func finite(_ value: Float) -> Float { value.isFinite ? value : 0 }
}

extension RankingScratch {
  /// Puts the candidate at a place in the order of relevance at the end of the list.
  func take(_ orderPlace: Int, score: Float, nearest: Float) {
    let place = Int(order[orderPlace].place)
    let candidate = candidates[place]
    ranked.append(
      RankedItem(
        item: candidate.item, score: score, relevance: relevance[place], nearest: nearest,
        similarity: candidate.similarity, features: features[place]))
  }
}

/// Stretches values to 0…1 over a set; a set of one value is all 1.
struct Stretch {
  private let low: Float
  private let width: Float

  init(_ values: some Sequence<Float>) {
    var (low, high) = (Float.infinity, -Float.infinity)
    for value in values where value.isFinite { (low, high) = (min(low, value), max(high, value)) }
    self.low = low
    width = high - low
  }

  func unit(_ value: Float) -> Float {
    guard value.isFinite else { return 0 }
    return width > 0 ? (value - low) / width : 1
  }
}
