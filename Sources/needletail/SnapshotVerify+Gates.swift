import ArgumentParser
import Configuration
import FoundationEssentials
import Gateway
import Publishing
import Snapshots

extension SnapshotCommand.Verify {
  /// What `--json` prints.
  private struct Outcome: Encodable {
    let schemaVersion = 1
    let file: String
    let against: String?
    let isValid: Bool
    let reason: RejectReason?
    let detail: String
    let gates: [GateReport.Result]
  }

  /// Runs the gates; one that fails ends the command with EX_DATAERR, as a gateway would refuse the version.
  func prove(_ live: String?) throws {
    let settings = try settings()
    let report: GateReport
    do throws(SnapshotError) { report = try GateReport(proving: file, against: live, by: settings.gates) } catch {
      throw CommandFailure(error.code == .fetchFailed ? .noInput : .data, "\(error)")
    }
    let failure = report.failure
    if json {
      try printJSON(
        Outcome(
          file: file, against: live, isValid: failure == nil, reason: failure?.reason,
          detail: failure?.detail ?? "every gate is passed", gates: report.results))
    } else {
      for result in report.results {
        print("\(result.passed ? "ok    " : "FAILED") \(result.gate.rawValue): \(result.sentence)")
      }
    }
    if let failure { throw CommandFailure(.data, "\(file): \(failure)") }
  }

  private func settings() throws -> Settings {
    do {
      return try Settings(
        Configuration(file: configuration, environment: ProcessInfo.processInfo.environment, flags: [:]))
    } catch { throw CommandFailure(.configuration, "\(error)") }
  }
}
