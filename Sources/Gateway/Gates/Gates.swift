import Configuration
import Model
import Publishing
import Reactor

/// The snapshots that serve and what operators want served, for threads that judge what is to come. The control loop
/// writes it.
final class LiveModels: Sendable {
  private let models = Guarded([String: ServingModel]())
  private let pins = Guarded([String: Int]())

  subscript(name: String) -> ServingModel? { models.withLock { $0[name] } }

  func set(_ model: ServingModel) { models.withLock { $0[model.name] = model } }

  func pin(_ model: String, _ version: Int?) { pins.withLock { $0[model] = version } }

  /// An operator wants this very version: what compares with the live one is told, not enforced. Else a rollback would be
  /// stopped by what it is to get rid of.
  func isPinned(_ model: String, _ version: Int) -> Bool { pins.withLock { $0[model] == version } }
}

/// The gates of one version on its way to serving: what the manifest promises is judged before anything is pulled, the
/// rest once it is loaded.
struct Gates: Sendable {
  let settings: GateSettings
  let live: LiveModels

  /// By the manifest alone.
  ///
  /// - Parameter signature: a sentence about it, once it has been checked.
  func admit(_ manifest: Manifest, signature: String) -> GateReport {
    // Asked now: it may have been pinned while it waited for its turn.
    let isPinned = live.isPinned(manifest.model, manifest.version)
    var judge = GateJudge(settings: settings, comparesStrictly: settings.comparesStrictly && !isPinned)
    judge.report.note(.signature, passed: true, signature)
    if let live = live[manifest.model] {
      var beside = GateFigures.Live()
      (beside.version, beside.dimension, beside.items) = (live.version, live.dimension, live.itemCount)
      judge.judgeShape(dimension: manifest.details.dimension, items: manifest.details.counts["items"], beside: beside)
    }
    let sizes = Dictionary(manifest.sections.map { ($0.tag, $0.size) }, uniquingKeysWith: max)
    judge.judge(
      MemoryAdmission(
        sections: sizes, items: manifest.details.counts["items"] ?? 0, reserveBytes: settings.memoryReserveBytes,
        mappedBytes: ServingModel.mappedBytes))
    return judge.report
  }

  /// Measures the loaded snapshot, within `gates.budget`, and judges all that there is.
  func prove(_ candidate: ServingModel, probeRecall: Double, sections: Int, digests: String = "SHA-256 of the manifest")
    -> GateReport
  {
    let proof = Proof(
      candidate, live: live[candidate.name], samples: settings.samples, budgetMilliseconds: settings.budgetMilliseconds)
    var report = GateReport()
    report.note(.digests, passed: true, "all \(sections) sections: the \(digests) holds")
    report.note(.structure, passed: true, "all \(sections) sections: read as a model's")
    report.merge(
      GateReport(
        judging: proof.measure(probeRecall: probeRecall), by: settings,
        isPinned: live.isPinned(candidate.name, candidate.version)))
    return report
  }
}

extension GateJudge {
  mutating func judge(_ memory: MemoryAdmission) {
    report.note(
      .init(
        gate: .memory, passed: memory.isAdmitted, isEnforced: true, value: memory.ratio, threshold: 1,
        sentence: memory.sentence))
  }
}
