extension RequestParser {
  mutating func readFixedBody(_ octets: Octets) throws(HTTPError) -> Step {
    guard (head.contentLength ?? 0) <= bodyBytesMax else { throw .bodyTooLarge }
    if remaining == 0 { return end(consumed: 0) }
    guard octets.count > 0 else { return .needMore }
    let piece = 0..<min(remaining, octets.count)
    remaining -= piece.count
    return .body(piece, consumed: piece.count)
  }

  ///     chunked-body = *( 1*HEXDIG [ chunk-ext ] CRLF data CRLF ) 1*"0" [ chunk-ext ] CRLF *( trailer CRLF ) CRLF
  mutating func readChunkedBody(_ octets: Octets) throws(HTTPError) -> Step {
    while true {
      switch state {
      case .chunkLine:
        // A chunk-size line may be as long as any line; the bytes before it are framing of the same step, at most the
        // CR LF that ends the chunk before.
        guard
          let end = try lineEnd(
            octets, budget: at + limits.lineBytes + 2, tooLong: .chunkLineTooLong, overBudget: .chunkLineTooLong)
        else { return .needMore }
        try readChunkLine(octets, at..<end)
        at = end + 2
      case .chunkData:
        guard octets.count > at else { return .needMore }
        let piece = at..<at + min(remaining, octets.count - at)
        remaining -= piece.count
        if remaining == 0 { state = .chunkEnd }
        restart()
        return .body(piece, consumed: piece.upperBound)
      case .chunkEnd:
        guard octets.count > at else { return .needMore }
        guard octets[at] == 0x0D else { throw .chunkEnd }
        guard octets.count > at + 1 else { return .needMore }
        guard octets[at + 1] == 0x0A else { throw .chunkEnd }
        at += 2
        state = .chunkLine
      default:
        return try readTrailers(octets)
      }
    }
  }

  private mutating func readChunkLine(_ octets: Octets, _ line: Range<Int>) throws(HTTPError) {
    var at = line.lowerBound
    var size: UInt64 = 0
    while at < line.upperBound, let digit = hexValue(octets[at]) {
      guard at - line.lowerBound < HTTPLimits.chunkSizeDigits else { throw .chunkSize }
      size = size << 4 | UInt64(digit)
      at += 1
    }
    guard at > line.lowerBound else { throw .chunkSize }
    try checkExtensions(octets, at..<line.upperBound)
    guard size <= UInt64(max(0, bodyBytesMax - chunkedBytes)) else { throw .bodyTooLarge }

    // Judged at each size line, before its data, so that the verdict does not depend on how the bytes were cut.
    chunkOverheadBytes += line.count + 4
    guard
      chunkOverheadBytes < limits.chunkOverheadBytes || chunkedBytes >= (chunkedBytes + chunkOverheadBytes) / 4
    else { throw .chunkOverhead }
    chunkedBytes += Int(size)
    remaining = Int(size)
    state = size == 0 ? .trailers : .chunkData
  }

  /// chunk-ext = *( ";" name [ "=" ( token / quoted-string ) ] ), read only to be ignored (RFC 9112 §7.1.1).
  ///
  /// The grammar also allows "bad white space" around `;` and `=`. It is refused: parsers disagree about it.
  private func checkExtensions(_ octets: Octets, _ range: Range<Int>) throws(HTTPError) {
    var at = range.lowerBound
    while at < range.upperBound {
      guard octets[at] == UInt8(ascii: ";") else { throw at == range.lowerBound ? .chunkSize : .chunkExtension }
      let nameEnd = octets.tokenEnd(from: at + 1, to: range.upperBound)
      guard nameEnd > at + 1 else { throw .chunkExtension }
      at = nameEnd
      guard at < range.upperBound, octets[at] == UInt8(ascii: "=") else { continue }
      at += 1
      guard at < range.upperBound else { throw .chunkExtension }
      let valueEnd =
        octets[at] == UInt8(ascii: "\"")
        ? try quotedEnd(octets, at..<range.upperBound) : octets.tokenEnd(from: at, to: range.upperBound)
      guard valueEnd > at else { throw .chunkExtension }
      at = valueEnd
    }
  }

  /// The offset after a quoted-string (RFC 9110 §5.6.4) that begins `range`.
  private func quotedEnd(_ octets: Octets, _ range: Range<Int>) throws(HTTPError) -> Int {
    var at = range.lowerBound + 1
    while at < range.upperBound {
      let byte = octets[at]
      guard isFieldByte(byte) else { break }
      if byte == UInt8(ascii: "\"") { return at + 1 }
      if byte == UInt8(ascii: "\\") {
        at += 1
        guard at < range.upperBound, isFieldByte(octets[at]) else { break }
      }
      at += 1
    }
    throw .chunkExtension
  }

  /// Trailers are checked as header lines are, counted as if they had stood in the head, and dropped (RFC 9112 §7.1.2).
  private mutating func readTrailers(_ octets: Octets) throws(HTTPError) -> Step {
    while true {
      let start = at
      guard
        let end = try lineEnd(
          octets, budget: start + limits.headBytes - headBytes, tooLong: .fieldTooLong, overBudget: .headTooLarge)
      else { return .needMore }
      headBytes += end + 2 - start
      at = end + 2
      if end == start { return self.end(consumed: at) }
      trailerLines += 1
      guard head.fieldCount + trailerLines <= limits.headerLines else { throw .fieldsTooMany }
      _ = try fieldLine(octets, start..<end)
    }
  }
}
