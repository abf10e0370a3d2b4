/// Medians with their spread, a row a name, on a common logarithmic axis: what differs tenfold stays comparable.
public struct SpreadChart: Sendable {
  public struct Row: Sendable {
    public let name: String
    public let spread: Spread
    public let colour: Int

    public init(_ name: String, _ spread: Spread, colour: Int) {
      self.name = name
      self.spread = spread
      self.colour = colour
    }
  }

  public let title: String
  public let rows: [Row]
  private let label: @Sendable (Double) -> String

  public init(
    _ title: String, _ rows: [Row], label: @escaping @Sendable (Double) -> String = { Format.time(microseconds: $0) }
  ) {
    self.title = title
    self.rows = rows
    self.label = label
  }

  public func svg() -> String {
    let left = 270.0, width = 820.0, right = 80.0, rowHeight = 24.0
    let axis = Axis.logarithmic("", of: rows.flatMap { [$0.spread.min, $0.spread.max] }, label: label)
    func px(_ value: Double) -> Double { left + (axis.position(value) ?? 0) * (width - left - right) }
    let bottom = 8 + Double(rows.count) * rowHeight
    var body = ""
    for tick in axis.ticks {
      body += line(px(tick.value), 4, px(tick.value), bottom, "grid")
      body += text(px(tick.value), bottom + 16, tick.label, "tick middle")
    }
    for (index, row) in rows.enumerated() {
      let y = 8 + (Double(index) + 0.5) * rowHeight
      body += text(left - 12, y + 4, row.name, "end")
      let said = "\(row.name): \(label(row.spread.median)), \(label(row.spread.min)) to \(label(row.spread.max))"
      body += #"<g class="s c\#(row.colour % 6) dot"><title>\#(escaped(said))</title>"#
      body += line(px(row.spread.min), y, px(row.spread.max), y, "range")
      body += #"<circle cx="\#(number(px(row.spread.median)))" cy="\#(number(y))" r="5"/></g>"# + "\n"
      body += text(px(row.spread.max) + 10, y + 4, label(row.spread.median), "legend")
    }
    let said = rows.map { "\($0.name) \(label($0.spread.median))" }.joined(separator: "; ")
    return """
      <svg viewBox="0 0 \(number(width)) \(number(bottom + 24))" role="img" class="chart">
      <title>\(escaped(title))</title><desc>\(escaped(said))</desc>
      \(body)</svg>

      """
  }
}
