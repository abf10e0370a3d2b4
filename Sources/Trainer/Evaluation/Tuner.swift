/// One trained and measured pair of hyper-parameters.
public struct TuningTrial: Sendable, Equatable {
  public let settings: ALSSettings
  /// NDCG@20 on the validation part: what is maximised.
  public let ndcg: Double
  public let recall: Double
}

/// Finds α₀, λ and the number of epochs on a validation part; ν stays as given, 1 unless told otherwise.
///
/// By halving: the whole log grid of "Revisiting iALS" at 4 epochs, its best quarter at 8, then the neighbourhood of
/// the best two up to 16 epochs, measured after every other, which finds the number of epochs on the way. The two parameters
/// interact, so they are searched together, never one after the other.
public struct Tuner: Sendable {
  public static let alphas: [Float] = [1, 0.3, 0.1, 0.03, 0.01, 0.003]
  public static let lambdas: [Float] = [0.1, 0.03, 0.01, 0.003, 0.001, 0.0003]
  static let cutoff = 20
  /// Users measured in a trial: at 6,000 the standard error of NDCG on Gowalla is .002, and it is one error for all
  /// trials, since they are measured on the same users.
  static let usersMax = 6_000
  static let lastEpochs = [6, 8, 10, 12, 14, 16]

  private let train: InteractionMatrix
  private let evaluator: Evaluator
  private let start: ALSSettings

  /// - Parameters:
  ///   - train: must not hold the pairs of `valid`.
  ///   - start: everything but α₀, λ and epochs is taken from it.
  public init(train: InteractionMatrix, valid: InteractionMatrix, start: ALSSettings) {
    self.train = train
    self.start = start
    evaluator = Evaluator(
      seen: train, test: valid, cutoffs: [Self.cutoff], usersMax: Self.usersMax, threads: start.threads)
  }

  /// The best trial. `progress`: trials done, trials in all, the best so far.
  public func search(
    progress: (Int, Int, TuningTrial) -> Void = { _, _, _ in }
  ) throws(FactorizationError) -> TuningTrial {
    let grid = Self.alphas.flatMap { alpha0 in Self.lambdas.map { (alpha0, $0) } }
    let (survivors, finalists) = (grid.count / 4, 2)
    let neighbours: [(Float, Float)] = [(1, 0.6), (1, 1.6), (0.6, 1), (1.6, 1), (1, 1)]
    let total = grid.count + survivors + finalists * neighbours.count
    var done = 0
    var best: TuningTrial?
    func note(_ trial: TuningTrial) {
      done += 1
      if trial.ndcg > best?.ndcg ?? -1 { best = trial }
      progress(done, total, best!)
    }

    var round: [TuningTrial] = []
    for (alpha0, lambda) in grid {
      round.append(try measure(alpha0, lambda, epochs: [4]))
      note(round[round.count - 1])
    }
    var second: [TuningTrial] = []
    for trial in ranked(round).prefix(survivors) {
      second.append(try measure(trial.settings.alpha0, trial.settings.lambda, epochs: [8]))
      note(second[second.count - 1])
    }
    for trial in ranked(second).prefix(finalists) {
      for (alphaFactor, lambdaFactor) in neighbours {
        let (alpha0, lambda) = (trial.settings.alpha0 * alphaFactor, trial.settings.lambda * lambdaFactor)
        note(try measure(alpha0, lambda, epochs: Self.lastEpochs))
      }
    }
    return best!
  }

  private func ranked(_ trials: [TuningTrial]) -> [TuningTrial] { trials.sorted { $0.ndcg > $1.ndcg } }

  /// Trains to the last of `epochs`, ascending, and measures after each of them; the best is returned.
  func measure(_ alpha0: Float, _ lambda: Float, epochs: [Int]) throws(FactorizationError) -> TuningTrial {
    var settings = start
    (settings.alpha0, settings.lambda, settings.epochs) = (alpha0, lambda, epochs.last!)
    let training = try ALS(train, settings)
    var best: TuningTrial?
    while training.epoch < settings.epochs {
      try training.runEpoch()
      guard epochs.contains(training.epoch) else { continue }
      let metrics = evaluator.evaluate(FactorScorer(try training.finish())).at(Self.cutoff)
      if metrics.ndcg > best?.ndcg ?? -1 {
        var reached = settings
        reached.epochs = training.epoch
        best = TuningTrial(settings: reached, ndcg: metrics.ndcg, recall: metrics.recall)
      }
    }
    return best!
  }
}
