extension RequestParser {
  mutating func readTarget(_ octets: Octets, _ target: Range<Int>) throws(HTTPError) {
    head.target = target
    if octets[target.lowerBound] == UInt8(ascii: "/") {
      return split(octets, target)
    }
    if target.count == 1 && octets[target.lowerBound] == UInt8(ascii: "*") {
      guard head.method == .options else { throw .targetForm }
      head.targetForm = .asterisk
      head.path = target
      return
    }
    head.targetForm = .absolute
    let authority = try authorityStart(octets, target)
    var end = authority
    while end < target.upperBound && octets[end] != UInt8(ascii: "/") && octets[end] != UInt8(ascii: "?") { end += 1 }
    // RFC 9110 §4.2.1: an http URI without a host is invalid. §4.2.4: userinfo is an error, likely a disguise.
    guard end > authority, octets[authority] != UInt8(ascii: ":"), isHost(octets, authority..<end) else {
      throw .hostInvalid
    }
    head.host = authority..<end
    split(octets, end..<target.upperBound)
  }

  /// Path and query at the first `?`.
  private mutating func split(_ octets: Octets, _ range: Range<Int>) {
    if let mark = octets.first(UInt8(ascii: "?"), in: range) {
      head.path = range.lowerBound..<mark
      head.query = mark + 1..<range.upperBound
    } else {
      head.path = range
    }
  }

  /// Where the authority of `http://…` or `https://…` begins; the scheme may be in any case (RFC 3986 §3.1).
  private func authorityStart(_ octets: Octets, _ target: Range<Int>) throws(HTTPError) -> Int {
    guard let colon = octets.first(UInt8(ascii: ":"), in: target), target.upperBound - colon >= 3,
      octets[colon + 1] == UInt8(ascii: "/"), octets[colon + 2] == UInt8(ascii: "/")
    else { throw .targetForm }
    let scheme = target.lowerBound..<colon
    guard octets.tokenEnd(from: scheme.lowerBound, to: colon) == colon,
      octets.equal(scheme, lowercase: "http") || octets.equal(scheme, lowercase: "https")
    else { throw .targetForm }
    return colon + 3
  }
}

/// uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2), the port at most 65535. Empty is allowed: a client whose URI has
/// no authority must send an empty Host.
func isHost(_ octets: Octets, _ range: Range<Int>) -> Bool {
  var at = range.lowerBound
  if at < range.upperBound && octets[at] == UInt8(ascii: "[") {
    guard let bracket = octets.first(UInt8(ascii: "]"), in: range), bracket > at + 1 else { return false }
    for offset in at + 1..<bracket {
      // IPv6address and IPvFuture between them: hexadecimal digits, colons, points; `v` and the rest of IPvFuture have
      // never been given a meaning.
      let byte = octets[offset]
      guard hexValue(byte) != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") else { return false }
    }
    at = bracket + 1
  } else {
    while at < range.upperBound && isNameByte(octets[at]) {
      if octets[at] == UInt8(ascii: "%") {
        guard at + 2 < range.upperBound, hexValue(octets[at + 1]) != nil, hexValue(octets[at + 2]) != nil else {
          return false
        }
      }
      at += 1
    }
  }
  if at == range.upperBound { return true }
  guard octets[at] == UInt8(ascii: ":"), range.upperBound - at <= 6 else { return false }
  var port = 0
  for offset in at + 1..<range.upperBound {
    guard isDigit(octets[offset]) else { return false }
    port = port * 10 + Int(octets[offset] - 0x30)
  }
  return port <= 65535
}

/// reg-name = *( unreserved / pct-encoded / sub-delims ): letters, digits and ``!$%&'()*+,-.;=_~``, one bit a byte value.
@inline(__always)
private func isNameByte(_ byte: UInt8) -> Bool {
  let low: UInt64 = 0x2BFF_7FF2_0000_0000
  let high: UInt64 = 0x47FF_FFFE_87FF_FFFE
  let word = byte < 64 ? low : high
  return byte < 128 && word &>> UInt64(byte & 63) & 1 != 0
}
