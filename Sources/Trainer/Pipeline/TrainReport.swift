/// What a training run found and made.
public struct TrainReport: Sendable {
  /// One model's quality on the held-out part.
  public struct ModelMetrics: Sendable {
    /// "mostpop", "trending" or "ials".
    public let model: String
    public let evaluation: Evaluation
  }

  public struct Split: Sendable {
    public let kind: HeldOutSplit.Kind
    public let trainRows: Int
    public let testRows: Int
    public let testUsers: Int
  }

  public let data: ReadReport
  /// nil where the data is too small to hold anything out, or the evaluation was switched off.
  public let split: Split?
  public let models: [ModelMetrics]
  /// nil without an incumbent, or where the two cannot be compared.
  public let comparison: ModelComparison?
  public let factorization: ALSSettings
  /// Users in each segment, largest first.
  public let segmentSizes: [Int]
  public let silhouettes: [Int: Double]
  public let trendingHalfLifeDays: Double?
  public let snapshotPath: String
  public let snapshotBytes: Int
  /// By phase, in order.
  public let seconds: [(phase: TrainProgress.Phase, seconds: Double)]
  /// The most memory the process held, this run or earlier.
  public let peakMegabytes: Int

  /// As they stand in the snapshot and its manifest: `ials.ndcg@20`, and `ndcg@20` for the model that serves.
  public var metrics: [String: Double] { Self.metrics(of: models) }

  static func metrics(of models: [ModelMetrics]) -> [String: Double] {
    var metrics: [String: Double] = [:]
    for model in models {
      for row in model.evaluation.metrics {
        for (name, path) in RankingMetrics.columns {
          metrics["\(model.model).\(name)@\(row.cutoff)"] = row[keyPath: path]
          if model.model == TrainPipeline.servingModel { metrics["\(name)@\(row.cutoff)"] = row[keyPath: path] }
        }
      }
    }
    return metrics
  }
}

extension TrainReport {
  /// Some lines for people: what was read, how good the model is, what was written.
  public var summary: String {
    var lines = dataLines
    if let split {
      let rows = "\(split.testRows) of \(split.testRows + split.trainRows) rows"
      lines.append("held out (\(split.kind.rawValue)): \(rows), \(split.testUsers) users")
      lines.append(contentsOf: metricLines)
    } else {
      lines.append("not evaluated: too little data to hold any out")
    }
    let settings = factorization
    lines.append(
      "\(segmentSizes.count) segments of \(segmentSizes.last ?? 0) to \(segmentSizes.first ?? 0) users; "
        + "d \(settings.dimensions), alpha0 \(settings.alpha0), lambda \(settings.lambda), \(settings.epochs) epochs")
    let total = fixed(seconds.reduce(0) { $0 + $1.seconds }, 1)
    let size = fixed(Double(snapshotBytes) / 1e6, 1)
    lines.append("a snapshot of \(size) MB in \(total) s, with at most \(peakMegabytes) MB of memory")
    return lines.joined(separator: "\n")
  }

  private var dataLines: [String] {
    var lines = [
      "\(data.interactions) interactions of \(data.users) users with \(data.items) items"
        + (data.coldItems > 0 ? ", \(data.coldItems) more items untouched" : "")
        + (data.hasTimes ? "" : ", no times")
    ]
    if data.eventRows > 0 { lines.append("\(data.eventRows) rows from event segments among them") }
    if data.disliked > 0 { lines.append("\(data.disliked) low ratings count as seen only") }
    if data.repeats > 0 { lines.append("\(data.repeats) repeated events dropped") }
    if data.ignored > 0 { lines.append("\(data.ignored) rows of no weight left out") }
    let unknown = data.eventTypes.filter { !$0.isKnown }.map { "\"\($0.name)\" (\($0.count))" }
    if !unknown.isEmpty {
      lines.append("unknown event types, counted as a view: " + unknown.prefix(5).joined(separator: ", "))
    }
    if data.metadataLeftOut > 0 { lines.append("\(data.metadataLeftOut) values of metadata too long to carry along") }
    for (what, broken) in [("interactions", data.broken), ("items", data.itemsBroken)] where broken.count > 0 {
      lines.append("\(broken.count) broken rows of \(what) left out:")
      lines.append(contentsOf: broken.first.map { "  \($0)" })
    }
    return lines
  }

  private var metricLines: [String] {
    models.flatMap { model in
      model.evaluation.metrics.map { row in
        let name = model.model + String(repeating: " ", count: max(0, 9 - model.model.count))
        return "  \(name) @\(row.cutoff)  recall \(fixed(row.recall, 4))  precision \(fixed(row.precision, 4))  "
          + "ndcg \(fixed(row.ndcg, 4))  coverage \(fixed(row.coverage, 3))"
      }
    }
  }
}

/// `value` with so many digits after the point.
func fixed(_ value: Double, _ digits: Int) -> String {
  let scale = (0..<digits).reduce(1) { product, _ in product * 10 }
  let scaled = Int((abs(value) * Double(scale)).rounded())
  let sign = value < 0 && scaled > 0 ? "-" : ""
  guard digits > 0 else { return sign + String(scaled) }
  return "\(sign)\(scaled / scale).\(padded(scaled % scale, digits))"
}
