public import LoadGenerator

extension Chart {
  /// Latency by quantile: both axes stretch towards the tail, so that a straight line is a tail that grows tenfold each
  /// nine.
  ///
  /// - Parameter summaries: with their curves; those without one are left out.
  public static func percentiles(
    _ title: String, _ summaries: [(name: String, latency: LatencySummary)], levelMicroseconds: Double? = nil
  ) -> Chart {
    let drawn = summaries.filter { $0.latency.count > 0 && $0.latency.curve != nil }
    let x = Axis.nines(
      "share of requests that were at least as fast", count: Double(drawn.map(\.latency.count).max() ?? 1))
    let series = drawn.enumerated().map { index, one in
      // The largest has no quantile below 1: it ends the axis.
      let points = one.latency.curve!.map { Point(min($0.quantile, x.upper), $0.microseconds) }
      return Series(one.name, points, style: index < 6 ? .line : .dashed, colour: index)
    }
    let values = series.flatMap(\.points).map(\.y) + (levelMicroseconds.map { [$0] } ?? [])
    let level = levelMicroseconds.map { (value: $0, label: "objective \(Format.time(microseconds: $0))") }
    let said = drawn.map {
      "\($0.name) p50 \(Format.time(microseconds: $0.latency.p50Microseconds)), p99 "
        + "\(Format.time(microseconds: $0.latency.p99Microseconds)), p99.9 "
        + "\(Format.time(microseconds: $0.latency.p999Microseconds)), longest \(Format.time(microseconds: $0.latency.maxMicroseconds))"
    }
    return Chart(
      title, description: said.joined(separator: "; "), x: x,
      panels: [Panel(.logarithmic("latency", of: values), series, level: level, height: 260)])
  }

  /// What a run looks like second by second: rates, latencies, and what the scenario did meanwhile.
  public static func overTime(_ title: String, _ run: RunResult) -> Chart {
    // The last second of a run that ended within it would look like a fall.
    let whole = run.series.filter { Double($0.second) + 0.95 <= run.counts.measuredSeconds }
    func series(_ name: String, _ colour: Int, _ style: Series.Style = .line, _ value: (SecondSample) -> Double)
      -> Series
    {
      // A second's figure stands in its middle.
      Series(name, whole.map { Point(Double($0.second) + 0.5, value($0)) }, style: style, colour: colour)
    }
    let top = run.series.map { Double(max($0.offered, $0.completed)) }.max() ?? 0
    var rates = [
      series("offered", 5, .faint) { Double($0.offered) }, series("good answers", 2) { Double($0.good) },
    ]
    if run.series.contains(where: { $0.errors > 0 }) { rates.append(series("errors", 4) { Double($0.errors) }) }
    let latencies = [
      series("longest", 5, .faint) { $0.maxMicroseconds }, series("p99", 1) { $0.p99Microseconds },
      series("p50", 0) { $0.p50Microseconds },
    ]
    let worst = run.series.max { $0.p99Microseconds < $1.p99Microseconds }
    let seconds = max(run.counts.measuredSeconds, Double((run.series.last?.second ?? 0) + 1))
    return Chart(
      title,
      description: "\(Format.count(run.counts.goodPerSecond)) good answers a second of "
        + "\(Format.count(run.counts.offeredPerSecond)) offered; worst second's p99 "
        + "\(Format.time(microseconds: worst?.p99Microseconds ?? 0)) at second \(worst?.second ?? 0)",
      x: .linear("seconds", from: 0, to: seconds),
      panels: [
        Panel(.linear("per second", upTo: top * 1.05), rates, height: 150),
        Panel(.logarithmic("response time", of: latencies.flatMap(\.points).map(\.y)), latencies),
      ],
      marks: run.marks.map {
        Mark($0.atSeconds, until: $0.atSeconds + $0.tookSeconds, $0.name + ($0.error == nil ? "" : " (failed)"))
      })
  }

  /// Goodput and latency against the offered rate: where the knee is, and what happens beyond it.
  ///
  /// - Parameter runs: in any order, one a rate.
  public static func sweep(_ title: String, _ runs: [RunResult], kneePerSecond: Double? = nil) -> Chart {
    let runs = runs.sorted { $0.counts.offeredPerSecond < $1.counts.offeredPerSecond }
    func series(_ name: String, _ colour: Int, _ style: Series.Style = .line, _ value: (RunResult) -> Double) -> Series
    {
      Series(name, runs.map { Point($0.counts.offeredPerSecond, value($0)) }, style: style, colour: colour)
    }
    let top = runs.last?.counts.offeredPerSecond ?? 1
    let best = runs.max { $0.counts.goodPerSecond < $1.counts.goodPerSecond }
    let latencies = [
      series("p99.9", 4) { $0.response.p999Microseconds }, series("p99", 1) { $0.response.p99Microseconds },
      series("p50", 0) { $0.response.p50Microseconds },
    ]
    let x = Axis.linear("offered requests per second", upTo: top)
    let rates = [
      Series("offered", [Point(0, 0), Point(top, top)], style: .faint, colour: 5),
      series("good answers", 2) { $0.counts.goodPerSecond },
    ]
    return Chart(
      title,
      description: "the most good answers, \(Format.count(best?.counts.goodPerSecond ?? 0)) a second, at "
        + "\(Format.count(best?.counts.offeredPerSecond ?? 0)) offered",
      x: x,
      panels: [
        Panel(.linear("good answers per second", upTo: top), rates),
        Panel(.logarithmic("response time", of: latencies.flatMap(\.points).map(\.y)), latencies),
      ], marks: kneePerSecond.map { [Mark($0, "knee \(Format.count($0))/s")] } ?? [])
  }
}
