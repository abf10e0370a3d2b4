import ArgumentParser
import Glibc
import Reactor
import Trainer

/// `5%` or `0.05`: a share.
struct Percentage: ExpressibleByArgument, CustomStringConvertible {
  let share: Double

  init?(argument: String) {
    let isPercent = argument.hasSuffix("%")
    guard let number = Double(isPercent ? String(argument.dropLast()) : argument), number.isFinite else { return nil }
    let share = isPercent ? number / 100 : number
    guard (0...1).contains(share) else { return nil }
    self.share = share
  }

  init(share: Double) { self.share = share }

  var description: String { "\(share * 100)%" }
  var defaultValueDescription: String { description }
}

/// `90s`, `15m`, `6h` or `2d`: whole seconds, never zero.
struct TimeSpan: ExpressibleByArgument, CustomStringConvertible {
  let seconds: Int
  /// Ten years: sums with the clock never overflow.
  static let secondsMax = 315_360_000

  init?(argument: String) {
    let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = argument.last.flatMap({ units[$0] }), let number = Int(argument.dropLast()), number > 0,
      number <= TimeSpan.secondsMax / unit
    else { return nil }
    seconds = number * unit
  }

  init(seconds: Int) { self.seconds = seconds }

  var description: String { "\(seconds)s" }
  var defaultValueDescription: String { description }
}

/// How progress is told.
enum ProgressStyle: String, ExpressibleByArgument, CaseIterable {
  case auto, json, none

  /// nil for the printer that looks what standard error is.
  var receiver: ProgressReceiver? {
    switch self {
    case .auto: nil
    case .none: { _ in }
    case .json: { TrainingProgressLine($0).write() }
    }
  }
}

/// What makes a run a good child of a long-running trainer.
struct ChildOptions: ParsableArguments {
  @Option(help: .hidden) var nice: Int32 = 0
  @Flag(help: .hidden) var untilInputEnds = false

  func apply() {
    // Before the first thread is made: on Linux a priority is a thread's, and passed on to those that it makes.
    if nice != 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, nice) }
    guard untilInputEnds else { return }
    preferToBeKilled()
    // Whoever started this run holds the other end of standard input. When that process goes, however it went, this one
    // must not train on for nobody.
    _ = try? LoopThread.spawn(name: "lifeline") {
      var byte: UInt8 = 0
      while true {
        let count = read(STDIN_FILENO, &byte, 1)
        if count == 0 || (count < 0 && errno != EINTR) { _exit(CommandFailure.Code.tryAgain.rawValue) }
      }
    }
  }

  /// A machine without memory ends the training, not the server beside it (proc_pid_oom_score_adj(5)).
  private func preferToBeKilled() {
    let file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    write(file, "500", 3)
    close(file)
  }
}
