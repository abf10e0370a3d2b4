extension RequestParser {
  /// field-line = field-name ":" OWS field-value OWS
  mutating func readField(_ octets: Octets, _ line: Range<Int>) throws(HTTPError) {
    guard head.fieldCount < limits.headerLines else { throw .fieldsTooMany }
    let (name, value) = try fieldLine(octets, line)
    head.append(name: name, value: value)
    try recognise(octets, name, value)
  }

  /// Splits and checks a header or trailer line.
  @inline(__always)
  func fieldLine(_ octets: Octets, _ line: Range<Int>) throws(HTTPError) -> (name: Range<Int>, value: Range<Int>) {
    let colon = octets.tokenEnd(from: line.lowerBound, to: line.upperBound)
    guard colon > line.lowerBound, colon < line.upperBound, octets[colon] == UInt8(ascii: ":") else {
      // A line that begins with white space is obs-fold, or a first line meant to hide (RFC 9112 §2.2, §5.2).
      throw isBlank(octets[line.lowerBound]) ? .leadingSpace : .fieldName
    }
    let value = octets.trimmed(colon + 1..<line.upperBound)
    guard octets.isFieldContent(value) else { throw .fieldValue }
    return (line.lowerBound..<colon, value)
  }

  /// The fields that frame the message take effect here, those that are often asked for are indexed.
  private mutating func recognise(_ octets: Octets, _ name: Range<Int>, _ value: Range<Int>) throws(HTTPError) {
    switch name.count {
    case 4 where octets.equal(name, lowercase: "host"): try readHost(octets, value)
    case 6 where octets.equal(name, lowercase: "accept"): head.index(as: .accept)
    case 6 where octets.equal(name, lowercase: "origin"): head.index(as: .origin)
    case 6 where octets.equal(name, lowercase: "expect"):
      guard octets.equal(value, lowercase: "100-continue") else { throw .expectation }
      head.expectContinue = true
    case 10 where octets.equal(name, lowercase: "connection"): readConnection(octets, value)
    case 11 where octets.equal(name, lowercase: "traceparent"): head.index(as: .traceparent)
    case 12 where octets.equal(name, lowercase: "content-type"): head.index(as: .contentType)
    case 12 where octets.equal(name, lowercase: "x-request-id"): head.index(as: .requestID)
    case 13 where octets.equal(name, lowercase: "if-none-match"): head.index(as: .ifNoneMatch)
    case 13 where octets.equal(name, lowercase: "authorization"): head.index(as: .authorization)
    case 14 where octets.equal(name, lowercase: "content-length"): try readContentLength(octets, value)
    case 15 where octets.equal(name, lowercase: "accept-encoding"): head.index(as: .acceptEncoding)
    case 17 where octets.equal(name, lowercase: "transfer-encoding"): try readTransferEncoding(octets, value)
    case 29 where octets.equal(name, lowercase: "access-control-request-method"):
      head.index(as: .accessControlRequestMethod)
    default: break
    }
  }

  private mutating func readHost(_ octets: Octets, _ value: Range<Int>) throws(HTTPError) {
    guard head.value(of: .host) == nil else { throw .hostRepeated }
    guard isHost(octets, value) else { throw .hostInvalid }
    head.index(as: .host)
    // The authority of an absolute target is more trusted than the field (RFC 9112 §3.2.2).
    if head.targetForm != .absolute { head.host = value }
  }

  /// Content-Length = 1*DIGIT. RFC 9110 §8.6 would let "5, 5" and a repeated line pass; two proxies that pick different
  /// ones of two lengths are a smuggler's first tool.
  private mutating func readContentLength(_ octets: Octets, _ value: Range<Int>) throws(HTTPError) {
    guard head.contentLength == nil else { throw .lengthRepeated }
    guard !value.isEmpty, value.count <= HTTPLimits.contentLengthDigits else { throw .lengthInvalid }
    var length = 0
    for offset in value {
      guard isDigit(octets[offset]) else { throw .lengthInvalid }
      let (product, over) = length.multipliedReportingOverflow(by: 10)
      let (sum, overToo) = product.addingReportingOverflow(Int(octets[offset] - 0x30))
      guard !over && !overToo else { throw .lengthInvalid }
      length = sum
    }
    head.contentLength = length
  }

  /// Transfer-Encoding = #transfer-coding. Only `chunked` alone is understood; what is said about anything else depends
  /// on whether the message could be framed at all (RFC 9112 §6.1: 501, §6.3: 400).
  private mutating func readTransferEncoding(_ octets: Octets, _ value: Range<Int>) throws(HTTPError) {
    guard !codingSeen else { throw .codingRepeated }
    codingSeen = true
    if octets.equal(value, lowercase: "chunked") {
      head.isChunked = true
      return
    }
    var chunkedCount = 0
    var isLast = false
    var at = value.lowerBound
    while true {
      let comma = octets.first(UInt8(ascii: ","), in: at..<value.upperBound) ?? value.upperBound
      let coding = octets.trimmed(at..<comma)
      guard !coding.isEmpty, octets.tokenEnd(from: coding.lowerBound, to: coding.upperBound) == coding.upperBound else {
        throw .codingInvalid
      }
      isLast = octets.equal(coding, lowercase: "chunked")
      if isLast { chunkedCount += 1 }
      guard comma < value.upperBound else { break }
      at = comma + 1
    }
    throw isLast && chunkedCount == 1 ? .codingUnknown : .codingInvalid
  }

  /// Connection = #connection-option. `close` wins wherever it stands (RFC 9112 §9.3); other options concern proxies.
  private mutating func readConnection(_ octets: Octets, _ value: Range<Int>) {
    var at = value.lowerBound
    while at < value.upperBound {
      let comma = octets.first(UInt8(ascii: ","), in: at..<value.upperBound) ?? value.upperBound
      let option = octets.trimmed(at..<comma)
      if octets.equal(option, lowercase: "close") { head.keepAlive = false }
      if octets.equal(option, lowercase: "keep-alive") { keepAliveAsked = true }
      at = comma + 1
    }
  }
}
