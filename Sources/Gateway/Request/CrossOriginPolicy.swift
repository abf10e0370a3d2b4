import Bytes
import HTTP

/// Whose pages may read answers (the CORS protocol of the Fetch standard). Credentials are never allowed: no answer
/// depends on any.
enum CrossOriginPolicy {
  case nobody
  /// `*`: said as such, so that an answer is the same for every origin and caches keep one.
  case everyone
  /// Serialized origins, compared byte by byte as browsers send them.
  case listed([String])

  init(_ origins: [String]) {
    if origins.isEmpty {
      self = .nobody
    } else {
      self = origins.contains("*") ? .everyone : .listed(origins)
    }
  }

  /// Whether two origins may get different answers.
  var dependsOnOrigin: Bool {
    if case .listed = self { true } else { false }
  }

  func allows(_ origin: String) -> Bool {
    switch self {
    case .nobody: false
    case .everyone: true
    case .listed(let origins): origins.contains(origin)
    }
  }

  /// Appends the origin's permission to read the answer, if it has one; `Vary` whenever another would get another head.
  func append(_ connection: Connection, tellsTimes: Bool, to out: inout ByteBuffer) {
    switch self {
    case .nobody: return
    case .everyone:
      out.append("Access-Control-Allow-Origin: *\r\n" as StaticString)
      if tellsTimes { out.append("Timing-Allow-Origin: *\r\n" as StaticString) }
    case .listed(let origins):
      out.append("Vary: Origin\r\n" as StaticString)
      guard let origin = connection.origin, origins.contains(origin) else { return }
      out.append(field: "Access-Control-Allow-Origin", origin)
      if tellsTimes { out.append(field: "Timing-Allow-Origin", origin) }
    }
    out.append(
      "Access-Control-Expose-Headers: Age, Cache-Status, ETag, Retry-After, Server-Timing\r\n" as StaticString)
  }
}
