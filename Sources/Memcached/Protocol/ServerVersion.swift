internal import Bytes

/// What `version` answers: three numbers, and whatever a packager put behind them.
struct ServerVersion: Comparable, CustomStringConvertible {
  let major: Int
  let minor: Int
  let patch: Int

  /// The first release whose meta commands are no longer experimental: `ms <key> <length>`, `HD` (its release notes,
  /// July 2021). That misses carry the opaque is not in the notes; the probe of `MetaConnection` asks for it.
  static let oldest = ServerVersion(major: 1, minor: 6, patch: 10)

  init(major: Int, minor: Int, patch: Int) { (self.major, self.minor, self.patch) = (major, minor, patch) }

  ///     line = "VERSION" SP number "." number "." number *text
  init?(line: RawSpan) {
    guard starts(line, with: "VERSION ") else { return nil }
    let numbers = String(copying: line.extracting(8..<line.byteCount))
      .split(separator: ".", maxSplits: 2).map { Int($0.prefix { $0.isASCII && $0.isNumber }.prefix(6)) }
    guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2] else { return nil }
    self.init(major: major, minor: minor, patch: patch)
  }

  static func < (left: Self, right: Self) -> Bool {
    (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
  }

  var description: String { "\(major).\(minor).\(patch)" }
}
