public import LoadGenerator

extension TextTable {
  /// A row a run: rates, errors and response times.
  public static func runs(_ runs: [(name: String, result: RunResult)]) -> TextTable {
    var table = TextTable([
      "", "offered/s", "good/s", "good", "errors", "p50", "p99", "p99.9", "p99.99", "max", "generator late p99",
    ])
    for (name, run) in runs {
      let late = Format.time(microseconds: run.validity.lag.p99Microseconds)
      table.add(
        [
          name, Format.count(run.counts.offeredPerSecond), Format.count(run.counts.goodPerSecond),
          Format.percent(run.counts.goodShare), Format.count(Double(run.counts.errors)),
        ] + times(run.response) + [run.validity.isValid ? late : "\(late) INVALID"])
    }
    return table
  }

  /// A row a tier, status or kind of request of one run.
  public static func outcomes(_ what: String, _ outcomes: [String: OutcomeResult]) -> TextTable {
    var table = TextTable([what, "answers", "share", "p50", "p99", "p99.9", "p99.99", "max"])
    let total = outcomes.values.reduce(0) { $0 + Double($1.count) }
    for (name, one) in outcomes.sorted(by: { ($1.value.count, $0.key) < ($0.value.count, $1.key) }) {
      table.add(
        [name, Format.count(Double(one.count)), Format.percent(Double(one.count) / max(1, total))] + times(one.response)
      )
    }
    return table
  }

  private static func times(_ latency: LatencySummary) -> [String] {
    [
      latency.p50Microseconds, latency.p99Microseconds, latency.p999Microseconds, latency.p9999Microseconds,
      latency.maxMicroseconds,
    ].map { latency.count == 0 ? "" : Format.time(microseconds: $0) }
  }
}

extension ScenarioReport {
  /// A run with everything that is known of it: tiles, both charts, tiers and statuses.
  public mutating func show(_ run: RunResult, as name: String) {
    keep(run, as: name)
    add(tiles: [
      ("good answers", "\(Format.count(run.counts.goodPerSecond))/s"),
      ("of offered", Format.percent(run.counts.goodShare)),
      ("p50", Format.time(microseconds: run.response.p50Microseconds)),
      ("p99", Format.time(microseconds: run.response.p99Microseconds)),
      ("p99.9", Format.time(microseconds: run.response.p999Microseconds)),
      ("errors", Format.count(Double(run.counts.errors))),
    ])
    add(.runs([(name, run)]))
    add(.overTime("\(name): second by second", run))
    add(
      .percentiles(
        "\(name): latency by share of requests",
        [("response time", run.response), ("service time", run.service)],
        levelMicroseconds: run.settings.slo == nil ? nil : run.settings.goodWithinMicroseconds),
      caption: "Response time counts from the planned start, service time from the moment of sending.")
    if !run.tiers.isEmpty { add(.outcomes("tier", run.tiers)) }
    if run.statuses.count > 1 { add(.outcomes("status", run.statuses)) }
    for (kind, count) in run.errors.sorted(by: { $0.key < $1.key }) { add(text: "errors: \(count) \(kind)") }
    for reason in run.validity.reasons { add(text: "INVALID: \(reason)") }
    for mark in run.marks { if let error = mark.error { fail("\(mark.name): \(error)") } }
  }
}
