internal import Bytes
internal import Glibc
internal import Model

/// From files of interactions to a snapshot that can be served.
public enum TrainPipeline {
  /// The model whose factors go into the snapshot.
  static let servingModel = "ials"

  /// Reads, evaluates on a held-out part, trains on everything, forms segments and trends, and writes the snapshot.
  ///
  /// The same data, options and seed give the same bytes, whatever the number of threads. Nothing is left behind when
  /// it throws or is killed: the snapshot appears under its name when it is whole.
  ///
  /// Memory at the peak, beside the mapped files: about 60 bytes an interaction, 4 (2 d + 70) bytes a user and
  /// 8 d bytes and its text an item: Gowalla (810,128 interactions, d 64) stays below 300 MB.
  ///
  /// - Parameters:
  ///   - compared: hears how the new model does beside the incumbent, also when the run then ends with `.worse`.
  ///   - factors: gets the factors of the snapshot as they were learnt; those of the snapshot have stand-in rows in
  ///     addition, for users and items that nothing is known of. What it throws ends the run.
  public static func run(
    _ options: TrainOptions, progress: @escaping ProgressReceiver = { _ in },
    compared: (ModelComparison) -> Void = { _ in },
    factors receive: (Factors) throws(TrainError) -> Void = { (_) throws(TrainError) in }
  ) throws(TrainError) -> TrainReport {
    try options.check()
    let stages = TrainStages(options: options, progress: progress)
    let data = try stages.read()
    if options.knownDigests.contains(data.report.digest) {
      throw TrainError(.unchanged, "a published model has learnt from the very same data")
    }
    let split = stages.split(data)
    let settings = try stages.chooseSettings(data, split)
    let (models, comparison) = try stages.evaluate(split, settings)
    if let comparison { compared(comparison) }
    if let refusal = options.refusal(of: comparison, isMeasured: split != nil) { throw TrainError(.worse, refusal) }
    let factors = try stages.refit(data, settings)
    try receive(factors)
    let segments = stages.formSegments(data, factors)
    let trending = stages.countTrends(data, segments)
    let content = TrainedModel(
      data: data, options: options, settings: settings, factors: factors, segments: segments, trending: trending,
      split: split, models: models
    ).content()
    let bytes = try stages.write(content)
    return TrainReport(
      data: data.report,
      split: split.map {
        TrainReport.Split(kind: $0.kind, trainRows: $0.train.count, testRows: $0.test.count, testUsers: $0.testUsers)
      },
      models: models, comparison: comparison, factorization: settings, segmentSizes: segments.sizes,
      silhouettes: segments.silhouettes,
      trendingHalfLifeDays: trending.halfLifeDays, snapshotPath: options.snapshotPath, snapshotBytes: bytes,
      seconds: stages.seconds, peakMegabytes: peakMemoryMegabytes())
  }
}

/// The stages of a run, each timed and with its progress.
private struct TrainStages {
  let options: TrainOptions
  let progress: ProgressReceiver
  private let watch = Stopwatch()

  var seconds: [(phase: TrainProgress.Phase, seconds: Double)] { watch.seconds }

  init(options: TrainOptions, progress: @escaping ProgressReceiver) {
    self.options = options
    self.progress = progress
  }

  private func timed<Result>(
    _ phase: TrainProgress.Phase, _ body: () throws(TrainError) -> Result
  ) throws(TrainError) -> Result { try watch.timed(phase, body) }

  private func timed<Result>(_ phase: TrainProgress.Phase, _ body: () -> Result) -> Result { watch.timed(phase, body) }

  func read() throws(TrainError) -> Dataset {
    try timed(.reading) { () throws(TrainError) in try Dataset.read(options.data, progress: progress) }
  }

  func split(_ data: Dataset) -> HeldOutSplit? {
    guard options.heldOutShare > 0 else { return nil }
    return timed(.splitting) {
      progress(TrainProgress(.splitting, 0, of: 1, "splits"))
      let split = options.comparableSplit(of: data.log)
      progress(TrainProgress(.splitting, 1, of: 1, "splits", note: split?.kind.rawValue ?? "too little data"))
      return split
    }
  }

  // MARK: - Settings

  func chooseSettings(_ data: Dataset, _ split: HeldOutSplit?) throws(TrainError) -> ALSSettings {
    let whole = matrix(data.log.merged())
    let start = ownSettings(
      options.factorization ?? .suited(to: whole), users: data.report.users, items: data.report.items)
    // Searched on a part of the training part: the held-out part is looked at once, in the end.
    guard options.tunes, let train = split?.train, let inner = HeldOutSplit.make(train, seed: options.seed &+ 1) else {
      return start
    }
    return try timed(.searching) { () throws(TrainError) in
      do throws(FactorizationError) {
        let tuner = Tuner(train: matrix(inner.train.merged()), valid: matrix(inner.test.merged()), start: start)
        return try tuner.search { done, total, best in
          progress(TrainProgress(.searching, done, of: total, "trials", note: "ndcg@20 \(fixed(best.ndcg, 4))"))
        }.settings
      } catch { throw TrainError(factorization: error) }
    }
  }

  private func ownSettings(_ given: ALSSettings, users: Int, items: Int) -> ALSSettings {
    var settings = given
    let wanted = options.dimensions ?? (options.factorization?.dimensions ?? TrainOptions.dimensionsDefault)
    settings.dimensions = max(1, min(wanted, users / 2, items / 2))
    settings.seed = options.seed
    settings.threads = options.threads
    return settings
  }

  // MARK: - Factors

  func evaluate(
    _ split: HeldOutSplit?, _ settings: ALSSettings
  ) throws(TrainError) -> (models: [TrainReport.ModelMetrics], comparison: ModelComparison?) {
    guard let split else { return ([], nil) }
    let train = split.train.merged()
    let trainMatrix = matrix(train)
    let factors = try timed(.training) { () throws(TrainError) in try self.train(trainMatrix, settings, .training) }
    let evaluator = Evaluator(
      seen: seenMatrix(train), test: matrix(split.test.merged()), cutoffs: options.cutoffs, threads: options.threads)
    let progress = self.progress
    return timed(.evaluating) {
      let halfLife = options.trending.halfLifeDays ?? Trending.halfLifeDays(of: split.train)
      func rank(_ model: String, _ place: Int, _ scorer: some Scorer) -> TrainReport.ModelMetrics {
        let users = evaluator.userCount
        let evaluation = evaluator.evaluate(scorer) {
          progress(TrainProgress(.evaluating, place * users + $0, of: 3 * users, "users"))
        }
        progress(TrainProgress(.evaluating, (place + 1) * users, of: 3 * users, "users"))
        return TrainReport.ModelMetrics(model: model, evaluation: evaluation)
      }
      let models = [
        rank("mostpop", 0, ListScorer.mostPopular(trainMatrix)),
        rank("trending", 1, ListScorer(scores: Trending.scores(split.train, halfLifeDays: halfLife))),
        rank(TrainPipeline.servingModel, 2, FactorScorer(factors)),
      ]
      let comparison = options.incumbent?.compared(
        with: factors, settings, split: split, train: trainMatrix, evaluator: evaluator, metrics: models)
      return (models, comparison)
    }
  }

  func refit(_ data: Dataset, _ settings: ALSSettings) throws(TrainError) -> Factors {
    let whole = matrix(data.log.merged())
    return try timed(.refitting) { () throws(TrainError) in try train(whole, settings, .refitting) }
  }

  private func train(
    _ matrix: InteractionMatrix, _ settings: ALSSettings, _ phase: TrainProgress.Phase
  ) throws(TrainError) -> Factors {
    let perEpoch = matrix.userCount + matrix.itemCount
    let total = settings.epochs * perEpoch + matrix.userCount
    var halves = 0
    progress(TrainProgress(phase, 0, of: total, "rows"))
    do throws(FactorizationError) {
      return try ALS.train(matrix, settings) { step in
        let before = halves / 2 * perEpoch + (halves % 2 == 1 ? matrix.userCount : 0)
        if step.rowsDone == step.rowsTotal { halves += 1 }
        progress(
          TrainProgress(
            phase, min(total, before + step.rowsDone), of: total, "rows", note: "epoch \(step.epoch) of \(step.epochs)")
        )
      }
    } catch { throw TrainError(factorization: error) }
  }

  // MARK: - Segments, trends, snapshot

  func formSegments(_ data: Dataset, _ factors: Factors) -> Segmentation {
    timed(.segments) {
      var settings = options.segments
      settings.seed = options.seed
      let features = UserFeatures.table(
        log: data.log, items: data.items, userVectors: factors.users, dimension: factors.dimension)
      return Segmenter(features: features, settings: settings)
        .segment(userVectors: factors.users, dimension: factors.dimension, progress: progress)
    }
  }

  func countTrends(_ data: Dataset, _ segments: Segmentation) -> Trending {
    timed(.trending) {
      progress(TrainProgress(.trending, 0, of: 1, "lists"))
      let trending = Trending(
        data.log, segments: segments.assignment, segmentCount: segments.count, settings: options.trending)
      progress(TrainProgress(.trending, segments.count + 1, of: segments.count + 1, "lists"))
      return trending
    }
  }

  /// Returns the size of the file.
  func write(_ content: ModelContent) throws(TrainError) -> Int {
    let (path, progress) = (options.snapshotPath, progress)
    return try timed(.writing) { () throws(TrainError) in
      try writeSnapshot(content, to: path, progress: progress)
    }
  }
}

// MARK: - Matrices

/// What is learnt from: positive pairs. Pairs of weight 0 fall out.
func matrix(_ pairs: InteractionPairs) -> InteractionMatrix {
  InteractionMatrix(
    userCount: pairs.userCount, itemCount: pairs.itemCount,
    entries: (0..<pairs.count).map { (user: pairs.users[$0], item: pairs.items[$0], weight: pairs.weights[$0]) })
}

/// What is not recommended again: all pairs, the disliked among them.
func seenMatrix(_ pairs: InteractionPairs) -> InteractionMatrix {
  InteractionMatrix(
    userCount: pairs.userCount, itemCount: pairs.itemCount,
    entries: (0..<pairs.count).map { (user: pairs.users[$0], item: pairs.items[$0], weight: 1) })
}

func peakMemoryMegabytes() -> Int {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss / 1024  // Linux counts kilobytes.
}

extension TrainError {
  init(factorization error: FactorizationError) {
    switch error {
    case .badSetting: self.init(.badSetting, error.description)
    case .noInteractions: self.init(.badInput, error.description)
    case .diverged: self.init(.numerics, error.description)
    }
  }
}
