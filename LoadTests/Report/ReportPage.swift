/// A report as one HTML file: no script, no network, opens from a disk; light or dark as the reader has it.
public struct ReportPage: Sendable {
  public let title: String
  public let subtitle: String
  private var body = ""
  private var footer = ""

  public init(title: String, subtitle: String) {
    self.title = title
    self.subtitle = subtitle
  }

  /// Whether it passed, and every sentence about what did not hold.
  ///
  /// - Parameter isValid: false when the generator itself was late: then latencies say nothing.
  public mutating func add(verdictOf failures: [String], isValid: Bool = true) {
    let (style, words) =
      !failures.isEmpty
      ? ("bad", "✗ failed") : isValid ? ("good", "✓ passed") : ("unsure", "✓ passed, but latencies are invalid")
    body += #"<div class="verdict \#(style)">\#(words)</div>"# + "\n"
    guard !failures.isEmpty else { return }
    body += #"<ul class="failures">"# + failures.map { "<li>\(escaped($0))</li>" }.joined() + "</ul>\n"
  }

  /// The figures that matter most, large.
  public mutating func add(tiles: [(label: String, value: String)]) {
    body += #"<div class="tiles">"#
    for tile in tiles {
      body += #"<div class="tile"><span>\#(escaped(tile.label))</span><b>\#(escaped(tile.value))</b></div>"#
    }
    body += "</div>\n"
  }

  public mutating func add(heading: String, text: String = "") {
    body += "<h2>\(escaped(heading))</h2>\n"
    add(text: text)
  }

  public mutating func add(text: String) {
    if !text.isEmpty { body += "<p>\(escaped(text))</p>\n" }
  }

  public mutating func add(_ chart: Chart, caption: String = "") { add(chart.svg(), chart.title, caption) }
  public mutating func add(_ chart: SpreadChart, caption: String = "") { add(chart.svg(), chart.title, caption) }

  private mutating func add(_ svg: String, _ title: String, _ caption: String) {
    let line = caption.isEmpty ? "" : "<figcaption>\(escaped(caption))</figcaption>"
    body += "<figure><h3>\(escaped(title))</h3>\(svg)\(line)</figure>\n"
  }

  public mutating func add(_ table: TextTable) { body += table.html }

  /// Where it was made and by what: machine, commit, versions, seed.
  public mutating func add(footer line: String) { footer += "<div>\(escaped(line))</div>\n" }

  public var html: String {
    """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
    <title>\(escaped(title))</title><style>\(ReportStyle.colours)\(ReportStyle.page)\(ReportStyle.chart)</style></head>
    <body><main><h1>\(escaped(title))</h1><div class="sub">\(escaped(subtitle))</div>
    \(body)<footer>\(footer)</footer></main></body></html>

    """
  }
}
