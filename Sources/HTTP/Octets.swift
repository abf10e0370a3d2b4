internal import Glibc

/// Bytes under the parser's eye. The one file of this module that reads memory unchecked in release builds.
///
/// Why unchecked: the whole budget of a hit is some 600 ns above the bare system calls, and every byte of a head is
/// looked at here. Debug builds, in which the tests and AddressSanitizer run, check every index.
struct Octets {
  let start: UnsafePointer<UInt8>
  let count: Int

  /// The memory must outlive this value: it is only made inside `RawSpan.withUnsafeBytes`.
  init(_ bytes: UnsafeRawBufferPointer) {
    let nothing: StaticString = ""
    start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? nothing.utf8Start
    count = bytes.count
  }

  @inline(__always)
  subscript(_ offset: Int) -> UInt8 {
    assert(offset >= 0 && offset < count, "offset \(offset) outside \(count) bytes")
    return start[offset]
  }

  @inline(__always)
  func word(at offset: Int) -> UInt64 {
    assert(offset >= 0 && offset + 8 <= count)
    return UInt64(littleEndian: UnsafeRawPointer(start).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Where `byte` first stands in `range`.
  @inline(__always)
  func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
    assert(range.lowerBound >= 0 && range.upperBound <= count)
    guard let found = memchr(start + range.lowerBound, CInt(byte), range.count) else { return nil }
    return UnsafeRawPointer(start).distance(to: UnsafeRawPointer(found))
  }

  func equal(_ range: Range<Int>, _ text: StaticString) -> Bool {
    assert(range.lowerBound >= 0 && range.upperBound <= count)
    return range.count == text.utf8CodeUnitCount && memcmp(start + range.lowerBound, text.utf8Start, range.count) == 0
  }

  /// Whether a token equals `text`, whatever the case of its letters. `text` is lower-case letters, digits and hyphens.
  ///
  /// Setting bit 5 lowers letters and leaves digits and the hyphen as they are. It would also make a hyphen of a CR, but
  /// a token holds none.
  @inline(__always)
  func equal(_ range: Range<Int>, lowercase text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    for offset in 0..<range.count where self[range.lowerBound + offset] | 0x20 != text.utf8Start[offset] {
      return false
    }
    return true
  }

  /// `range` without the spaces and tabs at its ends (OWS, RFC 9110 §5.6.3).
  @inline(__always)
  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (lower, upper) = (range.lowerBound, range.upperBound)
    while lower < upper && isBlank(self[lower]) { lower += 1 }
    while upper > lower && isBlank(self[upper - 1]) { upper -= 1 }
    return lower..<upper
  }

  /// The first offset from `offset` on, and below `end`, whose byte is not a token character; else `end`.
  @inline(__always)
  func tokenEnd(from offset: Int, to end: Int) -> Int {
    var at = offset
    while at < end && isToken(self[at]) { at += 1 }
    return at
  }

  /// Whether a range may stand in a field value: VCHAR, obs-text, SP and HTAB (RFC 9110 §5.5).
  ///
  /// Eight bytes at a time; a word with a suspicious byte, which in practice is a tab, is looked at byte by byte.
  @inline(__always)
  func isFieldContent(_ range: Range<Int>) -> Bool {
    var at = range.lowerBound
    while at + 8 <= range.upperBound {
      let word = word(at: at)
      if bytesBelow(word, 0x20) | zeroBytes(word ^ every(0x7F)) != 0 {
        for offset in at..<at + 8 where !isFieldByte(self[offset]) { return false }
      }
      at += 8
    }
    while at < range.upperBound {
      guard isFieldByte(self[at]) else { return false }
      at += 1
    }
    return true
  }

  /// Whether a range may stand in a request target: visible ASCII but `#` (RFC 9112 §3.2).
  ///
  /// RFC 3986 would also forbid `"<>\^`{|}`; browsers send some of them, and none can be mistaken for framing.
  @inline(__always)
  func isTargetContent(_ range: Range<Int>) -> Bool {
    var at = range.lowerBound
    while at + 8 <= range.upperBound {
      let word = word(at: at)
      let bad =
        bytesBelow(word, 0x21) | zeroBytes(word ^ every(0x7F)) | zeroBytes(word ^ every(UInt8(ascii: "#")))
        | word & every(0x80)
      guard bad == 0 else { return false }
      at += 8
    }
    while at < range.upperBound {
      let byte = self[at]
      guard byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#") else { return false }
      at += 1
    }
    return true
  }
}

// Eight bytes in one word (Hacker's Delight §6-1). Each answer is exact as "any or none", which is all that is asked.

@inline(__always)
func every(_ byte: UInt8) -> UInt64 { 0x0101_0101_0101_0101 &* UInt64(byte) }

@inline(__always)
func zeroBytes(_ word: UInt64) -> UInt64 { (word &- every(1)) & ~word & every(0x80) }

/// `bound` at most 128.
@inline(__always)
func bytesBelow(_ word: UInt64, _ bound: UInt8) -> UInt64 { (word &- every(bound)) & ~word & every(0x80) }

@inline(__always)
func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

@inline(__always)
func isFieldByte(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7F) || byte == 0x09 }

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

/// The value of a hexadecimal digit; nil for anything else.
@inline(__always)
func hexValue(_ byte: UInt8) -> UInt8? {
  if isDigit(byte) { return byte &- 0x30 }
  let letter = (byte | 0x20) &- UInt8(ascii: "a")
  return letter < 6 ? letter + 10 : nil
}

/// tchar (RFC 9110 §5.6.2): letters, digits and ``!#$%&'*+-.^_`|~``. One bit a byte value, 128 of them in two words.
@inline(__always)
func isToken(_ byte: UInt8) -> Bool {
  let low: UInt64 = 0x03FF_6CFA_0000_0000
  let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
  let word = byte < 64 ? low : high
  return byte < 128 && word &>> UInt64(byte & 63) & 1 != 0
}
