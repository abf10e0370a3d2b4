internal import Bytes

/// Why a peer that accepted a connection is no memcached for us. The configuration's fault, or the server's age; the
/// client tries again with growing delays, in case it is exchanged.
public enum GreetingProblem: Error, Sendable, Equatable, CustomStringConvertible {
  /// It answered with this instead of a version.
  case notMemcached(String)
  /// It is a memcached of this version.
  case tooOld(String)
  /// It calls itself recent enough but answers a meta get with this.
  case probeFailed(String)

  public var description: String {
    switch self {
    case .notMemcached(let line): "answered '\(line)' to 'version': not a memcached, or the wrong port"
    case .tooOld(let version): "memcached \(version) is too old: at least \(ServerVersion.oldest) is needed"
    case .probeFailed(let line): "answered '\(line)' to a meta get: its meta protocol lacks what is needed"
    }
  }
}

/// The beginning of the first line, fit for a log: printable ASCII, at most 80 bytes.
func firstLine(_ bytes: RawSpan) -> String {
  var text = ""
  for offset in 0..<min(bytes.byteCount, 80) {
    let byte = bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { break }
    text.unicodeScalars.append((0x20..<0x7F).contains(byte) ? Unicode.Scalar(byte) : ".")
  }
  return text
}

/// Whether `prefix` could be the beginning of `text`.
func starts(_ text: StaticString, with prefix: RawSpan) -> Bool {
  for offset in 0..<min(prefix.byteCount, text.utf8CodeUnitCount)
  where prefix.unsafeLoad(fromByteOffset: offset, as: UInt8.self) != text.utf8Start[offset] { return false }
  return true
}
