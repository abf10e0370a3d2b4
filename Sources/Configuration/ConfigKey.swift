/// One key of the configuration: what it is called, what it may hold, what it does.
///
/// The table of these (`ConfigKey.all`) is the only place that knows the keys. Reading, checking, the suggestions in
/// errors and the test of `Config/needletail.yaml` all come from it.
public struct ConfigKey: Sendable {
  /// What a value may be. Every form is written as text, so that file, environment and flags share one reader.
  public enum Form: Sendable, Equatable {
    case text
    case oneOf([String])
    case whole(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case duration(ClosedRange<Duration>)
    case bytes(ClosedRange<Int>)
    case flag
    indirect case list(Form)
  }

  /// Dotted path; `*` stands for a placement's name.
  public let path: String
  public let form: Form
  /// The value when nobody gives one, in the form's own spelling; a list is written with commas.
  public let fallback: String
  /// What the key does, in one sentence.
  public let effect: String
  /// Whether a new value waits for the next start. The others take effect when the file is read again.
  public var needsRestart = false

  /// The variable that sets the key: `memcached.connectTimeout` is `NEEDLETAIL_MEMCACHED_CONNECT_TIMEOUT`.
  /// Keys of a placement have none: a variable's name cannot tell where the placement's name ends.
  public var environmentName: String? {
    guard !path.contains("*") else { return nil }
    var name = "NEEDLETAIL_"
    for character in path {
      if character == "." {
        name += "_"
      } else if character.isUppercase {
        name += "_" + String(character)
      } else {
        name += character.uppercased()
      }
    }
    return name
  }

  public static func key(for path: String) -> ConfigKey? {
    if let exact = byPath[path] { return exact }
    let parts = path.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 2, parts[0] == "placements" else { return nil }
    return byPath["placements.*." + parts[2...].joined(separator: ".")]
  }

  private static let byPath = Dictionary(uniqueKeysWithValues: all.map { ($0.path, $0) })
}

extension ConfigKey.Form: CustomStringConvertible {
  /// How an error names what it wanted.
  public var description: String {
    switch self {
    case .text: "text"
    case .oneOf(let words): "one of " + words.joined(separator: ", ")
    case .whole(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
    case .duration(let range): "a duration from \(spelled(range.lowerBound)) to \(spelled(range.upperBound))"
    case .bytes(let range): "a size from \(range.lowerBound)B to \(range.upperBound / 1_048_576)MiB"
    case .flag: "true or false"
    case .list(let form): "a list, each of it \(form)"
    }
  }

  private func spelled(_ duration: Duration) -> String {
    let microseconds = duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000
    for (unit, size) in [
      ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000),
    ]
    where microseconds % Int64(size) == 0 && microseconds > 0 { return "\(microseconds / Int64(size))\(unit)" }
    return "\(microseconds)us"
  }
}
