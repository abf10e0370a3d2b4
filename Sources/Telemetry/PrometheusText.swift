public import Bytes

/// Writes metrics in Prometheus' text format 0.0.4.
///
/// A family is declared once, with its type and a sentence, then its samples follow; the format wants them together.
public struct PrometheusText: ~Copyable {
  public enum Kind: String, Sendable { case counter, gauge, histogram }

  public private(set) var text = ByteBuffer(capacity: 16384)

  public init() {}

  /// Hands the text over.
  public consuming func finish() -> ByteBuffer { text }

  public mutating func family(_ name: String, _ kind: Kind, _ sentence: String) {
    text.append("# HELP needletail_\(name) \(sentence)\n# TYPE needletail_\(name) \(kind.rawValue)\n")
  }

  public mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: UInt64) {
    begin(name, labels)
    text.append(decimal: value)
    text.append(UInt8(ascii: "\n"))
  }

  public mutating func sample(_ name: String, _ labels: [(String, String)] = [], seconds value: Double) {
    begin(name, labels)
    text.append("\(value)")
    text.append(UInt8(ascii: "\n"))
  }

  /// All buckets, the sum and the count of a histogram in seconds.
  public mutating func histogram(_ name: String, _ labels: [(String, String)], _ histogram: LatencyHistogram) {
    var running: UInt64 = 0
    for index in LatencyHistogram.boundsText.indices {
      running += histogram.counts[index]
      sample(name + "_bucket", labels + [("le", LatencyHistogram.boundsText[index].description)], running)
    }
    sample(name + "_bucket", labels + [("le", "+Inf")], histogram.count)
    sample(name + "_sum", labels, seconds: Double(histogram.sumNanoseconds) / 1e9)
    sample(name + "_count", labels, histogram.count)
  }

  private mutating func begin(_ name: String, _ labels: [(String, String)]) {
    text.append("needletail_" as StaticString)
    text.append(name)
    for (index, (label, value)) in labels.enumerated() {
      text.append(UInt8(ascii: index == 0 ? "{" : ","))
      text.append(label)
      text.append("=\"" as StaticString)
      append(labelValue: value)
      text.append(UInt8(ascii: "\""))
    }
    if !labels.isEmpty { text.append(UInt8(ascii: "}")) }
    text.append(UInt8(ascii: " "))
  }

  /// A backslash, a quote and a line feed are escaped; nothing else may be.
  private mutating func append(labelValue value: String) {
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): text.append("\\\\" as StaticString)
      case UInt8(ascii: "\""): text.append("\\\"" as StaticString)
      case UInt8(ascii: "\n"): text.append("\\n" as StaticString)
      default: text.append(byte)
      }
    }
  }
}
