internal import Bytes

/// Walks the members of one JSON object that this program wrote: no white space, no escapes to decode, strings closed.
///
/// On bytes that are not such an object it ends early and reads nothing outside them.
struct JSONMembers: ~Escapable {
  private let bytes: RawSpan
  private var at: Int

  struct Member {
    /// The name without its quotes, still escaped.
    let name: Range<Int>
    let value: Range<Int>
  }

  /// `bytes` starts with `{`.
  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    self.bytes = bytes
    at = 0
  }

  /// The next member, nil after the last.
  mutating func next() -> Member? {
    guard at < bytes.byteCount, bytes.byte(at) == UInt8(ascii: "{") || bytes.byte(at) == UInt8(ascii: ",") else {
      return nil
    }
    let nameStart = at + 2
    guard nameStart < bytes.byteCount, bytes.byte(at + 1) == UInt8(ascii: "\"") else { return nil }
    guard let nameEnd = endOfString(nameStart), nameEnd + 1 < bytes.byteCount,
      bytes.byte(nameEnd + 1) == UInt8(ascii: ":"), let valueEnd = endOfValue(nameEnd + 2)
    else { return nil }
    at = valueEnd
    return Member(name: nameStart..<nameEnd, value: nameEnd + 2..<valueEnd)
  }

  /// Where the closing quote of a string stands whose content starts at `start`.
  private func endOfString(_ start: Int) -> Int? {
    var at = start
    while at < bytes.byteCount {
      switch bytes.byte(at) {
      case UInt8(ascii: "\""): return at
      case UInt8(ascii: "\\"): at += 2
      default: at += 1
      }
    }
    return nil
  }

  /// The first `,` or closing bracket that is not inside the value.
  private func endOfValue(_ start: Int) -> Int? {
    var at = start
    var depth = 0
    while at < bytes.byteCount {
      switch bytes.byte(at) {
      case UInt8(ascii: "\""):
        guard let end = endOfString(at + 1) else { return nil }
        at = end
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return at }
        depth -= 1
      case UInt8(ascii: ","):
        if depth == 0 { return at }
      default: break
      }
      at += 1
    }
    return nil
  }
}

/// The text of a JSON string, quotes included, that `ByteBuffer.append(jsonEscaped:)` wrote.
func decodedJSONString(_ json: RawSpan) -> String {
  guard json.byteCount >= 2 else { return "" }
  var text: [UInt8] = []
  var at = 1
  while at < json.byteCount - 1 {
    let byte = json.byte(at)
    at += 1
    guard byte == UInt8(ascii: "\\"), at < json.byteCount - 1 else {
      text.append(byte)
      continue
    }
    switch json.byte(at) {
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      let end = min(at + 5, json.byteCount)
      let digits = String(copying: json.extracting(at + 1..<end))
      text.append(
        contentsOf: String(UInt32(digits, radix: 16).flatMap(UnicodeScalar.init).map(Character.init) ?? "\u{FFFD}").utf8
      )
      at = end - 1
    default: text.append(json.byte(at))
    }
    at += 1
  }
  return String(decoding: text, as: UTF8.self)
}
