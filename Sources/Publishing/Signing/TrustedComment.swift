/// A line that is signed with a file. In a repository it says what the file is of, so that a signature cannot be moved
/// to another model or version:
///
///     model=home version=42 timestamp=1795364439           of a manifest
///     model=home file=aliases.json timestamp=1795364439    of the aliases
public struct TrustedComment: Sendable, Equatable {
  public let text: String

  public init(_ text: String) { self.text = text }

  /// - Parameter timestamp: Unix seconds.
  public static func manifest(model: String, version: Int, timestamp: Int) -> TrustedComment {
    TrustedComment("model=\(model) version=\(version) timestamp=\(timestamp)")
  }

  public static func aliases(model: String, timestamp: Int) -> TrustedComment {
    TrustedComment("model=\(model) file=aliases.json timestamp=\(timestamp)")
  }

  /// As minisign writes it unless told otherwise.
  public static func file(_ name: String, timestamp: Int) -> TrustedComment {
    TrustedComment("timestamp:\(timestamp)\tfile:\(name)\thashed")
  }

  /// The value of a field, `name=value` between white space; nil when it is missing or stands there twice.
  public subscript(name: String) -> String? {
    let fields = text.split { $0 == " " || $0 == "\t" }.filter { $0.hasPrefix(name + "=") }
    return fields.count == 1 ? String(fields[0].dropFirst(name.count + 1)) : nil
  }

  /// Unix seconds; nil when it does not say. One spelling a number: `+1` and `01` are none.
  public var timestamp: Int? { number("timestamp") }
  public var version: Int? { number("version") }

  private func number(_ name: String) -> Int? {
    guard let text = self[name], let number = Int(text), number >= 0, String(number) == text else { return nil }
    return number
  }
}
