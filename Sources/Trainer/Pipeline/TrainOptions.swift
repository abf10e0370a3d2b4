public import Model

/// What a training run does.
public struct TrainOptions: Sendable {
  public var data: DatasetOptions
  /// Where the snapshot goes; a file there is replaced when the new one is whole.
  public var snapshotPath: String
  /// Factors per user and item; nil for 64. Capped at half of the users and half of the items: more could only learn
  /// a small data set by heart.
  public var dimensions: Int?
  /// iALS settings; nil for those that suit the data's density (`ALSSettings.suited(to:)`). Dimensions, seed and threads
  /// of it give way to those of this run.
  public var factorization: ALSSettings?
  /// Search α₀, λ and the number of epochs first, on a validation part of the training part: some sixty short trainings.
  public var tunes = false
  public var seed: UInt64 = 1
  /// 0: one per core. Changes no bit of the result.
  public var threads = 0
  /// Of the log, for the evaluation; 0 skips evaluating.
  public var heldOutShare = HeldOutSplit.defaultShare
  public var cutoffs = [10, 20]
  public var segments = SegmentSettings()
  public var trending = TrendingSettings()
  /// By placement; `default` for the others.
  public var ranking = TrainOptions.defaultRanking

  public init(data: DatasetOptions, snapshotPath: String) {
    self.data = data
    self.snapshotPath = snapshotPath
  }

  public static let dimensionsDefault = 64

  /// `home` mixes; `detail` shows what is like the item at hand, so similarity counts more and variety less.
  public static var defaultRanking: [String: RankingWeights] {
    var detail = RankingWeights()
    detail.popularity = 0.05
    detail.diversity = 0.1
    return ["default": RankingWeights(), "home": RankingWeights(), "detail": detail]
  }
}
