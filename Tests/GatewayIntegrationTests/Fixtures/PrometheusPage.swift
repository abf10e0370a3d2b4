/// A page in Prometheus' text format 0.0.4, read strictly: what this refuses, a scraper may refuse.
struct PrometheusPage {
  struct Sample: Equatable {
    let name: String
    let labels: [String: String]
    let value: Double
  }

  struct Fault: Error, CustomStringConvertible {
    let line: String
    let why: String
    var description: String { "\(why): \(line)" }
  }

  private(set) var samples: [Sample] = []
  private(set) var types: [String: String] = [:]

  /// HELP, then TYPE, then the samples of one family, together; no family twice, no series twice, a line feed at the end.
  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw Fault(line: String(text.suffix(80)), why: "the last line has no end") }
    var helped: String?
    var family: String?
    var series: Set<String> = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) {
      func refuse(_ why: String) -> Fault { Fault(line: line, why: why) }
      if line.hasPrefix("# HELP ") {
        let name = String(line.dropFirst(7).prefix { $0 != " " })
        guard types[name] == nil else { throw refuse("a family comes twice") }
        guard line.count > 8 + name.count else { throw refuse("no sentence") }
        helped = name
      } else if line.hasPrefix("# TYPE ") {
        let parts = line.dropFirst(7).split(separator: " ").map(String.init)
        guard parts.count == 2, parts[0] == helped else { throw refuse("TYPE does not follow its HELP") }
        guard ["counter", "gauge", "histogram"].contains(parts[1]) else { throw refuse("no such type") }
        types[parts[0]] = parts[1]
        family = parts[0]
      } else {
        let sample = try PrometheusPage.sample(line)
        guard let family,
          sample.name == family || types[family] == "histogram" && PrometheusPage.belongs(sample.name, to: family)
        else { throw refuse("a sample outside its family") }
        guard series.insert(String(line.prefix(upTo: line.lastIndex(of: " ")!))).inserted else {
          throw refuse("a series comes twice")
        }
        samples.append(sample)
      }
    }
  }

  private static func belongs(_ name: String, to family: String) -> Bool {
    ["_bucket", "_sum", "_count"].contains { family + $0 == name }
  }

  private static func sample(_ line: String) throws -> Sample {
    guard let space = line.lastIndex(of: " "),
      let value = Double(line[space...].dropFirst().replacing("+Inf", with: "inf"))
    else {
      throw Fault(line: line, why: "no value")
    }
    let series = line[..<space]
    guard let brace = series.firstIndex(of: "{") else { return Sample(name: String(series), labels: [:], value: value) }
    guard series.last == "}" else { throw Fault(line: line, why: "labels do not end") }
    var labels: [String: String] = [:]
    for pair in series[series.index(after: brace)...].dropLast().split(separator: ",") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, parts[1].count >= 2, parts[1].first == "\"", parts[1].last == "\"" else {
        throw Fault(line: line, why: "a label is malformed")
      }
      guard labels.updateValue(String(parts[1].dropFirst().dropLast()), forKey: String(parts[0])) == nil else {
        throw Fault(line: line, why: "a label comes twice")
      }
    }
    return Sample(name: String(series[..<brace]), labels: labels, value: value)
  }

  func samples(of name: String, _ labels: [String: String] = [:]) -> [Sample] {
    samples.filter { sample in
      sample.name == "needletail_" + name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
    }
  }

  /// The sum of a metric's samples with these labels; 0 when there is none.
  func sum(_ name: String, _ labels: [String: String] = [:]) -> Int {
    Int(samples(of: name, labels).reduce(0) { $0 + $1.value })
  }
}
