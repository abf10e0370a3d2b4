/// Curves over one common x axis, in panels one above the other; drawn as SVG.
public struct Chart: Sendable {
  public struct Point: Sendable, Equatable {
    public let x: Double
    public let y: Double
    public init(_ x: Double, _ y: Double) {
      self.x = x
      self.y = y
    }
  }

  public struct Series: Sendable {
    public enum Style: Sendable { case line, dashed, faint }
    public let name: String
    public let points: [Point]
    public let style: Style
    /// Which of the palette's colours; series that show one thing in several panels share it.
    public let colour: Int

    public init(_ name: String, _ points: [Point], style: Style = .line, colour: Int) {
      self.name = name
      self.points = points
      self.style = style
      self.colour = colour
    }
  }

  public struct Panel: Sendable {
    public let y: Axis
    public let series: [Series]
    /// A horizontal line that something should stay under or reach.
    public let level: (value: Double, label: String)?
    public let height: Double

    public init(_ y: Axis, _ series: [Series], level: (value: Double, label: String)? = nil, height: Double = 190) {
      self.y = y
      self.series = series
      self.level = level
      self.height = height
    }
  }

  /// Something that happened, as a vertical line through all panels; what took its time is shaded as long.
  public struct Mark: Sendable {
    public let x: Double
    public let until: Double
    public let label: String
    public init(_ x: Double, until: Double? = nil, _ label: String) {
      self.x = x
      self.until = until ?? x
      self.label = label
    }
  }

  public let title: String
  /// For those who do not see it: what the picture says, in a sentence.
  public let description: String
  public let x: Axis
  public let panels: [Panel]
  public let marks: [Mark]

  public init(_ title: String, description: String, x: Axis, panels: [Panel], marks: [Mark] = []) {
    self.title = title
    self.description = description
    self.x = x
    self.panels = panels
    self.marks = marks
  }
}
