import FoundationEssentials
import Testing

@testable import LoadGenerator
@testable import LoadReport

struct ChartTests {
  private func paths(_ svg: String) -> Int { svg.components(of: #"<path d="M"#) }

  @Test func `a value without a place breaks the line instead of being drawn elsewhere`() {
    let x = Axis.linear("x", from: 0, to: 4)
    let y = Axis.logarithmic("y", of: [10, 100])
    let series = Chart.Series("a", [.init(0, 10), .init(1, 100), .init(2, 0), .init(3, 10), .init(4, 10)], colour: 0)
    let svg = Chart("t", description: "d", x: x, panels: [.init(y, [series])]).svg()
    #expect(svg.components(of: "<circle") == 4)
    // One more M begins the second piece.
    let path = svg.split(separator: "\n").first { $0.contains("<circle") }!
    #expect(String(path.prefix { $0 != "/" }).components(of: "M") == 2)
  }

  @Test func `text of others cannot end an element`() {
    let axis = Axis.linear("<x>", upTo: 1)
    let svg = Chart(
      "a<b", description: "\"&\"", x: axis, panels: [.init(axis, [.init("</svg>", [.init(0, 0)], colour: 0)])],
      marks: [.init(0.5, "<script>")]
    ).svg()
    #expect(!svg.contains("<script>"))
    #expect(svg.components(of: "</svg>") == 1)
    #expect(svg.contains("a&lt;b"))
    #expect(svg.contains("&quot;&amp;&quot;"))
  }

  @Test func `marks that would cover each other stand in rows`() {
    let axis = Axis.linear("seconds", from: 0, to: 10)
    let marks = [Chart.Mark(5, "the first of them"), .init(5.1, "the second"), .init(9.9, "close to the end")]
    let svg = Chart("t", description: "d", x: axis, panels: [.init(.linear("y", upTo: 1), [])], marks: marks).svg()
    let notes = svg.split(separator: "\n").filter { $0.contains("class=\"note") }
    #expect(notes.count == 3)
    #expect(Set(notes.map { $0.split(separator: "\"")[3] }).count == 2)
    #expect(notes.last!.contains("note end"))
  }

  @Test func `a run without an answer draws empty axes`() {
    var run = sampleRun("empty")
    run.series = []
    run.response = LatencySummary()
    #expect(Chart.overTime("t", run).svg().contains("<svg"))
    #expect(Chart.percentiles("t", [("a", run.response)]).svg().contains("<svg"))
    #expect(Chart.sweep("t", []).svg().contains("<svg"))
  }

  @Test func `the slowest request ends the percentile curve`() {
    let run = sampleRun("a")
    let chart = Chart.percentiles("t", [("a", run.response)])
    let last = chart.panels[0].series[0].points.last!
    #expect(last.x == chart.x.upper)
    #expect(last.y == run.response.maxMicroseconds)
  }
}

struct ScenarioReportTests {
  private var stamp: ReportStamp {
    ReportStamp(
      date: "2026-11-23T04:00:00Z", commit: "abc+", machine: ["cpu": "x"], machineText: "x, 2 processors",
      versions: ["wrk": "wrk 4.1"], options: ["seconds": "3"], seconds: 12.34)
  }

  private func report() -> ScenarioReport {
    var report = ScenarioReport("swap", summary: "Snapshots change under load")
    report.show(sampleRun("with swaps"), as: "with swaps")
    report.note("rollbackSeconds", .rounded(0.00123456, places: 4))
    report.note("nothing", .number(.infinity))
    return report
  }

  @Test func `what does not hold fails the report, with its sentence everywhere`() {
    var report = report()
    report.check(true, "not said")
    #expect(report.passed)
    report.check(false, "2 of 10 answers were <wrong>")
    #expect(!report.passed)
    #expect(report.terminal.contains("FAILED  2 of 10 answers were <wrong>"))
    #expect(report.html(stamp).contains("2 of 10 answers were &lt;wrong&gt;"))
    #expect(report.jsonLine(stamp).contains("\"passed\":false"))
    #expect(!report.terminal.contains("not said"))
  }

  @Test func `an action that failed fails the report`() {
    var run = sampleRun("a")
    run.marks[0].error = "no such process"
    var report = ScenarioReport("swap", summary: "")
    report.show(run, as: "a")
    #expect(report.failures == ["train version 2: no such process"])
  }

  @Test func `the line is one line, holds the run, and its figures are whole or short`() throws {
    let line = report().jsonLine(stamp)
    #expect(!line.contains("\n"))
    let read = try JSONDecoder().decode(Figure.self, from: Data(line.utf8))
    guard case .group(let fields) = read, case .group(let figures) = fields["figures"],
      case .group(let runs) = fields["runs"]
    else { throw LoadError("no such fields: \(line.prefix(200))") }
    #expect(figures["rollbackSeconds"] == .number(0.0012))
    #expect(figures["nothing"] == .nothing)
    #expect(fields["commit"] == "abc+")
    #expect(line.contains("\"seconds\":12.3"))
    let again = try JSONDecoder().decode(RunResult.self, from: JSONEncoder().encode(runs["with swaps"]))
    #expect(again.counts.offered == 80_000)
    #expect(again.marks.count == 5)
  }

  @Test func `the page stands alone`() {
    let page = report().html(stamp)
    for forbidden in ["<script", "http://", "https://", "src=", "@import", "url("] {
      #expect(!page.contains(forbidden), "\(forbidden)")
    }
    #expect(page.contains("prefers-color-scheme:dark"))
    #expect(page.contains("commit abc+"))
    // Every picture says what it shows to those who do not see it.
    #expect(page.components(of: "<svg") == page.components(of: "<desc>"))
    #expect(page.components(of: "role=\"img\"") == 2)
  }

  /// NEEDLETAIL_SAMPLE_REPORT=file.html writes a page to look at.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["NEEDLETAIL_SAMPLE_REPORT"] != nil))
  func `a sample to look at`() throws {
    var report = report()
    let steps = [1_000.0, 2_000, 4_000, 8_000, 12_000, 16_000, 24_000].map { rate in
      var run = sampleRun("at", rate: rate, median: 90 * (1 + rate * rate / 60_000_000))
      run.counts.good = UInt64(min(rate, 11_000 - rate / 20) * 20)
      return run
    }
    report.add(heading: "Sweep", text: "Steps of two seconds.")
    report.add(.sweep("Goodput and latency against the offered rate", steps, kneePerSecond: 11_000))
    report.add(
      .percentiles(
        "Tiers", [("l1", sampleRun("l1").response), ("computed", sampleRun("c", median: 700).response)]))
    report.fail("an answer took 1.2 s")
    let path = ProcessInfo.processInfo.environment["NEEDLETAIL_SAMPLE_REPORT"]!
    try Data(report.html(stamp).utf8).write(to: URL(filePath: path))
  }
}

extension String {
  /// How often a piece occurs.
  fileprivate func components(of piece: String) -> Int {
    var count = 0
    var rest = self[...]
    while let found = rest.firstRange(of: piece) {
      count += 1
      rest = rest[found.upperBound...]
    }
    return count
  }
}
