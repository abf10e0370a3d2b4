internal import Bytes
public import Model

/// The published model, as a new one is measured against it.
///
/// What would be honest? The held-out part of a run lies, as a rule, before the published model was trained: that one
/// has learnt it by heart, and any new model, which has not, would lose. And what each model scored in its own run was
/// another exam on another day. So both are asked about what happened *after* the published one was trained: it is what
/// the old model would have had to go on with, had the new one not been published. The new model learns from the first
/// half of that time, too, which is its advantage in life as well, and is measured on the second.
///
/// Users are treated alike: each model's row of a user is folded in from the same history, by its own items and
/// settings, as a gateway folds in a window. A published model without its own rows of new users would lose for nothing.
/// Clicks were made on what the published model showed; that leaning towards it remains, and errs on the safe side.
public struct Incumbent: Sendable {
  public let version: Int
  /// The last second of what it may have learnt from.
  let knownUntil: UInt32
  /// NDCG@20 of its own run, and how that was held out; nil when it does not say.
  let ownValue: Double?
  let ownSplit: String?
  let learnt: ServingModel.LearntItems

  /// - Parameters:
  ///   - createdAtSeconds: of its manifest. One that does not say what it learnt from (factors of another trainer) cannot
  ///     have learnt from what came later.
  ///   - metrics: of its manifest.
  public init(_ model: ServingModel, version: Int, createdAtSeconds: Int, metrics: [String: Double]) {
    self.version = version
    let said = model.provenance.settings[TrainedModel.knownUntilKey].flatMap { UInt32($0) }
    knownUntil = said ?? UInt32(clamping: createdAtSeconds)
    ownValue = metrics[ModelComparison.metric]
    ownSplit = model.provenance.settings["split"]
    learnt = model.learntItems()
  }
}

extension TrainOptions {
  /// The usual split, unless a later one is needed for the incumbent not to have seen its test.
  func comparableSplit(of log: InteractionLog) -> HeldOutSplit? {
    let usual = HeldOutSplit.make(log, share: heldOutShare, seed: seed)
    guard let incumbent, !(usual.map(incumbent.isBefore) ?? false) else { return usual }
    return HeldOutSplit.after(incumbent.knownUntil, in: log) ?? usual
  }

  /// Why the new model is not to be published; nil when it may be, or nobody asked.
  func refusal(of comparison: ModelComparison?, isMeasured: Bool) -> String? {
    guard let rule, let incumbent else { return nil }
    if let comparison { return rule.refusal(of: comparison) }
    guard !isMeasured, let value = incumbent.ownValue else { return nil }
    return rule.refusalOfUnmeasured(published: incumbent.version, value: value)
  }
}

extension Incumbent {
  /// Whether it learnt from nothing of the split's test.
  func isBefore(_ split: HeldOutSplit) -> Bool { split.cut.map { $0 > knownUntil } ?? false }

  /// Measures a candidate, trained on the training part of `split`, and this one; nil where nothing can be said.
  func compared(
    with candidate: Factors, _ settings: ALSSettings, split: HeldOutSplit, train: InteractionMatrix,
    evaluator: Evaluator, metrics: [TrainReport.ModelMetrics]
  ) -> ModelComparison? {
    guard isBefore(split), split.testUsers >= HeldOutSplit.comparedUsersMin else {
      // Another kind of split is another kind of exam.
      guard let ownValue, ownSplit == split.kind.rawValue,
        let own = metrics.first(where: { $0.model == TrainPipeline.servingModel })?.evaluation
      else { return nil }
      return ModelComparison(
        published: version, basis: .ownSplits, publishedValue: ownValue,
        candidateValue: own.at(ModelComparison.cutoff).ndcg)
    }
    let users = Set(split.test.users)
    let published = evaluator.evaluate(scorer(for: train, log: split.train, users: users))
    let new = evaluator.evaluate(foldedInScorer(candidate, settings, train: train, users: users))
    return ModelComparison(
      published: version, basis: .sameFuture(users: evaluator.userCount),
      publishedValue: published.at(ModelComparison.cutoff).ndcg, candidateValue: new.at(ModelComparison.cutoff).ndcg)
  }

  /// Scores of the incumbent in the numbers of another log: items that it does not know are never recommended.
  func scorer(for train: InteractionMatrix, log: InteractionLog, users: Set<UInt32>) -> some Scorer {
    var own = [Int](repeating: -1, count: log.itemCount)
    var places: [UInt64: Int] = [:]
    for (place, hash) in learnt.hashes.enumerated() { places[hash] = place }
    var items = [Float](repeating: 0, count: log.itemCount * learnt.dimension)
    for (item, id) in log.itemIds.enumerated() {
      guard let place = places[xxh3(id)] else { continue }
      own[item] = place
      let row = learnt.vectors[place * learnt.dimension..<(place + 1) * learnt.dimension]
      items.replaceSubrange(item * learnt.dimension..<(item + 1) * learnt.dimension, with: row)
    }
    var settings = ALSSettings()
    (settings.alpha0, settings.lambda, settings.nu) = (learnt.alpha0, learnt.lambda, learnt.nu)
    let solver = FoldInSolver(
      items: learnt.vectors, dimension: learnt.dimension, gram: learnt.gram, settings: settings)
    let rows = foldedIn(users, train, dimension: learnt.dimension, solver) { own[Int($0)] }
    return KnownItemsScorer(
      FactorScorer(Factors(users: rows, items: items, dimension: learnt.dimension)), known: own.map { $0 >= 0 })
  }
}

/// A candidate's scores with users folded in as the incumbent's are.
func foldedInScorer(
  _ factors: Factors, _ settings: ALSSettings, train: InteractionMatrix, users: Set<UInt32>
) -> some Scorer {
  let solver = FoldInSolver(items: factors.items, dimension: factors.dimension, settings: settings)
  let rows = foldedIn(users, train, dimension: factors.dimension, solver) { Int($0) }
  return FactorScorer(Factors(users: rows, items: factors.items, dimension: factors.dimension))
}

/// A row for each user of `train`, zeros for those that are not asked for. Who has met nothing that the model knows gets
/// the mean of the others, which ranks by what most people like: as a gateway would answer somebody unknown.
private func foldedIn(
  _ users: Set<UInt32>, _ train: InteractionMatrix, dimension: Int, _ solver: FoldInSolver, number: (UInt32) -> Int
) -> [Float] {
  var rows = [Float](repeating: 0, count: train.userCount * dimension)
  var mean = [Double](repeating: 0, count: dimension)
  var unknown: [Int] = []
  for user in users.sorted() {
    let (columns, weights) = train.row(Int(user))
    let entries = zip(columns, weights).compactMap { item, weight in
      number(item) >= 0 ? (item: UInt32(number(item)), weight: weight) : nil
    }
    guard !entries.isEmpty else {
      unknown.append(Int(user))
      continue
    }
    let row = solver.vector(for: entries)
    rows.replaceSubrange(Int(user) * dimension..<(Int(user) + 1) * dimension, with: row)
    for place in 0..<dimension { mean[place] += Double(row[place]) }
  }
  let known = max(1, users.count - unknown.count)
  for user in unknown {
    rows.replaceSubrange(user * dimension..<(user + 1) * dimension, with: mean.map { Float($0 / Double(known)) })
  }
  return rows
}

/// Another's scores, but -infinity for items that it cannot know.
struct KnownItemsScorer<Base: Scorer>: Scorer {
  private let base: Base
  private let known: [Bool]

  init(_ base: Base, known: [Bool]) {
    self.base = base
    self.known = known
  }

  var itemCount: Int { base.itemCount }

  func score(users: ArraySlice<UInt32>, items: Range<Int>, into out: UnsafeMutablePointer<Float>, stride: Int) {
    base.score(users: users, items: items, into: out, stride: stride)
    for item in items where !known[item] {
      for row in 0..<users.count { out[row * stride + item - items.lowerBound] = -.infinity }
    }
  }
}
