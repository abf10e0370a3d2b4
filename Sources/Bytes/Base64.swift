// Base64 with the ordinary alphabet and padding (RFC 4648 §4): what keys and signatures are written in.

private let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
private let padding = UInt8(ascii: "=")

/// The base64 text of some bytes. O(bytes).
public func base64(_ bytes: [UInt8]) -> String {
  var text: [UInt8] = []
  text.reserveCapacity((bytes.count + 2) / 3 * 4)
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let here = min(3, bytes.count - start)
    let bits = (0..<3).reduce(UInt32(0)) { $0 << 8 | ($1 < here ? UInt32(bytes[start + $1]) : 0) }
    for place in 0..<4 {
      text.append(place <= here ? alphabet.utf8Start[Int(bits >> UInt32(18 - 6 * place) & 63)] : padding)
    }
  }
  return String(decoding: text, as: UTF8.self)
}

/// The bytes of a base64 text; nil for anything that `base64(_:)` would not have written. So no bit of a text can be
/// changed without changing the bytes, the unused ones before the padding included. O(bytes).
public func bytes(base64 text: some Collection<UInt8>) -> [UInt8]? {
  let text = Array(text)
  guard text.count % 4 == 0 else { return nil }
  let padded = text.suffix(2).filter { $0 == padding }.count
  var bytes: [UInt8] = []
  bytes.reserveCapacity(text.count / 4 * 3)
  for start in stride(from: 0, to: text.count, by: 4) {
    var bits: UInt32 = 0
    for place in start..<start + 4 {
      let isPadding = place >= text.count - padded
      guard let value = isPadding ? 0 : value(text[place]) else { return nil }
      bits = bits << 6 | UInt32(value)
    }
    for shift in [16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
  }
  guard bytes.suffix(padded).allSatisfy({ $0 == 0 }) else { return nil }
  bytes.removeLast(padded)
  return base64(bytes).utf8.elementsEqual(text) ? bytes : nil
}

private func value(_ digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "+"): 62
  case UInt8(ascii: "/"): 63
  case UInt8(ascii: "-"), UInt8(ascii: "_"): nil
  default: base64urlValue(digit)
  }
}
