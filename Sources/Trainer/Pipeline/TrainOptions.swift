public import Model

/// What a training run does.
public struct TrainOptions: Sendable {
  public var data: DatasetOptions
  /// Where the snapshot goes; a file there is replaced when the new one is whole.
  public var snapshotPath: String
  /// Factors per user and item; nil for 64. Capped at half of the users and half of the items: more could only learn
  /// a small data set by heart.
  public var dimensions: Int?
  /// iALS settings; nil for those that suit the data's density (`ALSSettings.suited(to:)`). Dimensions, seed and
  /// threads of it give way to those of this run.
  public var factorization: ALSSettings?
  /// Search α₀, λ and the number of epochs first, on a validation part of the training part: some sixty short
  /// trainings.
  public var tunes = false
  public var seed: UInt64 = 1
  /// 0: one per core. Changes no bit of the result.
  public var threads = 0
  /// Of the log, for the evaluation; 0 skips evaluating.
  public var heldOutShare = HeldOutSplit.defaultShare
  public var cutoffs = [10, 20]
  /// The published model, to measure the new one against; nil for none.
  public var incumbent: Incumbent?
  /// What is too much worse than the incumbent ends the run with `.worse`, before anything is written. nil: measured
  /// only.
  public var rule: PublishRule?
  /// Data of one of these digests (`ReadReport.digest`) ends the run with `.unchanged`.
  public var knownDigests: Set<String> = []
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

  /// Refuses what makes no sense before any file is read.
  func check() throws(TrainError) {
    func require(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(TrainError) {
      if !holds { throw TrainError(.badSetting, sentence()) }
    }
    let dimensions = dimensions ?? factorization?.dimensions ?? Self.dimensionsDefault
    try require(
      (1...ALSSettings.dimensionsMax).contains(dimensions),
      "dimensions must be within 1...\(ALSSettings.dimensionsMax), not \(dimensions)")
    try require(threads >= 0, "threads must be at least 0, not \(threads)")
    try require(
      heldOutShare >= 0 && heldOutShare < 1, "the held-out share must be at least 0 and below 1, not \(heldOutShare)")
    try require(
      (0...1).contains(data.brokenShareMax), "the share of broken rows must be within 0...1, not \(data.brokenShareMax)"
    )
    try require(!cutoffs.isEmpty && cutoffs.allSatisfy { $0 > 0 }, "cutoffs must be above 0, not \(cutoffs)")
    try require(
      incumbent == nil || cutoffs.contains(ModelComparison.cutoff),
      "models are compared at \(ModelComparison.cutoff), which is not among the cutoffs \(cutoffs)")
    let segmentsMax = Segmenter.segmentsMax
    try require(
      segments.count.map { (1...segmentsMax).contains($0) } ?? true,
      "the number of segments must be within 1...\(segmentsMax), not \(segments.count ?? 0)")
    try require(
      segments.range.map { $0.lowerBound >= 1 && $0.upperBound <= segmentsMax } ?? true,
      "the range of segments must be within 1...\(segmentsMax)")
    let lengths = TrendingSettings.lengthRange
    try require(
      lengths.contains(trending.length),
      "trending lists must have \(lengths.lowerBound) to \(lengths.upperBound) items, not \(trending.length)")
    try require(
      trending.halfLifeDays.map { $0 > 0 && $0.isFinite } ?? true, "the half-life of trends must be above 0 days")
  }
}
