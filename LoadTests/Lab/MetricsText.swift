/// A page in the Prometheus text format, as far as a scenario reads it.
public struct MetricsText: Sendable {
  public struct Sample: Equatable, Sendable {
    public let name: String
    public let labels: [String: String]
    public let value: Double
  }

  public let samples: [Sample]

  public init(_ page: String) {
    samples = page.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap(MetricsText.parse)
  }

  /// The sum of all samples of a name, by the value of one label; samples without it stand under "".
  public func sums(of name: String, by label: String) -> [String: Double] {
    samples.reduce(into: [:]) { sums, sample in
      if sample.name == name { sums[sample.labels[label] ?? "", default: 0] += sample.value }
    }
  }

  public func sum(of name: String) -> Double { samples.reduce(0) { $0 + ($1.name == name ? $1.value : 0) } }

  /// `name{label="value",…} 12`. Label values here have no escapes: they are words of ours.
  static func parse(_ line: Substring) -> Sample? {
    guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { return nil }
    let series = line[..<space]
    guard let brace = series.firstIndex(of: "{") else { return Sample(name: String(series), labels: [:], value: value) }
    var labels: [String: String] = [:]
    for pair in series[series.index(after: brace)...].dropLast().split(separator: ",") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { labels[String(parts[0])] = parts[1].filter { $0 != "\"" } }
    }
    return Sample(name: String(series[..<brace]), labels: labels, value: value)
  }
}
