/// Settings of a gateway by the dotted keys of Config/needletail.yaml, as a file in YAML.
public struct GatewayConfig: ExpressibleByDictionaryLiteral, Sendable, Equatable {
  public enum Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, Sendable,
    Equatable
  {
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([String])

    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int) { self = .number(value) }
    public init(booleanLiteral value: Bool) { self = .flag(value) }

    var yaml: String {
      switch self {
      case .text(let text): quoted(text)
      case .number(let number): "\(number)"
      case .flag(let flag): "\(flag)"
      case .list(let texts): "[" + texts.map(quoted).joined(separator: ", ") + "]"
      }
    }
  }

  private var values: [String: Value] = [:]

  public init() {}
  public init(dictionaryLiteral elements: (String, Value)...) {
    for (key, value) in elements { values[key] = value }
  }

  public subscript(_ key: String) -> Value? {
    get { values[key] }
    set { values[key] = newValue }
  }

  /// Both; where both have a key, the other's value.
  public func adding(_ other: GatewayConfig) -> GatewayConfig {
    var all = self
    all.values.merge(other.values) { _, new in new }
    return all
  }

  /// The same settings always give the same text.
  public var yaml: String {
    var lines = ""
    var open: [Substring] = []
    // Sorted by their parts, keys of one group stand together.
    let keys = values.keys.map { $0.split(separator: ".") }.sorted { $0.lexicographicallyPrecedes($1) }
    for key in keys {
      let groups = key.dropLast()
      let common = zip(open, groups).prefix { $0 == $1 }.count
      for depth in common..<max(common, groups.count) { lines += indent(depth) + "\(groups[depth]):\n" }
      lines += indent(groups.count) + "\(key.last!): \(values[key.joined(separator: ".")]!.yaml)\n"
      open = Array(groups)
    }
    return lines
  }
}

private func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

/// A double-quoted YAML scalar.
private func quoted(_ text: String) -> String {
  var result = "\""
  for character in text.unicodeScalars {
    switch character {
    case "\"", "\\": result += "\\\(character)"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    default: result.unicodeScalars.append(character)
    }
  }
  return result + "\""
}
