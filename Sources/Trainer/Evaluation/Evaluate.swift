/// What to measure on a split.
public struct EvaluationPlan: Sendable {
  /// Start of the search where there is a validation part; used as they are where there is none. nil: settings that
  /// suit the data's shape (`ALSSettings.suited(to:)`).
  public var settings: ALSSettings?
  /// Search α₀, λ and the number of epochs on the validation part, where there is one.
  public var tunes = true
  /// A run of iALS for each; the row gives their mean and deviation.
  public var seeds: [UInt64] = [1]
  public var cutoffs = Evaluator.usualCutoffs
  /// A decayed-trending score an item, where the data has timestamps: a row of its own.
  public var trending: [Float]?

  public init() {}
}

/// What an evaluation is doing, for a progress display.
public enum EvaluationStep: Sendable {
  case ranking(model: String, usersDone: Int, users: Int)
  case tuning(trialsDone: Int, trials: Int, best: TuningTrial)
  case training(seed: UInt64, ALSProgress)
}

/// Reads a split of adjacency lines and measures each model on it: the engine of `needletail evaluate`.
public func evaluate(
  train: String, test: String, valid: String? = nil, plan: EvaluationPlan = EvaluationPlan(),
  progress: (EvaluationStep) -> Void = { _ in }
) throws(EvaluationError) -> [EvaluationRow] {
  let trainFile = try AdjacencyFile(path: train)
  let testFile = try AdjacencyFile(path: test)
  var validFile: AdjacencyFile?
  if let valid { validFile = try AdjacencyFile(path: valid) }
  return try evaluate(
    EvaluationSplit(train: trainFile, valid: validFile, test: testFile), plan: plan, progress: progress)
}

/// Measures MostPop, trending where given, and iALS on a split. Validation items count as seen, since the models learn
/// from them; hyper-parameters never see the test part.
public func evaluate(
  _ split: EvaluationSplit, plan: EvaluationPlan = EvaluationPlan(), progress: (EvaluationStep) -> Void = { _ in }
) throws(EvaluationError) -> [EvaluationRow] {
  let evaluator = Evaluator(seen: split.refit, test: split.test, cutoffs: plan.cutoffs)

  func rank(_ model: String, _ scorer: some Scorer) -> (evaluation: Evaluation, seconds: Double) {
    measured {
      evaluator.evaluate(scorer) {
        progress(.ranking(model: model, usersDone: $0, users: evaluator.userCount))
      }
    }
  }

  let popular = rank("mostpop", ListScorer.mostPopular(split.refit))
  var rows = [EvaluationRow(model: "mostpop", runs: [popular.evaluation], rankSeconds: popular.seconds)]
  if let trending = plan.trending {
    let ranked = rank("trending", ListScorer(scores: trending))
    rows.append(EvaluationRow(model: "trending", runs: [ranked.evaluation], rankSeconds: ranked.seconds))
  }

  var (settings, tuneSeconds) = (plan.settings ?? .suited(to: split.refit), 0.0)
  do throws(FactorizationError) {
    if let valid = split.valid, plan.tunes {
      let begun = ContinuousClock.now
      let tuner = Tuner(train: split.train, valid: valid, start: plan.settings ?? .suited(to: split.train))
      settings = try tuner.search { progress(.tuning(trialsDone: $0, trials: $1, best: $2)) }.settings
      tuneSeconds = seconds(ContinuousClock.now - begun)
    }
    var runs: [Evaluation] = []
    var (trainSeconds, processor, rankSeconds) = (0.0, 0.0, 0.0)
    for seed in plan.seeds {
      settings.seed = seed
      let (begun, used) = (ContinuousClock.now, processSeconds())
      let factors = try ALS.train(split.refit, settings) { progress(.training(seed: seed, $0)) }
      trainSeconds += seconds(ContinuousClock.now - begun) / Double(plan.seeds.count)
      processor += (processSeconds() - used) / Double(plan.seeds.count)
      let ranked = rank("ials", FactorScorer(factors))
      rankSeconds += ranked.seconds / Double(plan.seeds.count)
      runs.append(ranked.evaluation)
    }
    rows.append(
      EvaluationRow(
        model: "ials", runs: runs, settings: settings, seeds: plan.seeds, trainSeconds: trainSeconds,
        trainCPUSeconds: processor, rankSeconds: rankSeconds, tuneSeconds: tuneSeconds))
  } catch {
    throw .factorization(error)
  }
  return rows
}

private func measured<Result>(_ body: () -> Result) -> (evaluation: Result, seconds: Double) {
  let begun = ContinuousClock.now
  let result = body()
  return (result, seconds(ContinuousClock.now - begun))
}
