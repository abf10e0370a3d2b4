import Publishing
import Telemetry

extension MetricsPage {
  /// Of each model the version that was judged last, whether it serves or not.
  func gates(_ page: inout PrometheusText) {
    let judged = control.proofs.latest.sorted { $0.key < $1.key }.compactMap { name, version in
      control.proofs[version].map { (name: name, version: version, report: $0) }
    }
    guard !judged.isEmpty else { return }
    page.family(
      "model_gate_passed", .gauge, "1 for each gate that the version judged last has passed, or could not be judged by."
    )
    for one in judged {
      for result in one.report.results {
        page.sample(
          "model_gate_passed", labels(one.name, one.version) + [("gate", result.gate.rawValue)], result.passed ? 1 : 0)
      }
    }
    for gate in Gate.allCases {
      let values = judged.compactMap { one in
        one.report.results.first { $0.gate == gate }?.value.map { (one.name, one.version, $0) }
      }
      guard !values.isEmpty else { continue }
      page.family("model_gate_\(gate.rawValue)", .gauge, gate.meaning + " Of the version judged last.")
      for (name, version, value) in values {
        page.sample("model_gate_\(gate.rawValue)", labels(name, version), seconds: value)
      }
    }
  }

  private func labels(_ model: String, _ version: ModelIdentity) -> [(String, String)] {
    [("model", model), ("version", "\(version.version)")]
  }
}
