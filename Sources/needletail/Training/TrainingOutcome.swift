import Bytes
import FoundationEssentials
import Publishing
import Trainer

/// What a run came to.
struct TrainingOutcome {
  /// nil where the run ended before there was a model.
  var report: TrainReport?
  var published: PublishedVersion?
  var comparison: ModelComparison?
  /// Why nothing was published, where that was a decision and no failure.
  var unpublished: TrainError?

  /// The words of `json`.
  enum Kind: String, Codable { case published, refused, unchanged, trained }

  var kind: Kind {
    switch unpublished?.cause {
    case .worse: .refused
    case .unchanged: .unchanged
    default: published == nil ? .trained : .published
    }
  }

  /// For people.
  var summary: String {
    var lines: [String] = []
    if let report { lines.append(report.summary.replacing(report.snapshotPath, with: "snapshot")) }
    if let comparison, unpublished == nil { lines.append("compared: \(comparison.sentence)") }
    if let published { lines.append(published.summary) }
    if let unpublished { lines.append("not published: \(unpublished)") }
    return lines.joined(separator: "\n")
  }

  /// One line of JSON.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try! encoder.encode(line), as: UTF8.self)  // Numbers are finite, texts are texts.
  }

  private var line: TrainingOutcomeLine {
    var line = TrainingOutcomeLine(outcome: kind)
    line.version = published?.identity.version
    line.digest = published?.identity.digest.description
    line.reason = unpublished?.description
    line.comparison = comparison.map(TrainingOutcomeLine.Comparison.init)
    guard let report else { return line }
    line.interactions = report.data.interactions
    line.users = report.data.users
    line.items = report.data.items
    line.events = report.data.eventRows
    line.segments = report.segmentSizes.count
    line.snapshotBytes = report.snapshotBytes
    line.peakMegabytes = report.peakMegabytes
    line.metrics = report.metrics.filter(\.value.isFinite)
    return line
  }
}

/// `needletail train --json`, which `needletail trainer` reads.
struct TrainingOutcomeLine: Codable, Equatable {
  struct Comparison: Codable, Equatable {
    let metric: String
    let published: Int
    let publishedValue: Double
    let candidateValue: Double
    /// `same-future` or `own-splits`.
    let basis: String
    /// Of `same-future`.
    let users: Int?

    init(_ comparison: ModelComparison) {
      metric = ModelComparison.metric
      published = comparison.published
      publishedValue = comparison.publishedValue
      candidateValue = comparison.candidateValue
      (basis, users) =
        switch comparison.basis {
        case .sameFuture(let users): ("same-future", users)
        case .ownSplits: ("own-splits", nil)
        }
    }
  }

  var schemaVersion = 1
  var outcome: TrainingOutcome.Kind
  var version: Int?
  var digest: String?
  var reason: String?
  var comparison: Comparison?
  var interactions: Int?
  var users: Int?
  var items: Int?
  var events: Int?
  var segments: Int?
  var snapshotBytes: Int?
  var peakMegabytes: Int?
  var metrics: [String: Double]?
}
