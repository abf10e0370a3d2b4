import Bytes
import HTTP

/// What a request of the public listener is for.
enum Route: Equatable {
  /// The name of the placement, as a range of the head.
  case recommendations(placement: Range<Int>)
  case batch
  case events
  case live
  case ready
  case description
  case echo
  /// `OPTIONS *`: the server as a whole.
  case server
  case unknown

  /// Finds the route of a path. Paths are compared as they are sent: a route's letters need no percent-encoding, and an
  /// encoded one is another path.
  init(path: Range<Int>, in bytes: RawSpan) {
    let prefix: StaticString = "/v1/placements/"
    let suffix: StaticString = "/recommendations"
    let text = bytes.extracting(path)
    if begins(text, with: prefix), ends(text, with: suffix),
      path.count > prefix.utf8CodeUnitCount + suffix.utf8CodeUnitCount
    {
      self = .recommendations(
        placement: path.lowerBound + prefix.utf8CodeUnitCount..<path.upperBound - suffix.utf8CodeUnitCount)
    } else if same(text, "/v1/recommendations:batch") {
      self = .batch
    } else if same(text, "/v1/events") {
      self = .events
    } else if same(text, "/livez") {
      self = .live
    } else if same(text, "/readyz") {
      self = .ready
    } else if same(text, "/openapi.json") {
      self = .description
    } else if same(text, "/echo") {
      self = .echo
    } else if same(text, "*") {
      self = .server
    } else {
      self = .unknown
    }
  }

  /// The methods that the route answers, as the Allow field lists them.
  var allowedMethods: StaticString {
    switch self {
    case .recommendations, .server: "GET, HEAD, POST, OPTIONS"
    case .batch, .events: "POST, OPTIONS"
    case .live, .ready, .description: "GET, HEAD, OPTIONS"
    case .echo, .unknown: "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, TRACE"
    }
  }

  func allows(_ method: HTTPMethod) -> Bool {
    switch (self, method) {
    case (.echo, _), (.unknown, _), (_, .options): true
    case (.recommendations, .get), (.recommendations, .head), (.recommendations, .post): true
    case (.batch, .post), (.events, .post): true
    case (.description, .get), (.description, .head): true
    case (.live, .get), (.live, .head), (.ready, .get), (.ready, .head): true
    default: false
    }
  }
}

private func begins(_ bytes: RawSpan, with text: StaticString) -> Bool {
  bytes.byteCount >= text.utf8CodeUnitCount && same(bytes.extracting(0..<text.utf8CodeUnitCount), text)
}

private func ends(_ bytes: RawSpan, with text: StaticString) -> Bool {
  let start = bytes.byteCount - text.utf8CodeUnitCount
  return start >= 0 && same(bytes.extracting(start..<bytes.byteCount), text)
}

func same(_ bytes: RawSpan, _ text: StaticString) -> Bool {
  guard bytes.byteCount == text.utf8CodeUnitCount else { return false }
  for offset in 0..<bytes.byteCount
  where bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) != text.utf8Start[offset] { return false }
  return true
}
