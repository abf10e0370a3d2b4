/// Rows under a header, for a terminal, for Markdown and for HTML.
public struct TextTable: Sendable, Equatable {
  public let header: [String]
  public private(set) var rows: [[String]] = []
  /// Columns that hold words; all others hold numbers and stand to the right.
  public let words: Set<Int>

  public init(_ header: [String], words: Set<Int> = [0]) {
    self.header = header
    self.words = words
  }

  /// Cells that lack are empty; more than the header has are a mistake.
  public mutating func add(_ cells: [String]) {
    precondition(cells.count <= header.count, "\(cells.count) cells under \(header.count) columns")
    rows.append(cells + Array(repeating: "", count: header.count - cells.count))
  }

  /// Columns as wide as their widest cell, two spaces apart, no space at the end of a line.
  public var terminal: String {
    let all = [header] + rows
    let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      let cells = row.indices.map { pad(row[$0], to: widths[$0], left: words.contains($0)) }
      return ("  " + cells.joined(separator: "  ")).trimmedEnd + "\n"
    }.joined()
  }

  public var markdown: String {
    let rule = header.indices.map { words.contains($0) ? "---" : "--:" }
    return ([header, rule] + rows).map { row in
      "| " + row.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }.joined()
  }

  public var html: String {
    func row(_ cells: [String], _ tag: String) -> String {
      let scope = tag == "th" ? #" scope="col""# : ""
      return "<tr>"
        + cells.indices.map {
          "<\(tag)\(scope)\(words.contains($0) ? "" : #" class="n""#)>\(escaped(cells[$0]))</\(tag)>"
        }.joined() + "</tr>"
    }
    return #"<div class="scroll"><table><thead>"# + row(header, "th") + "</thead><tbody>"
      + rows.map { row($0, "td") }.joined(separator: "\n") + "</tbody></table></div>\n"
  }
}

private func pad(_ text: String, to width: Int, left: Bool) -> String {
  let spaces = String(repeating: " ", count: max(0, width - text.count))
  return left ? text + spaces : spaces + text
}

extension String {
  fileprivate var trimmedEnd: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}

/// Text that may stand in HTML and SVG, in attributes too.
func escaped(_ text: String) -> String {
  var result = ""
  for character in text {
    switch character {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    default: result.append(character)
    }
  }
  return result
}
