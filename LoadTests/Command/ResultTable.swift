import LoadGenerator

/// A result as a table for people.
struct ResultTable {
  private static let columns = ["", "requests", "p50", "p90", "p99", "p99.9", "p99.99", "max"]
  private let result: RunResult

  init(_ result: RunResult) { self.result = result }

  var text: String {
    var lines = [heading, ""]
    lines += table
    lines += [""] + countLines
    if !result.slo.isEmpty { lines.append("") }
    for objective in result.slo {
      lines.append("\(objective.isMet ? "met   " : "MISSED") \(objective.objective): \(objective.measured)")
    }
    for reason in result.validity.reasons { lines.append("INVALID: \(reason)") }
    if result.isPartial {
      lines.append(
        "PARTIAL: ended after \(seconds(result.counts.measuredSeconds)) of \(seconds(result.settings.durationSeconds))")
    }
    return lines.joined(separator: "\n")
  }

  private var heading: String {
    let settings = result.settings
    let rate = settings.ratePerSecond.map { " at \(Figures.rate($0))" } ?? ""
    return
      "\(result.name): \(settings.arrivals)\(rate) for \(seconds(result.counts.measuredSeconds)) on \(settings.url), "
      + "\(settings.connections) connections, seed \(settings.seed)"
  }

  private var table: [String] {
    var rows = [ResultTable.columns]
    rows.append(row("response time", result.response))
    rows.append(row("service time", result.service))
    for tier in Tier.allCases {
      if tier == .none && result.tiers.count == 1 { continue }
      if let outcome = result.tiers[tier.name] { rows.append(row("  \(tier.name)", outcome.response)) }
    }
    if result.requests.count > 1 {
      for (name, outcome) in result.requests.sorted(by: { $0.key < $1.key }) {
        rows.append(row("  \(name)", outcome.response))
      }
    }
    rows.append(row("generator lag", result.validity.lag))
    return aligned(rows)
  }

  private func row(_ name: String, _ summary: LatencySummary) -> [String] {
    let values = [
      summary.p50Microseconds, summary.p90Microseconds, summary.p99Microseconds, summary.p999Microseconds,
      summary.p9999Microseconds, summary.maxMicroseconds,
    ]
    return [name, Figures.count(summary.count)] + values.map { summary.count == 0 ? "-" : Figures.duration($0) }
  }

  private var countLines: [String] {
    let counts = result.counts
    var lines = [
      "offered \(Figures.rate(counts.offeredPerSecond)), started \(Figures.rate(counts.startedPerSecond)), "
        + "answered \(Figures.rate(counts.completedPerSecond)), good \(Figures.rate(counts.goodPerSecond)) "
        + "(\(Figures.percent(counts.goodShare)), within \(Figures.duration(result.settings.goodWithinMicroseconds)))",
      "late starts \(Figures.count(counts.late)), generator busy \(Figures.percent(result.validity.cpuShare)) of a core"
        + (result.environment.sharesCores ? ", cores shared with the server" : ""),
    ]
    let statuses = result.statuses.sorted { $0.key < $1.key }.map { "\($0.key) × \(Figures.count($0.value.count))" }
    lines.append("status " + (statuses.isEmpty ? "none" : statuses.joined(separator: ", ")))
    let errors = result.errors.sorted { $0.key < $1.key }.map { "\($0.key) × \(Figures.count($0.value))" }
    lines.append("errors " + (errors.isEmpty ? "none" : errors.joined(separator: ", ")))
    for fault in result.faults { lines.append("  wrong body: \(fault)") }
    if counts.connectFailures > 0 { lines.append("failed connects \(Figures.count(counts.connectFailures))") }
    if counts.retries > 0 { lines.append("asked again \(Figures.count(counts.retries))") }
    let events = result.events.sorted { $0.key < $1.key }.map { "\($0.key) × \(Figures.count($0.value))" }
    if !events.isEmpty { lines.append("events " + events.joined(separator: ", ")) }
    let models = result.models.sorted { $0.key < $1.key }.map { "\($0.key) × \(Figures.count($0.value))" }
    if result.models.count > 1 { lines.append("model versions " + models.joined(separator: ", ")) }
    for mark in result.marks {
      lines.append("at \(seconds(mark.atSeconds)) \(mark.name)" + (mark.error.map { ": FAILED: \($0)" } ?? ""))
    }
    return lines
  }

  private func seconds(_ value: Double) -> String { Figures.duration(value * 1e6) }
}

/// Columns as wide as their widest cell; the first to the left, numbers to the right.
func aligned(_ rows: [[String]]) -> [String] {
  let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
  return rows.map { row in
    var line = row[0] + String(repeating: " ", count: widths[0] - row[0].count)
    for column in row.indices.dropFirst() { line += "  " + padded(row[column], widths[column]) }
    return line
  }
}
