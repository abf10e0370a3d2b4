import ArgumentParser
import Glibc

/// Ends a command: a sentence on standard error and one of the codes of sysexits.h.
struct CommandFailure: Error, CustomStringConvertible {
  enum Code: Int32 {
    case other = 1
    case usage = 64
    case data = 65
    case noInput = 66
    case unavailable = 69
    case cannotWrite = 73
    case tryAgain = 75
    case notAllowed = 77
    case configuration = 78
  }

  let code: Code
  let sentence: String

  init(_ code: Code, _ sentence: String) {
    self.code = code
    self.sentence = sentence
  }

  var description: String { sentence }
}

extension ParsableCommand {
  /// Runs a command's body and turns its failure into the process's end.
  func reporting(_ body: () throws -> Void) throws {
    do { try body() } catch let failure as CommandFailure {
      printError(failure.sentence.contains("error:") ? failure.sentence : "error: \(failure.sentence)")
      throw ExitCode(failure.code.rawValue)
    }
  }
}

/// Messages go to standard error; standard output is for data.
func printError(_ text: String) {
  let line = Array((text + "\n").utf8)
  _ = write(STDERR_FILENO, line, line.count)
}
