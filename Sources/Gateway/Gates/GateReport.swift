public import Publishing

/// What the gates said of a snapshot: for people, for `GET …/versions/{v}` and for `snapshot verify --json`.
public struct GateReport: Sendable, Equatable, Codable {
  public struct Result: Sendable, Equatable, Codable {
    public let gate: Gate
    public let passed: Bool
    /// Whether failing rejects the snapshot, or is only told.
    public let isEnforced: Bool
    /// In the unit of the gate (`Gate.meaning`); nil when it could not be judged, which passes.
    public let value: Double?
    public let threshold: Double?
    public let sentence: String
  }

  public private(set) var results: [Result] = []

  public init() {}

  /// The first failure that rejects the snapshot; nil when it may serve.
  public var failure: PublishError? {
    results.first { !$0.passed && $0.isEnforced }.map { PublishError($0.gate.reason, $0.sentence) }
  }

  public var failed: [Result] { results.filter { !$0.passed } }

  /// A later result of a gate replaces an earlier one: what the manifest promised, by what was found.
  mutating func note(_ result: Result) {
    if let place = results.firstIndex(where: { $0.gate == result.gate }) {
      results[place] = result
    } else {
      results.append(result)
    }
  }

  mutating func note(_ gate: Gate, passed: Bool, _ sentence: String) {
    note(
      Result(gate: gate, passed: passed, isEnforced: true, value: passed ? 1 : 0, threshold: nil, sentence: sentence))
  }

  mutating func merge(_ other: GateReport) { for result in other.results { note(result) } }

  /// Notes what ended a load before its gates could: each such reason is a gate's.
  mutating func note(_ error: PublishError) {
    guard failure == nil else { return }
    let gate: Gate? =
      switch error.reason {
      case .signatureMissing, .signatureInvalid, .rollbackRefused: .signature
      case .digestMismatch: .digests
      case .manifestInvalid, .unsupportedSchema, .tensorInvalid: .structure
      case .nonFiniteValues: .finiteValues
      case .dimensionChanged: .dimension
      default: nil
      }
    if let gate { note(gate, passed: false, error.detail) }
  }

  /// A line for the log: every value, and what failed first.
  var summary: String {
    results.map { result in
      let value = result.value.map { " \(rounded($0))" } ?? ""
      return "\(result.gate.rawValue)\(value)\(result.passed ? "" : " FAILED")"
    }.joined(separator: ", ")
  }
}

/// Three digits after the point: what a person compares.
func rounded(_ value: Double) -> String {
  guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
  if value == value.rounded() { return "\(Int(value))" }
  if abs(value) < 0.001 { return "\(value)" }
  return "\((value * 1000).rounded() / 1000)"
}
