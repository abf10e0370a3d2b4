public import Bytes

/// Appends the bytes that percent-encoded text stands for (RFC 3986 §2.1); false, and nothing appended, when a `%` is
/// not followed by two hexadecimal digits. `plusIsSpace` in a query, not in a path. O(bytes).
public func percentDecode(_ text: RawSpan, plusIsSpace: Bool, into output: inout ByteBuffer) -> Bool {
  let before = output.count
  let isValid = text.withUnsafeBytes { text in
    let octets = Octets(text)
    var at = 0
    while at < octets.count {
      guard let byte = decodedByte(octets, &at, plusIsSpace) else { return false }
      output.append(byte)
    }
    return true
  }
  if !isValid { output.truncate(to: before) }
  return isValid
}

/// Whether percent-encoded text of a query stands for `plain`.
func percentDecoded(_ octets: Octets, equals plain: StaticString) -> Bool {
  var at = 0
  for offset in 0..<plain.utf8CodeUnitCount {
    guard at < octets.count, decodedByte(octets, &at, true) == plain.utf8Start[offset] else { return false }
  }
  return at == octets.count
}

/// The byte that stands at `at`, which moves past it; nil for a malformed triplet.
@inline(__always)
private func decodedByte(_ octets: Octets, _ at: inout Int, _ plusIsSpace: Bool) -> UInt8? {
  let byte = octets[at]
  guard byte == UInt8(ascii: "%") else {
    at += 1
    return byte == UInt8(ascii: "+") && plusIsSpace ? 0x20 : byte
  }
  guard at + 2 < octets.count, let high = hexValue(octets[at + 1]), let low = hexValue(octets[at + 2]) else {
    return nil
  }
  at += 3
  return high << 4 | low
}
