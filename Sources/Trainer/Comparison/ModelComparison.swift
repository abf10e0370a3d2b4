/// A new model beside the one that is published.
public struct ModelComparison: Sendable, Equatable {
  /// How the two were measured.
  public enum Basis: Sendable, Equatable {
    /// Both on the same interactions, which neither has learnt from: so many users' own.
    case sameFuture(users: Int)
    /// Each when it was trained, on what was held out then. Two exams, so a hint rather than a proof.
    case ownSplits
  }

  /// Its version.
  public let published: Int
  public let basis: Basis
  /// NDCG@20.
  public let publishedValue: Double
  public let candidateValue: Double

  public static let metric = "ndcg@20"
  static let cutoff = 20

  /// By how much of the published one's value the new one is better; negative when it is worse.
  public var gain: Double {
    guard publishedValue > 0 else { return candidateValue > 0 ? .infinity : 0 }
    return candidateValue / publishedValue - 1
  }

  /// For people: `ndcg@20 0.1812 against 0.2012 of version 3 (-9.9 %), on what 1204 users did after it was trained`
  public var sentence: String {
    let measured =
      switch basis {
      case .sameFuture(let users): "on what \(users) users did after that was trained"
      case .ownSplits: "each on what was held out when it was trained"
      }
    let change = gain.isFinite ? "\(gain < 0 ? "" : "+")\(fixed(gain * 100, 1)) %" : "from nothing"
    return "\(Self.metric) \(fixed(candidateValue, 4)) against \(fixed(publishedValue, 4)) of version \(published) "
      + "(\(change)), \(measured)"
  }
}

/// Whether a new model may take the place of the published one.
public struct PublishRule: Sendable, Equatable {
  /// 0.05: up to five per cent worse is noise, or the price of being fresh.
  public var worseShareMax: Double

  public init(worseShareMax: Double) { self.worseShareMax = worseShareMax }

  /// Why the model is not to be published; nil when it may be.
  public func refusal(of comparison: ModelComparison) -> String? {
    guard comparison.gain < -worseShareMax else { return nil }
    return "the new model is worse: \(comparison.sentence); \(fixed(worseShareMax * 100, 1)) % would be put up with"
  }

  /// A published model was measured and the new one cannot be: the data has shrunk to nothing that could be held out.
  public func refusalOfUnmeasured(published: Int, value: Double) -> String {
    "the new model could not be measured: too little data is left to hold anything out, and version \(published) has "
      + "\(ModelComparison.metric) \(fixed(value, 4)); were the right interactions read?"
  }
}
