extension ByteBuffer {
  /// Appends a whole number in decimal.
  @inlinable
  public mutating func append(decimal value: some FixedWidthInteger) {
    if value < 0 { append(UInt8(ascii: "-")) }
    append(decimalDigitsOf: UInt64(value.magnitude))
  }

  /// Appends the digits of a number.
  public mutating func append(decimalDigitsOf value: UInt64) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var rest = value
    var first = 20
    repeat {
      first -= 1
      digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    append(digits.span.extracting(first..<20).bytes)
  }

  /// Appends a number with `digits` (at most 9) digits after the point, rounded half away from zero. A value that is
  /// not finite or whose whole part needs more than 9 digits is written as 0: JSON has no word for it.
  public mutating func append(fixed value: Double, digits: Int) {
    precondition((0...9).contains(digits))
    var scale: UInt64 = 1
    for _ in 0..<digits { scale *= 10 }
    let magnitude = value.magnitude
    guard magnitude < 1e9 else { return append(UInt8(ascii: "0")) }
    let scaled = UInt64((magnitude * Double(scale)).rounded())
    if value < 0 && scaled > 0 { append(UInt8(ascii: "-")) }
    append(decimal: scaled / scale)
    guard digits > 0 else { return }
    append(UInt8(ascii: "."))
    var fraction = scaled % scale
    var place = scale / 10
    while place > 0 {
      append(UInt8(ascii: "0") + UInt8(fraction / place))
      fraction %= place
      place /= 10
    }
  }

  /// Appends the inside of a JSON string (RFC 8259 §7), without its quotes. Bytes that are not UTF-8 become U+FFFD, so
  /// that whatever a client or file held, the answer is valid JSON.
  public mutating func append(jsonEscaped bytes: RawSpan) {
    bytes.withUnsafeBytes { bytes in
      var clean = 0
      var at = 0
      while at < bytes.count {
        let byte = bytes[at]
        if byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
          at += 1
          continue
        }
        let sequence = byte < 0x80 ? 0 : utf8SequenceLength(bytes, at)
        if sequence > 0 {
          at += sequence
          continue
        }
        append(unsafe: UnsafeRawBufferPointer(rebasing: bytes[clean..<at]))
        if byte >= 0x80 { append("\u{FFFD}" as StaticString) } else { appendEscape(of: byte) }
        at += 1
        clean = at
      }
      append(unsafe: UnsafeRawBufferPointer(rebasing: bytes[clean...]))
    }
  }

  public mutating func append(jsonEscaped text: String) {
    append(jsonEscaped: text.utf8.span.bytes)
  }

  private mutating func appendEscape(of byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
    case 0x0A: append(UInt8(ascii: "n"))
    case 0x0D: append(UInt8(ascii: "r"))
    case 0x09: append(UInt8(ascii: "t"))
    default:
      append("u00" as StaticString)
      append(hexDigit(byte >> 4))
      append(hexDigit(byte & 15))
    }
  }
}

/// Length of the valid UTF-8 sequence that starts at `at` (RFC 3629 §4), 0 when there is none.
private func utf8SequenceLength(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
  func continues(_ offset: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xBF) -> Bool {
    at + offset < bytes.count && bytes[at + offset] >= low && bytes[at + offset] <= high
  }
  switch bytes[at] {
  case 0xC2...0xDF: return continues(1) ? 2 : 0
  case 0xE0: return continues(1, 0xA0) && continues(2) ? 3 : 0
  case 0xED: return continues(1, 0x80, 0x9F) && continues(2) ? 3 : 0
  case 0xE1...0xEF: return continues(1) && continues(2) ? 3 : 0
  case 0xF0: return continues(1, 0x90) && continues(2) && continues(3) ? 4 : 0
  case 0xF4: return continues(1, 0x80, 0x8F) && continues(2) && continues(3) ? 4 : 0
  case 0xF1...0xF3: return continues(1) && continues(2) && continues(3) ? 4 : 0
  default: return 0
  }
}
