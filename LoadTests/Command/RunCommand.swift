import ArgumentParser
import LoadGenerator
import LoadReport

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Offer a workload at a rate, and show how it was answered.",
    discussion: """
      needletail-load run --rate 2000 --duration 30s --workload LoadTests/Workloads/flash-crowd.yaml
      needletail-load run --closed --connections 32 --duration 5s
      needletail-load run --rate 500 --record trace.tsv && needletail-load replay trace.tsv
      needletail-load run --rate 500 --record-keys keys.trace && needletail cache replay keys.trace
      """)

  @OptionGroup var options: LoadOptions
  @Option(help: "Requests a second, over all connections.") var rate = 1_000.0
  @Option(help: "How long to measure.") var duration = "10s"
  @Option(help: "Write what is sent to this file, for replay.") var record: String?
  @Option(help: "Write what was answered as 'seconds key bytes' to this file, for needletail cache replay.")
  var recordKeys: String?

  func run() throws {
    try reporting {
      var plan = try options.plan(ratePerSecond: rate, durationSeconds: try Duration.seconds("--duration", duration))
      plan.recordPath = record
      plan.recordKeysPath = recordKeys
      let result = try perform(plan, quiet: options.quiet)
      print(ResultTable(result).text)
      try append(result, to: options.out)
      try options.writeReport("run", RunCommand.configuration.abstract) { $0.show(result, as: result.name) }
      try end([result])
    }
  }
}
