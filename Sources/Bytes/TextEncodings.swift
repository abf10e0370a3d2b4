/// A lower-case hexadecimal digit.
@inline(__always)
func hexDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

private let base64urlAlphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
private let base32Alphabet: StaticString = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
private let base32LowerAlphabet: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"

extension ByteBuffer {
  /// Appends lower-case hexadecimal, most significant digit first.
  public mutating func append(hex value: UInt64, digits: Int = 16) {
    for place in stride(from: digits - 1, through: 0, by: -1) {
      append(hexDigit(UInt8(truncatingIfNeeded: value >> UInt64(4 * place)) & 15))
    }
  }

  public mutating func append(hex bytes: RawSpan) {
    for offset in 0..<bytes.byteCount {
      append(hex: UInt64(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)), digits: 2)
    }
  }

  /// Writes 16 hexadecimal digits over bytes that are already there.
  public mutating func replace(at offset: Int, hex value: UInt64) {
    // Eight nibbles a word, the first digit in the lowest byte: no branch and no table.
    replace(at: offset, littleEndian: hexDigits(UInt32(truncatingIfNeeded: value >> 32)))
    replace(at: offset + 8, littleEndian: hexDigits(UInt32(truncatingIfNeeded: value)))
  }

  /// Writes the low 40 bits, eight digits of Crockford's base 32, over bytes that are already there.
  public mutating func replace(at offset: Int, base32 value: UInt64) {
    var digits: UInt64 = 0
    for place in 0..<8 {
      let digit = base32Alphabet.utf8Start[Int(truncatingIfNeeded: value >> UInt64(35 - 5 * place)) & 31]
      digits |= UInt64(digit) << UInt64(8 * place)
    }
    replace(at: offset, littleEndian: digits)
  }

  /// Appends the low `5 × digits` bits in Crockford's base 32, which leaves out I, L, O and U, most significant first.
  public mutating func append(base32 value: UInt64, digits: Int, lowercase: Bool = false) {
    let alphabet = lowercase ? base32LowerAlphabet : base32Alphabet
    for place in stride(from: digits - 1, through: 0, by: -1) {
      let shift = UInt64(5 * place)
      append(alphabet.utf8Start[shift >= 64 ? 0 : Int(truncatingIfNeeded: (value >> shift) & 31)])
    }
  }
}

/// The base64url character (RFC 4648 §5) of the low six bits.
@inline(__always)
func base64urlDigit(_ value: UInt8) -> UInt8 { base64urlAlphabet.utf8Start[Int(value & 63)] }

/// The six bits that a base64url character stands for.
@inline(__always)
func base64urlValue(_ digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
  case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
  case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
  case UInt8(ascii: "-"): 62
  case UInt8(ascii: "_"): 63
  default: nil
  }
}

/// Eight lower-case hexadecimal digits, the first in the lowest byte.
private func hexDigits(_ value: UInt32) -> UInt64 {
  var spread = UInt64(value.byteSwapped)
  spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF
  spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF
  let nibbles = (spread & 0x000F_000F_000F_000F) << 8 | (spread & 0x00F0_00F0_00F0_00F0) >> 4
  // 10…15 carry into the fifth bit when 6 is added; those become letters.
  let letters = ((nibbles + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
  return nibbles + 0x3030_3030_3030_3030 + letters * 39
}
