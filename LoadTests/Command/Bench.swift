import ArgumentParser
import LoadLab
import LoadReport

/// What an answer of each tier costs, beside peers that answer with as many bytes.
struct Bench: ScenarioCommand {
  static let scenario = "bench"
  static let summary = "CPU per request of every tier beside the floor, nginx and Varnish, in one run"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Rounds; every row is measured once in each.") var rounds = 5
  @Option(help: "Seconds of one measurement.") var seconds = 3
  @Option(help: "Kept-alive connections.") var connections = 32
  @Option(help: "Connections of the rows that compare one worker with two; as often as given.")
  var scaling: [Int] = [32, 512]

  var described: [String: String] {
    [
      "rounds": "\(rounds)", "seconds": "\(seconds)", "connections": "\(connections)",
      "scaling": scaling.map(String.init).joined(separator: " "),
    ]
  }

  func validate() throws {
    guard rounds > 0, seconds > 0, connections > 0, scaling.allSatisfy({ $0 > 1 }) else {
      throw ValidationError("rounds, seconds and connections are at least 1, those of --scaling at least 2")
    }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    var (rows, answerBytes) = try BenchServers(lab, connections: connections, scaling: scaling).rows()
    // Once before it counts: caches fill, code and pages come in.
    for row in rows { _ = try row.measure(lab, seconds: 1) }
    for round in 1...rounds {
      note("round \(round) of \(rounds)")
      for index in rows.indices { try rows[index].add(rows[index].measure(lab, seconds: seconds)) }
    }
    show(rows, &report)
    report.note("answerBytes", .number(Double(answerBytes)))
  }

  private func show(_ rows: [BenchRow], _ report: inout ScenarioReport) {
    var table = TextTable(
      ["", "CPU µs/request", "spread", "beside", "requests/s", "p50", "p99"], words: [0, 3])
    for row in rows {
      let cost = row.spread(\.cpuMicroseconds), rate = row.spread(\.figures.requestsPerSecond)
      let p50 = row.spread(\.figures.p50), p99 = row.spread(\.figures.p99)
      let other = row.beside.flatMap { name in rows.first { $0.name == name } }
      let ratio = other.map { cost.median / $0.spread(\.cpuMicroseconds).median }
      table.add([
        row.name, Format.fixed(cost.median, places: 2), cost.range(places: 2),
        ratio.map { "\(Format.fixed($0, places: 2)) × \(row.besideLabel ?? other!.name)" } ?? "",
        Format.count(rate.median),
        Format.time(microseconds: p50.median), Format.time(microseconds: p99.median),
      ])
      report.note(
        row.name,
        [
          "cpuMicroseconds": Figure(encoding: cost), "requestsPerSecond": Figure(encoding: rate),
          "p50Microseconds": Figure(encoding: p50), "p99Microseconds": Figure(encoding: p99),
          "beside": row.beside.map { .text($0) } ?? .nothing, "ratio": ratio.map { .rounded($0) } ?? .nothing,
        ])
      row.check(&report)
    }
    report.add(
      heading: "CPU per request",
      text: "Medians of \(rounds) rounds of \(seconds) s, \(connections) kept-alive connections, one worker on one "
        + "processor unless said, wrk on another; a closed loop, so percentiles are those of a full queue.")
    report.add(table)
    let marks = rows.map {
      SpreadChart.Row($0.name, $0.spread(\.cpuMicroseconds), colour: $0.gateway == nil ? 5 : 0)
    }
    report.add(
      SpreadChart("CPU per request", marks),
      caption: "Median and extremes of the rounds; Needletail in blue, others grey.")
  }
}
