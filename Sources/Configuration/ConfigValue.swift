/// Where a value came from. Later ones win: default < file < environment < flag.
public enum ConfigOrigin: Sendable, Equatable, CustomStringConvertible {
  case fallback
  case file(path: String, line: Int, column: Int)
  case environment(String)
  case flag(String)

  public var description: String {
    switch self {
    case .fallback: "default"
    case .file(let path, let line, let column): "\(path):\(line):\(column)"
    case .environment(let name): name
    case .flag(let name): "--" + name
    }
  }
}

/// What a key holds and who said so. A list has any number of texts, everything else one.
public struct ConfigValue: Sendable, Equatable {
  public let texts: [String]
  public let origin: ConfigOrigin
}

/// Something in the configuration that cannot be: where, what, and what to write instead.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  public struct Problem: Sendable, Equatable {
    public let origin: ConfigOrigin
    public let sentence: String
  }
  /// All that was wrong, so that one run shows every mistake.
  public let problems: [Problem]

  public var description: String {
    problems.map { "\($0.origin): error: \($0.sentence)" }.joined(separator: "\n")
  }

  init(_ problems: [Problem]) { self.problems = problems }
  init(_ origin: ConfigOrigin, _ sentence: String) { problems = [.init(origin: origin, sentence: sentence)] }
}

extension ConfigKey.Form {
  /// Why `text` is not of this form; nil when it is.
  func objection(to text: String) -> String? {
    switch self {
    case .text: return nil
    case .oneOf(let words):
      if words.contains(text) { return nil }
      let near = nearest(text, among: words)
      return "\"\(text)\" is not \(self)" + (near.map { " (did you mean \"\($0)\"?)" } ?? "")
    case .whole(let range): return Int(text).map(range.contains) == true ? nil : "\"\(text)\" is not \(self)"
    case .number(let range): return Double(text).map(range.contains) == true ? nil : "\"\(text)\" is not \(self)"
    case .flag: return Bool(text) == nil ? "\"\(text)\" is not \(self)" : nil
    case .duration(let range):
      if let number = Double(text), number != 0 { return "\"\(text)\" has no unit; write \(text)ms, \(text)s" }
      return readDuration(text).map(range.contains) == true ? nil : "\"\(text)\" is not \(self)"
    case .bytes(let range):
      if let number = Double(text), number != 0 { return "\"\(text)\" has no unit; write \(text)B, \(text)MiB" }
      return byteCount(text).map(range.contains) == true ? nil : "\"\(text)\" is not \(self)"
    case .list(let form): return form.objection(to: text)
    }
  }
}

/// Reads `5ms`, `1.5s`, `2m`, `1h`, `7d`, `250us` or `0`; nil for anything else.
func readDuration(_ text: String) -> Duration? {
  if text == "0" { return .zero }
  let units: [(String, Double)] = [("us", 1e-6), ("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]
  guard
    let (suffix, seconds) = units.first(where: { text.hasSuffix($0.0) && Double(text.dropLast($0.0.count)) != nil }),
    let count = Double(text.dropLast(suffix.count)), count >= 0, (count * seconds).isFinite, count * seconds < 1e12
  else { return nil }
  return .microseconds(Int64((count * seconds * 1e6).rounded()))
}

/// Reads a duration as the configuration writes them, in whole milliseconds; nil for anything else.
public func milliseconds(of text: String) -> Int? {
  readDuration(text).map { Int($0 / .milliseconds(1)) }
}

/// Reads `512B`, `64KiB`, `64MiB`, `1GiB` or `0`; nil for anything else.
func byteCount(_ text: String) -> Int? {
  if text == "0" { return 0 }
  let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)]
  guard let (suffix, size) = units.first(where: { text.hasSuffix($0.0) }), let count = Int(text.dropLast(suffix.count)),
    count >= 0
  else { return nil }
  let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
  return overflow ? nil : bytes
}

/// The word closest to `text`, if one is close enough to be what was meant.
func nearest(_ text: String, among words: some Sequence<String>) -> String? {
  if text.count > 2, let longer = words.first(where: { $0.hasPrefix(text) }) { return longer }
  let ranked = words.map { ($0, editDistance(text, $0)) }.min { $0.1 < $1.1 }
  guard let (word, distance) = ranked, distance <= max(2, text.count / 3) else { return nil }
  return word
}

/// Edits between two words, a swap of neighbours counted as one (optimal string alignment). O(length²).
private func editDistance(_ left: String, _ right: String) -> Int {
  let a = Array(left.lowercased()), b = Array(right.lowercased())
  var rows = [Array(0...b.count)]
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var cost = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), row[j] + 1, rows[i][j + 1] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
      row.append(cost)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}
