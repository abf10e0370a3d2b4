internal import FoundationEssentials
public import LoadGenerator

/// What a scenario found, said once and shown four ways: on a terminal, as Markdown, as an HTML page and as a line of
/// JSON.
public struct ScenarioReport: Sendable {
  enum Piece: Sendable {
    case heading(String, String)
    case text(String)
    case table(TextTable)
    case chart(Chart, String)
    case spreads(SpreadChart, String)
    case tiles([(label: String, value: String)])
  }

  public let scenario: String
  public let summary: String
  public private(set) var failures: [String] = []
  public private(set) var figures: [String: Figure] = [:]
  private(set) var runs: [(name: String, result: RunResult)] = []
  private var pieces: [Piece] = []

  public init(_ scenario: String, summary: String) {
    self.scenario = scenario
    self.summary = summary
  }

  public var passed: Bool { failures.isEmpty }

  /// False when the generator was late in a run: what was answered counts, how fast does not.
  public var isValid: Bool { runs.allSatisfy(\.result.validity.isValid) }

  /// Notes a sentence about what did not hold.
  public mutating func check(_ holds: Bool, _ sentence: @autoclosure () -> String) {
    if !holds { failures.append(sentence()) }
  }

  public mutating func fail(_ sentence: String) { failures.append(sentence) }

  /// A figure of the JSON line, by a name that stays the same from run to run.
  public mutating func note(_ name: String, _ figure: Figure) { figures[name] = figure }

  public mutating func add(heading: String, text: String = "") { pieces.append(.heading(heading, text)) }
  public mutating func add(text: String) { pieces.append(.text(text)) }
  public mutating func add(_ table: TextTable) { pieces.append(.table(table)) }
  public mutating func add(_ chart: Chart, caption: String = "") { pieces.append(.chart(chart, caption)) }
  public mutating func add(_ chart: SpreadChart, caption: String = "") { pieces.append(.spreads(chart, caption)) }
  public mutating func add(tiles: [(label: String, value: String)]) { pieces.append(.tiles(tiles)) }

  /// A run of load: its figures go into the JSON line. What it is shown as is the caller's to add.
  public mutating func keep(_ run: RunResult, as name: String) { runs.append((name, run)) }

  /// Tables and sentences.
  public var terminal: String {
    var text = ""
    for piece in pieces {
      switch piece {
      case .heading(let heading, let sentence):
        text += "  \(heading)\n" + (sentence.isEmpty ? "" : "  \(sentence)\n")
      case .text(let sentence): text += "  \(sentence)\n"
      case .table(let table): text += table.terminal + "\n"
      case .chart, .spreads, .tiles: break
      }
    }
    for failure in failures { text += "FAILED  \(failure)\n" }
    return text
  }

  /// Tables and sentences for a README.
  public var markdown: String {
    var text = ""
    for piece in pieces {
      switch piece {
      case .heading(let heading, let sentence):
        text += "\n**\(heading)**\n\n" + (sentence.isEmpty ? "" : "\(sentence)\n\n")
      case .text(let sentence): text += "\(sentence)\n\n"
      case .table(let table): text += table.markdown + "\n"
      case .chart, .spreads, .tiles: break
      }
    }
    return text
  }

  /// - Parameter stamp: where, when and by what it was made.
  public func html(_ stamp: ReportStamp) -> String {
    var page = ReportPage(title: "Needletail: \(scenario)", subtitle: "\(summary) — \(stamp.date)")
    page.add(verdictOf: failures, isValid: isValid)
    for piece in pieces {
      switch piece {
      case .heading(let heading, let text): page.add(heading: heading, text: text)
      case .text(let text): page.add(text: text)
      case .table(let table): page.add(table)
      case .chart(let chart, let caption): page.add(chart, caption: caption)
      case .spreads(let chart, let caption): page.add(chart, caption: caption)
      case .tiles(let tiles): page.add(tiles: tiles)
      }
    }
    for line in stamp.lines { page.add(footer: line) }
    return page.html
  }

  /// One line, keys in order.
  public func jsonLine(_ stamp: ReportStamp) -> String {
    var line: [String: Figure] = [
      "schemaVersion": 1, "scenario": .text(scenario), "date": .text(stamp.date), "commit": .text(stamp.commit),
      "machine": stamp.machine, "versions": .group(stamp.versions.mapValues { .text($0) }),
      "options": .group(stamp.options.mapValues { .text($0) }), "seconds": .rounded(stamp.seconds, places: 1),
      "passed": .flag(passed), "valid": .flag(isValid), "failures": .list(failures.map { .text($0) }),
      "figures": .group(figures),
    ]
    if !runs.isEmpty {
      let encoded = runs.map { ($0.name, Figure(encoding: $0.result)) }
      line["runs"] = .group(Dictionary(encoded) { _, last in last })
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Figures are finite or null, so nothing here can fail.
    return String(decoding: try! encoder.encode(Figure.group(line)), as: UTF8.self)
  }
}

/// Where, when and by what a report was made.
public struct ReportStamp: Sendable {
  /// ISO 8601, UTC.
  public var date: String
  /// With `+` when tracked files differ from it.
  public var commit: String
  public var machine: Figure
  /// The machine in words.
  public var machineText: String
  /// What programs say of their versions, by program.
  public var versions: [String: String]
  /// The command's own, as given or by default.
  public var options: [String: String]
  /// How long the scenario took.
  public var seconds: Double

  public init(
    date: String, commit: String, machine: Figure, machineText: String, versions: [String: String],
    options: [String: String], seconds: Double
  ) {
    self.date = date
    self.commit = commit
    self.machine = machine
    self.machineText = machineText
    self.versions = versions
    self.options = options
    self.seconds = seconds
  }

  var lines: [String] {
    let versions = self.versions.sorted { $0.key < $1.key }.map {
      $0.value.contains($0.key) ? $0.value : "\($0.key) \($0.value)"
    }
    .joined(separator: " · ")
    let options = self.options.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    return [
      "\(machineText); commit \(commit); took \(Format.digits(seconds)) s", versions,
      options.isEmpty ? "" : "options: \(options)",
    ].filter { !$0.isEmpty }
  }
}
