import ArgumentParser
import FoundationEssentials
import Glibc
import LoadGenerator
import LoadLab
import LoadReport

/// What every scenario can be told.
struct ScenarioOptions: ParsableArguments {
  @Option(help: "The program under test; else NEEDLETAIL_BIN, else the one beside this program or .build/release.")
  var needletail: String?
  @Option(help: "Folder for JSON lines and HTML reports; else LoadTests/Results of this checkout.")
  var results: String?
  @Flag(help: "Print Markdown tables on standard output instead of tables for a terminal.")
  var markdown = false
}

/// A command that starts its own servers, does something to them under load, and says what has to hold.
///
/// Standard output has the tables, standard error what is going on. The exit status is 1 when something that has to
/// hold did not, 2 when all held but the generator was late, so that latencies say nothing, 69 when a program that is
/// needed is not installed.
protocol ScenarioCommand: ParsableCommand {
  static var scenario: String { get }
  static var summary: String { get }
  var common: ScenarioOptions { get }
  /// Its own options as given or by default, for the record.
  var described: [String: String] { get }
  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws
}

extension ScenarioCommand {
  static var configuration: CommandConfiguration { CommandConfiguration(commandName: scenario, abstract: summary) }

  func run() throws {
    endLabsOnInterrupt()
    do {
      let lab = try Lab(needletail: common.needletail)
      defer { lab.end() }
      let report = try measured(in: lab)
      if !report.passed { throw ExitCode.failure }
      if !report.isValid { throw Ending.invalid }
    } catch let error as LabError {
      note("\(Self.scenario) cannot run: \(error)")
      throw ExitCode(69)
    }
  }

  private func measured(in lab: Lab) throws -> ScenarioReport {
    var report = ScenarioReport(Self.scenario, summary: Self.summary)
    let commit = lab.commit()
    note("== \(Self.scenario): \(Self.summary)")
    note("\(lab.machine.description); commit \(commit)")
    if let warning = lab.machine.warning { note(warning) }
    let began = monotonicSeconds()
    do { try perform(lab, &report) } catch let error as LabError {
      // What is not installed is nobody's failure; what did not do what it should is one.
      if case .missing = error { throw error }
      report.fail(error.description)
    } catch let error as LoadError { report.fail(error.description) }
    lab.endProcesses()
    let stamp = ReportStamp(
      date: Date().ISO8601Format(), commit: commit, machine: Figure(encoding: lab.machine),
      machineText: lab.machine.description, versions: lab.versions(), options: described,
      seconds: monotonicSeconds() - began)
    print(common.markdown ? report.markdown : report.terminal, terminator: "")
    // Into a pipe or file it would wait in a buffer behind what standard error says.
    fflush(nil)
    let files = try ResultsFolder(common.results).keep(report, stamp)
    for failure in report.failures where common.markdown { note("FAILED  \(failure)") }
    let verdict = !report.passed ? "FAILED" : report.isValid ? "passed" : "passed, latencies INVALID,"
    note("\(Self.scenario) \(verdict) in \(Format.digits(stamp.seconds)) s; \(files)")
    return report
  }
}

/// Where results are kept: a line a run in `<scenario>.jsonl`, and a page a run.
struct ResultsFolder {
  let path: String

  init(_ named: String?) throws {
    guard let path = named ?? Checkout.root.map({ $0 + "/LoadTests/Results" }) else {
      throw LabError.missing("this program does not stand in a checkout: name a folder with --results")
    }
    self.path = path
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw LabError.trouble("\(path) cannot be made: \(error)")
    }
  }

  /// Writes both and says where they are.
  func keep(_ report: ScenarioReport, _ stamp: ReportStamp) throws -> String {
    // Two runs of one second overwrite each other's page; their lines both stay.
    let page = "\(path)/\(report.scenario)-\(stamp.date.filter { $0 != ":" }).html"
    let lines = "\(path)/\(report.scenario).jsonl"
    do { try Data(report.html(stamp).utf8).write(to: URL(filePath: page)) } catch {
      throw LabError.trouble("\(page) cannot be written: \(error)")
    }
    try append(report.jsonLine(stamp) + "\n", to: lines)
    return "\(page); a line in \(lines)"
  }

  /// In one write, so that lines of commands that run at once do not mix.
  private func append(_ text: String, to file: String) throws {
    let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    let bytes = Array(text.utf8)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count else {
      throw LabError.trouble("\(file) cannot be written: \(String(cString: strerror(errno)))")
    }
  }
}
