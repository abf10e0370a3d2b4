internal import Glibc

/// One model's line of an evaluation.
public struct EvaluationRow: Sendable {
  public let model: String
  /// The mean over the seeds.
  public let evaluation: Evaluation
  /// Standard deviation over the seeds, one per cutoff; nil for a model without chance or a single seed.
  public let deviations: [RankingMetrics]?
  /// What the model was trained with; nil for one without settings.
  public let settings: ALSSettings?
  public let seeds: [UInt64]
  /// Wall time to train, of one seed, and to rank for all users.
  public let trainSeconds: Double
  public let rankSeconds: Double
  /// Processor time to train, of one seed, all threads together: what to compare on a machine that others use too.
  public let trainCPUSeconds: Double
  /// Wall time of the search for hyper-parameters; zero where none was made.
  public let tuneSeconds: Double

  /// `{"model":"mostpop","recall@10":…, … ,"seconds":…}`, on one line. Sample deviations are named `recall@10_sd`.
  public var json: String {
    var members = ["\"model\":\"\(model)\"", "\"users\":\(evaluation.userCount)"]
    for (index, metrics) in evaluation.metrics.enumerated() {
      for (name, path) in RankingMetrics.columns {
        members.append("\"\(name)@\(metrics.cutoff)\":\(number(metrics[keyPath: path]))")
        guard let deviations else { continue }
        members.append("\"\(name)@\(metrics.cutoff)_sd\":\(number(deviations[index][keyPath: path]))")
      }
    }
    if let settings {
      members += [
        "\"dimensions\":\(settings.dimensions)", "\"alpha0\":\(settings.alpha0)", "\"lambda\":\(settings.lambda)",
        "\"nu\":\(settings.nu)", "\"epochs\":\(settings.epochs)", "\"seeds\":\(seeds)",
        "\"trainSeconds\":\(number(trainSeconds))", "\"trainCPUSeconds\":\(number(trainCPUSeconds))",
        "\"tuneSeconds\":\(number(tuneSeconds))",
      ]
    }
    members += ["\"rankSeconds\":\(number(rankSeconds))", "\"seconds\":\(number(trainSeconds + rankSeconds))"]
    members.append("\"peakMegabytes\":\(peakMegabytes())")
    return "{" + members.joined(separator: ",") + "}"
  }

  init(
    model: String, runs: [Evaluation], settings: ALSSettings? = nil, seeds: [UInt64] = [], trainSeconds: Double = 0,
    trainCPUSeconds: Double = 0, rankSeconds: Double, tuneSeconds: Double = 0
  ) {
    self.model = model
    self.settings = settings
    self.seeds = seeds
    self.trainSeconds = trainSeconds
    self.trainCPUSeconds = trainCPUSeconds
    self.rankSeconds = rankSeconds
    self.tuneSeconds = tuneSeconds
    let statistics = runs[0].metrics.indices.map { index in meanAndDeviation(runs.map { $0.metrics[index] }) }
    evaluation = Evaluation(userCount: runs[0].userCount, metrics: statistics.map(\.mean))
    deviations = runs.count > 1 ? statistics.map(\.deviation) : nil
  }
}

/// Column by column; the deviation is the sample's, zero for one run.
private func meanAndDeviation(_ runs: [RankingMetrics]) -> (mean: RankingMetrics, deviation: RankingMetrics) {
  var mean = RankingMetrics(cutoff: runs[0].cutoff)
  var deviation = mean
  for (_, path) in RankingMetrics.columns {
    let values = runs.map { $0[keyPath: path] }
    mean[keyPath: path] = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean[keyPath: path]) * ($1 - mean[keyPath: path]) }
    deviation[keyPath: path] = (squares / Double(max(values.count - 1, 1))).squareRoot()
  }
  return (mean, deviation)
}

/// Six digits: no metric of a split with a million users means more.
private func number(_ value: Double) -> Double { (value * 1e6).rounded() / 1e6 }

/// User and system time of this process so far.
func processSeconds() -> Double {
  let usage = ownUsage()
  return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) * 1e-6 }
}

private func peakMegabytes() -> Int { ownUsage().ru_maxrss / 1024 }  // Linux counts kilobytes.

private func ownUsage() -> rusage {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage
}
