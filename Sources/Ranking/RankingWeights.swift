/// How a placement orders candidates. All features are 0…1 within the candidate set, so weights compare.
///
/// JSON: any subset of the keys; the others keep their defaults. Unknown keys are the reader's business.
public struct RankingWeights: Sendable, Codable, Hashable {
  /// Of the search's score, stretched to 0…1 over the candidates.
  public var similarity: Float = 1
  /// Of the item's popularity, 0…1 as the trainer gives it.
  public var popularity: Float = 0.1
  /// Of 2^(-age / half-life).
  public var freshness: Float = 0.05
  public var freshnessHalfLifeDays: Float = 30
  /// Of the share of the user's window that lies in the item's categories.
  public var affinity: Float = 0.2
  /// Of how well the item fits the request's context, 0…1.
  public var context: Float = 0.1
  /// λ of maximal marginal relevance: 0 orders by relevance alone, 1 by difference from what is already chosen alone.
  public var diversity: Float = 0.2
  /// Candidates that the search is asked for.
  public var candidates: Int = 200

  public static let candidatesMax = 500
  public static let weightMax: Float = 100
  /// A hundred years.
  public static let halfLifeDaysMax: Float = 36_525

  public init() {}

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func value<T: Decodable>(_ key: CodingKeys, _ standard: T) throws -> T {
      try values.decodeIfPresent(T.self, forKey: key) ?? standard
    }
    similarity = try value(.similarity, similarity)
    popularity = try value(.popularity, popularity)
    freshness = try value(.freshness, freshness)
    freshnessHalfLifeDays = try value(.freshnessHalfLifeDays, freshnessHalfLifeDays)
    affinity = try value(.affinity, affinity)
    context = try value(.context, context)
    diversity = try value(.diversity, diversity)
    candidates = try value(.candidates, candidates)
  }

  /// Throws at the first number that cannot order anything. A negative weight is allowed: it turns a feature around.
  public func validate() throws(RankingWeightsError) {
    for (name, weight) in [
      ("similarity", similarity), ("popularity", popularity), ("freshness", freshness), ("affinity", affinity),
      ("context", context),
    ] {
      guard abs(weight) <= Self.weightMax else {
        throw RankingWeightsError(key: name, reason: "\(weight) is not between -\(Self.weightMax) and \(Self.weightMax)")
      }
    }
    guard freshnessHalfLifeDays > 0, freshnessHalfLifeDays <= Self.halfLifeDaysMax else {
      throw RankingWeightsError(
        key: "freshnessHalfLifeDays", reason: "\(freshnessHalfLifeDays) is not above 0 and at most \(Self.halfLifeDaysMax)")
    }
    guard diversity >= 0, diversity <= 1 else {
      throw RankingWeightsError(key: "diversity", reason: "\(diversity) is not between 0 and 1")
    }
    guard candidates >= 1, candidates <= Self.candidatesMax else {
      throw RankingWeightsError(key: "candidates", reason: "\(candidates) is not between 1 and \(Self.candidatesMax)")
    }
  }
}

/// A ranking weight that cannot be; whoever wrote the configuration or the snapshot is to blame.
public struct RankingWeightsError: Error, Sendable, Equatable, CustomStringConvertible {
  public let key: String
  public let reason: String
  public var description: String { "ranking weight \(key): \(reason)" }
}
