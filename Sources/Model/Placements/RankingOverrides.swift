internal import Bytes
public import Ranking

/// What a placement's configuration changes in the snapshot's ranking weights; nil leaves a weight as it is.
public struct RankingOverrides: Sendable, Hashable {
  public var similarity: Double?
  public var popularity: Double?
  public var freshness: Double?
  public var freshnessHalfLifeDays: Double?
  public var affinity: Double?
  public var context: Double?
  /// MMR's λ, 0…1.
  public var diversity: Double?
  public var candidates: Int?

  public init() {}

  public var isEmpty: Bool { self == RankingOverrides() }

  /// The snapshot's weights with these in their place.
  public func applied(to weights: RankingWeights) -> RankingWeights {
    var changed = weights
    if let similarity { changed.similarity = Float(similarity) }
    if let popularity { changed.popularity = Float(popularity) }
    if let freshness { changed.freshness = Float(freshness) }
    if let freshnessHalfLifeDays { changed.freshnessHalfLifeDays = Float(freshnessHalfLifeDays) }
    if let affinity { changed.affinity = Float(affinity) }
    if let context { changed.context = Float(context) }
    if let diversity { changed.diversity = Float(diversity) }
    if let candidates { changed.candidates = candidates }
    return changed
  }

  /// The same on every node and in every process, for `Variant`; 0 when nothing is changed.
  public var hash: UInt64 {
    guard !isEmpty else { return 0 }
    var text = ByteBuffer(capacity: 128)
    let values = [
      similarity, popularity, freshness, freshnessHalfLifeDays, affinity, context, diversity,
      candidates.map(Double.init),
    ]
    for value in values {
      // No weight is NaN, so its bits stand for none.
      text.append(littleEndian: (value ?? .nan).bitPattern)
    }
    return xxh3(text.bytes)
  }
}
