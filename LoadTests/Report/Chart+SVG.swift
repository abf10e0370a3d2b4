/// How charts are laid out, in units of the view box: some pixels at the usual width.
private enum Layout {
  static let width = 820.0
  static let left = 62.0
  static let right = 20.0
  static let legend = 24.0
  static let gap = 16.0
  static let bottom = 44.0
  static let markRow = 15.0
  static var plot: Double { width - left - right }
}

extension Chart {
  /// One `<svg>` element. Colours are custom properties of the page (`--c0`…, `--ink`, `--muted`, `--grid`), so one
  /// picture serves light and dark; `standalone` adds them, for a file of its own.
  public func svg(standalone: Bool = false) -> String {
    let rows = markRows()
    let top = Double((rows.map(\.row).max() ?? -1) + 1) * Layout.markRow + (marks.isEmpty ? 4 : 8)
    var body = ""
    var y = top
    for panel in panels {
      body += legend(of: panel, y: y)
      y += Layout.legend
      body += draw(panel, top: y)
      y += panel.height + Layout.gap
    }
    let end = y - Layout.gap
    body = drawMarks(rows, top: top, bottom: end) + body + drawXAxis(y: end)
    let height = end + Layout.bottom
    let namespace = standalone ? #" xmlns="http://www.w3.org/2000/svg""# : ""
    return """
      <svg\(namespace) viewBox="0 0 \(number(Layout.width)) \(number(height))" role="img" class="chart">
      <title>\(escaped(title))</title><desc>\(escaped(description))</desc>
      \(standalone ? "<style>\(ReportStyle.colours)\(ReportStyle.chart)</style>" : "")\(body)</svg>

      """
  }

  private func px(_ value: Double) -> Double? { x.position(value).map { Layout.left + $0 * Layout.plot } }

  private func draw(_ panel: Panel, top: Double) -> String {
    func py(_ value: Double) -> Double? { panel.y.position(value).map { top + (1 - $0) * panel.height } }
    var body = ""
    for tick in panel.y.ticks {
      guard let y = py(tick.value) else { continue }
      body += line(Layout.left, y, Layout.width - Layout.right, y, "grid")
      body += text(Layout.left - 8, y + 4, tick.label, "tick end")
    }
    for tick in x.ticks {
      guard let x = px(tick.value) else { continue }
      body += line(x, top, x, top + panel.height, "grid")
    }
    if let level = panel.level, let y = py(level.value) {
      body += line(Layout.left, y, Layout.width - Layout.right, y, "level")
      body += text(Layout.width - Layout.right - 4, y - 5, level.label, "note end")
    }
    for series in panel.series { body += draw(series, py, panel) }
    return body
  }

  private func draw(_ series: Series, _ py: (Double) -> Double?, _ panel: Panel) -> String {
    var path = "", dots = ""
    var isDown = false
    for point in series.points {
      // A value without a place breaks the line instead of being drawn where it is not.
      guard let x = px(point.x), let y = py(point.y) else {
        isDown = false
        continue
      }
      path += "\(isDown ? "L" : "M")\(number(x)) \(number(y))"
      isDown = true
      let what = "\(series.name): \(label(point.y, on: panel.y)) at \(label(point.x, on: self.x))"
      dots += #"<circle cx="\#(number(x))" cy="\#(number(y))" r="7"><title>\#(escaped(what))</title></circle>"#
    }
    guard !path.isEmpty else { return "" }
    let style = series.style == .line ? "" : series.style == .dashed ? " dashed" : " faint"
    // Where there are few, each was a run of its own: its place shows.
    let single = series.points.count <= 12 && series.style == .line ? " few" : ""
    return #"<g class="s c\#(series.colour % 6)\#(style)\#(single)"><path d="\#(path)"/>\#(dots)</g>"# + "\n"
  }

  /// A value as a tooltip says it, in the axis's own words.
  private func label(_ value: Double, on axis: Axis) -> String {
    switch axis.scale {
    case .logarithmic: Format.time(microseconds: value)
    case .nines: Format.quantile((value * 1e7).rounded() / 1e7)
    case .linear: axis.title == "seconds" ? "\(Format.digits(value)) s" : Format.count(value)
    }
  }

  private func legend(of panel: Panel, y: Double) -> String {
    var body = text(Layout.left - 54, y + 14, panel.y.title, "title")
    // A text's width is not known here; these are upper bounds of the usual fonts.
    var x = max(Layout.left, Layout.left - 54 + Double(panel.y.title.count) * 7.4 + 20)
    for series in panel.series {
      let style = series.style == .line ? "" : series.style == .dashed ? " dashed" : " faint"
      body += #"<g class="s c\#(series.colour % 6)\#(style)"><path d="M\#(number(x)) \#(number(y + 10))h18"/></g>"#
      body += text(x + 24, y + 14, series.name, "legend")
      x += 24 + Double(series.name.count) * 6.6 + 18
    }
    return body
  }

  private func drawXAxis(y: Double) -> String {
    var body = line(Layout.left, y, Layout.width - Layout.right, y, "axis")
    for tick in x.ticks {
      guard let x = px(tick.value) else { continue }
      body += text(x, y + 17, tick.label, "tick middle")
    }
    return body + text(Layout.left + Layout.plot / 2, y + 36, x.title, "legend middle")
  }

  /// Labels of marks that would cover each other stand in rows one above the other.
  private func markRows() -> [(mark: Mark, x: Double, row: Int)] {
    var ends: [Double] = []
    return marks.sorted { $0.x < $1.x }.compactMap { mark in
      guard let x = px(mark.x) else { return nil }
      let width = Double(mark.label.count) * 6.2 + 14
      let start = isLate(x, width) ? x - width : x
      let row = ends.firstIndex { $0 <= start } ?? ends.count
      if row == ends.count { ends.append(0) }
      ends[row] = start + width
      return (mark, x, row)
    }
  }

  /// A label that would leave the picture stands to the left of its line.
  private func isLate(_ x: Double, _ width: Double) -> Bool { x + width > Layout.width }

  private func drawMarks(_ rows: [(mark: Mark, x: Double, row: Int)], top: Double, bottom: Double) -> String {
    rows.map { mark, x, row in
      let y = Double(row) * Layout.markRow + 12
      let late = isLate(x, Double(mark.label.count) * 6.2 + 14)
      var band = ""
      if let until = px(min(mark.until, self.x.upper)), until - x > 2 {
        band =
          #"<path class="band" d="M\#(number(x)) \#(number(top))H\#(number(until))V\#(number(bottom))H\#(number(x))Z"/>"#
      }
      return band + line(x, y - 9, x, bottom, "mark")
        + text(late ? x - 5 : x + 5, y, mark.label, late ? "note end" : "note")
    }.joined()
  }
}
