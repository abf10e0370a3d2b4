import ArgumentParser
import Glibc
import LoadGenerator

/// How a command ends.
enum Ending {
  static let sloMissed = ExitCode(1)
  static let invalid = ExitCode(2)
}

extension ParsableCommand {
  /// Runs a command's body, and tells what it could not do on standard error.
  func reporting(_ body: () throws -> Void) throws {
    do { try body() } catch let failure as LoadError {
      printError("error: \(failure)")
      // EX_UNAVAILABLE of sysexits.h; mistakes in flags are the parser's 64.
      throw ExitCode(69)
    }
  }

  /// The exit code of what has been found: an invalid run proves nothing, so it comes first.
  func end(_ results: [RunResult]) throws {
    if results.contains(where: { !$0.validity.isValid }) { throw Ending.invalid }
    if results.contains(where: { !$0.isSLOMet }) { throw Ending.sloMissed }
  }
}

/// Standard output is for results.
func printError(_ text: String) {
  let line = Array((text + "\n").utf8)
  _ = write(STDERR_FILENO, line, line.count)
}

/// Appends a result to a file of JSON lines.
func append(_ result: RunResult, to path: String?) throws {
  guard let path else { return }
  guard let file = fopen(path, "a") else { throw LoadError("\(path): \(String(cString: strerror(errno)))") }
  let line = result.jsonLine() + "\n"
  let isWritten = fputs(line, file) >= 0
  guard fclose(file) == 0, isWritten else { throw LoadError("\(path): \(String(cString: strerror(errno)))") }
}

/// Runs a plan, with progress on standard error, and ends it early on the first Ctrl-C; the second ends the process.
func perform(_ plan: LoadPlan, quiet: Bool, actions: [ScheduledAction] = []) throws -> RunResult {
  Interrupt.watch()
  let result = try LoadRun(plan).run(
    actions: actions, progress: quiet ? nil : { printError(progressLine($0)) }, isCancelled: { Interrupt.hasCome })
  return result
}

private func progressLine(_ sample: SecondSample) -> String {
  var line = "\(padded("\(sample.second + 1)s", 6)) \(padded(Figures.rate(Double(sample.offered)), 11)) offered"
  line +=
    " \(padded(Figures.rate(Double(sample.good)), 11)) good   p99 \(padded(Figures.duration(sample.p99Microseconds), 7))"
  return sample.errors > 0 ? line + "   \(Figures.count(sample.errors)) errors" : line
}

func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
