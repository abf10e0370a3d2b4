import ArgumentParser
import LoadGenerator
import LoadReport

struct SteadyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "steady",
    abstract: "Offer the same load in several rounds, and show medians with their spread.",
    discussion: "Each round warms up anew and has a seed of its own: that of --seed, and those after it.")

  @OptionGroup var options: LoadOptions
  @Option(help: "Requests a second, over all connections.") var rate = 1_000.0
  @Option(help: "How long to measure, a round.") var duration = "10s"
  @Option(help: "How many rounds.") var rounds = 5

  func run() throws {
    try reporting {
      guard rounds >= 1 else { throw LoadError("--rounds must be at least 1") }
      var results: [RunResult] = []
      for round in 0..<rounds {
        var plan = try options.plan(ratePerSecond: rate, durationSeconds: try Duration.seconds("--duration", duration))
        plan.seed = options.seed &+ UInt64(round)
        plan.name = "steady"
        let result = try perform(plan, quiet: options.quiet)
        try append(result, to: options.out)
        results.append(result)
        if result.isPartial { break }
      }
      print(SteadyTable(results).text)
      try options.writeReport("steady", SteadyCommand.configuration.abstract) { report in
        report.add(.runs(results.enumerated().map { ("round \($0.offset + 1)", $0.element) }))
        for (round, result) in results.enumerated() { report.show(result, as: "round \(round + 1)") }
      }
      try end(results)
    }
  }
}

/// Rounds beside each other.
struct SteadyTable {
  private let results: [RunResult]

  init(_ results: [RunResult]) { self.results = results }

  var text: String {
    var rows = [["", "median", "least", "most"]]
    rows.append(row("p50", Figures.duration) { $0.response.p50Microseconds })
    rows.append(row("p90", Figures.duration) { $0.response.p90Microseconds })
    rows.append(row("p99", Figures.duration) { $0.response.p99Microseconds })
    rows.append(row("p99.9", Figures.duration) { $0.response.p999Microseconds })
    rows.append(row("p99.99", Figures.duration) { $0.response.p9999Microseconds })
    rows.append(row("max", Figures.duration) { $0.response.maxMicroseconds })
    rows.append(row("good", Figures.rate) { $0.counts.goodPerSecond })
    rows.append(row("errors", { Figures.count(UInt64($0)) }) { Double($0.counts.errors) })
    rows.append(row("generator lag p99", Figures.duration) { $0.validity.lag.p99Microseconds })
    var lines = ["\(results.count) rounds; the last:", "", ResultTable(results.last!).text, ""]
    lines += aligned(rows)
    for (round, result) in results.enumerated() {
      for objective in result.slo where !objective.isMet {
        lines.append("MISSED in round \(round + 1): \(objective.objective): \(objective.measured)")
      }
      for reason in result.validity.reasons { lines.append("INVALID in round \(round + 1): \(reason)") }
    }
    return lines.joined(separator: "\n")
  }

  private func row(_ name: String, _ format: (Double) -> String, _ figure: (RunResult) -> Double) -> [String] {
    let values = results.map(figure).sorted()
    let middle = values.count / 2
    let median = values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
    return [name, format(median), format(values.first!), format(values.last!)]
  }
}
