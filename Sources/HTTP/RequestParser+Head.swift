extension RequestParser {
  mutating func readHead(_ octets: Octets) throws(HTTPError) -> Step {
    while true {
      guard
        let end = try lineEnd(
          octets, budget: limits.headBytes, tooLong: state == .fields ? .fieldTooLong : .targetTooLong,
          overBudget: .headTooLarge)
      else { return .needMore }
      let line = at..<end
      at = end + 2
      switch state {
      case .fields where line.isEmpty: return try finishHead()
      case .fields: try readField(octets, line)
      case .requestLine where line.isEmpty: state = .emptyLineSeen
      case .emptyLineSeen where line.isEmpty: throw .emptyLines
      default:
        head.clear()
        codingSeen = false
        keepAliveAsked = false
        bodyBytesMax = limits.bodyBytes
        try readRequestLine(octets, line)
        state = .fields
      }
    }
  }

  /// The end of the head: what only all fields together can tell.
  private mutating func finishHead() throws(HTTPError) -> Step {
    let bytes = at
    if head.isChunked {
      guard head.versionMinor > 0 else { throw .codingInOld }
      guard head.contentLength == nil else { throw .lengthAndCoding }
    }
    guard head.value(of: .host) != nil || head.versionMinor == 0 else { throw .hostMissing }
    // A client of HTTP/1.0 does not know the 100 that it would be sent (RFC 9110 §10.1.1).
    if head.versionMinor == 0 || !head.hasBody { head.expectContinue = false }
    if head.versionMinor == 0 && !keepAliveAsked { head.keepAlive = false }
    beginBody()
    headBytes = bytes
    restart()
    return .head(bytes: bytes)
  }

  private mutating func beginBody() {
    remaining = head.contentLength ?? 0
    chunkedBytes = 0
    chunkOverheadBytes = 0
    trailerLines = 0
    state = head.isChunked ? .chunkLine : remaining > 0 ? .fixedBody : .end
  }

  /// request-line = method SP request-target SP HTTP-version
  ///
  /// The version is the last eight bytes and the method ends at the first byte that is no token, a space; what lies between must be a target,
  /// which holds no space, so a second look for spaces is not needed.
  private mutating func readRequestLine(_ octets: Octets, _ line: Range<Int>) throws(HTTPError) {
    let versionStart = line.upperBound - 8
    let space = octets.tokenEnd(from: line.lowerBound, to: line.upperBound)
    guard space > line.lowerBound, space < line.upperBound, octets[space] == 0x20,
      versionStart - 1 > space + 1, octets[versionStart - 1] == 0x20
    else { throw requestLineFault(octets, line) }
    head.versionMinor = try version(octets, versionStart)
    let target = space + 1..<versionStart - 1
    guard octets.isTargetContent(target) else { throw .targetByte }
    guard let method = HTTPMethod(octets, line.lowerBound..<space) else { throw .method }
    head.method = method
    try readTarget(octets, target)
  }

  /// Which part of a request line of the wrong shape to name. A line that ends with something like a version is blamed
  /// for that: `GET / HTTP/1.32` is the version's fault, not the spaces'.
  private func requestLineFault(_ octets: Octets, _ line: Range<Int>) -> HTTPError {
    var last = line.upperBound
    while last > line.lowerBound && octets[last - 1] != 0x20 { last -= 1 }
    let word = last..<line.upperBound
    let isVersionLike = word.count >= 5 && octets.equal(word.lowerBound..<word.lowerBound + 5, "HTTP/")
    return isVersionLike && word.count != 8 ? .version : .requestLine
  }

  /// HTTP-version = "HTTP/" DIGIT "." DIGIT, case-sensitive.
  private func version(_ octets: Octets, _ start: Int) throws(HTTPError) -> Int {
    // "HTTP/1.1" as one little-endian word.
    if octets.word(at: start) == 0x312E_312F_5054_5448 { return 1 }
    let (major, point, minor) = (octets[start + 5], octets[start + 6], octets[start + 7])
    guard octets.equal(start..<start + 5, "HTTP/"), isDigit(major), point == UInt8(ascii: "."), isDigit(minor) else {
      throw .version
    }
    switch major {
    case UInt8(ascii: "0"): throw .version
    case UInt8(ascii: "1"): return minor == UInt8(ascii: "0") ? 0 : 1
    default: throw .versionMajor
    }
  }
}
