import Configuration
import Logging
import Model
import Publishing

/// What the gates said of the versions that this node has looked at.
struct GateProofs {
  /// Of old versions the reports are forgotten: each is some 5 KB.
  static let keptMax = 64

  private var reports: [ModelIdentity: GateReport] = [:]
  private var order: [ModelIdentity] = []
  /// By model: the version that was judged last.
  private(set) var latest: [String: ModelIdentity] = [:]

  subscript(version: ModelIdentity) -> GateReport? { reports[version] }

  /// False when the same was said before, as of a version that waits for memory.
  @discardableResult
  mutating func note(_ report: GateReport, of version: ModelIdentity) -> Bool {
    latest[version.name] = version
    guard reports.updateValue(report, forKey: version) != report else { return false }
    order.removeAll { $0 == version }
    order.append(version)
    if order.count > Self.keptMax { reports[order.removeFirst()] = nil }
    return true
  }

  func json(of version: ModelIdentity) -> JSONText {
    guard let report = reports[version] else { return .null }
    return .list(report.results.map(\.json))
  }
}

extension GateReport.Result {
  /// As in `snapshot verify --json`.
  fileprivate var json: JSONText {
    .object([
      "gate": .text(gate.rawValue), "passed": .flag(passed), "isEnforced": .flag(isEnforced),
      "value": value.map { .fraction($0) } ?? .null, "threshold": threshold.map { .fraction($0) } ?? .null,
      "sentence": .text(sentence),
    ])
  }
}

extension Control {
  func note(_ report: GateReport, of version: ModelIdentity) {
    guard proofs.note(report, of: version) else { return }
    log.info(
      report.failure == nil ? "gates passed" : "gates failed",
      metadata: ["version": "\(version)", "gates": "\(report.summary)"])
    for result in report.failed where !result.isEnforced {
      log.warning(
        "a gate failed that is only reported",
        metadata: ["version": "\(version)", "gate": "\(result.gate.rawValue)", "detail": "\(result.sentence)"])
    }
  }
}
