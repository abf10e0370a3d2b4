import FoundationEssentials
import LoadGenerator
import LoadLab
import LoadReport

extension LoadOptions {
  /// The page of a command that was asked for one.
  func writeReport(_ command: String, _ summary: String, _ describe: (inout ScenarioReport) -> Void) throws {
    guard let path = report else { return }
    var page = ScenarioReport(command, summary: summary)
    describe(&page)
    let machine = Machine.here()
    let stamp = ReportStamp(
      date: Date().ISO8601Format(), commit: LoadKit.commit, machine: Figure(encoding: machine),
      machineText: machine.description, versions: ["needletail-load": "needletail-load \(LoadKit.version)"],
      options: ["url": url, "workload": workload ?? "standard", "seed": "\(seed)", "slo": slo ?? "none"],
      seconds: 0)
    do { try Data(page.html(stamp).utf8).write(to: URL(filePath: path)) } catch {
      throw LoadError("\(path): the page cannot be written: \(error)")
    }
  }
}
