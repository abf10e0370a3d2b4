/// Whether bytes are one JSON object (RFC 8259) without white space around its tokens, nested at most eight deep.
func isCompactJSONObject(_ bytes: RawSpan) -> Bool {
  var check = CompactJSON(bytes: bytes)
  return bytes.byteCount > 0 && bytes.byte(0) == UInt8(ascii: "{") && check.value(depth: 0)
    && check.at == bytes.byteCount
}

private struct CompactJSON: ~Escapable {
  let bytes: RawSpan
  var at = 0
  static let depthMax = 8

  @_lifetime(copy bytes)
  init(bytes: RawSpan) { self.bytes = bytes }

  private var next: UInt8 { at < bytes.byteCount ? bytes.byte(at) : 0 }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    at += 1
    return true
  }

  mutating func value(depth: Int) -> Bool {
    guard depth < Self.depthMax else { return false }
    switch next {
    case UInt8(ascii: "{"): return list(UInt8(ascii: "}"), depth: depth, named: true)
    case UInt8(ascii: "["): return list(UInt8(ascii: "]"), depth: depth, named: false)
    case UInt8(ascii: "\""): return string()
    case UInt8(ascii: "t"): return word("true")
    case UInt8(ascii: "f"): return word("false")
    case UInt8(ascii: "n"): return word("null")
    default: return number()
    }
  }

  private mutating func list(_ end: UInt8, depth: Int, named: Bool) -> Bool {
    at += 1
    if take(end) { return true }
    repeat {
      if named { guard string(), take(UInt8(ascii: ":")) else { return false } }
      guard value(depth: depth + 1) else { return false }
    } while take(UInt8(ascii: ","))
    return take(end)
  }

  private mutating func string() -> Bool {
    guard take(UInt8(ascii: "\"")) else { return false }
    while at < bytes.byteCount {
      let byte = bytes.byte(at)
      at += 1
      if byte == UInt8(ascii: "\"") { return true }
      if byte < 0x20 { return false }
      if byte == UInt8(ascii: "\\"), !escape() { return false }
    }
    return false
  }

  private mutating func escape() -> Bool {
    let kind = next
    at += 1
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"),
      UInt8(ascii: "r"), UInt8(ascii: "t"):
      return true
    case UInt8(ascii: "u"):
      for _ in 0..<4 {
        guard isHexDigit(next) else { return false }
        at += 1
      }
      return true
    default: return false
    }
  }

  private mutating func number() -> Bool {
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { guard digits() else { return false } }
    if take(UInt8(ascii: ".")) { guard digits() else { return false } }
    guard take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) else { return true }
    _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
    return digits()
  }

  private mutating func digits() -> Bool {
    let start = at
    while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { at += 1 }
    return at > start
  }

  private mutating func word(_ text: StaticString) -> Bool {
    for place in 0..<text.utf8CodeUnitCount { guard take(text.utf8Start[place]) else { return false } }
    return true
  }
}

private func isHexDigit(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
    UInt8(ascii: "A")...UInt8(ascii: "F"):
    true
  default: false
  }
}
