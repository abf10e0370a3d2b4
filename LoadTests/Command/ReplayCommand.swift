import ArgumentParser
import LoadGenerator
import LoadReport

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Send a recorded trace again, at its own times.",
    discussion: "Traces are made by `run --record`. Their events carry new ids, so that they count again.")

  @OptionGroup var options: LoadOptions
  @Argument(help: "The trace.") var trace: String
  @Option(help: "2 takes half the time.") var speed = 1.0

  func run() throws {
    try reporting {
      let trace = try Trace(path: self.trace)
      guard speed > 0 else { throw LoadError("--speed must be above 0") }
      var plan = try options.plan(ratePerSecond: 1, durationSeconds: trace.durationSeconds / speed)
      plan.warmUpSeconds = trace.warmUpSeconds / speed
      plan.name = "replay of \(self.trace)"
      plan.trace = trace
      plan.traceSpeed = speed
      let result = try perform(plan, quiet: options.quiet)
      print(ResultTable(result).text)
      try append(result, to: options.out)
      try options.writeReport("replay", ReplayCommand.configuration.abstract) { $0.show(result, as: result.name) }
      try end([result])
    }
  }
}
