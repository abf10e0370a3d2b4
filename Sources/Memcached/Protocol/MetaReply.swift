internal import Bytes

/// One reply of the server, as offsets into the bytes that were read.
struct MetaReply: Equatable {
  var code: MetaCode
  var flags = MetaFlags()
  /// Where the value lies; empty for every code but `.value`.
  var value: Range<Int> = 0..<0
  /// How many bytes the reply took, its line ends included.
  var byteCount = 0
}

enum MetaCode: Equatable {
  /// VA, HD, EN, NS, EX, NF
  case value, done, miss, notStored, exists, notFound
  /// `ERROR` and `CLIENT_ERROR …`
  case clientError
  /// `SERVER_ERROR …`. `storing`: one of the two texts that answer an `ms` whose value has been swallowed whole.
  case serverError(storing: Bool)
}

/// The flags of one reply line, and which of them were there.
struct MetaFlags: Equatable {
  struct Letters: OptionSet {
    let rawValue: UInt8
    static let opaque = Letters(rawValue: 1)
    static let ttl = Letters(rawValue: 2)
    static let cas = Letters(rawValue: 4)
    static let clientFlags = Letters(rawValue: 8)
    static let won = Letters(rawValue: 16)
    static let stale = Letters(rawValue: 32)
    static let alreadyWon = Letters(rawValue: 64)
    static let key = Letters(rawValue: 128)
    /// What `mg … v t c f O` makes the server send with every value.
    static let ofValue: Letters = [.opaque, .ttl, .cas, .clientFlags]
  }
  var letters: Letters = []
  var opaque: UInt32 = 0
  var clientFlags: UInt32 = 0
  var ttlSeconds = -1
  var cas: UInt64 = 0
  /// XXH3 of the key that the server names.
  var keyHash: UInt64 = 0

  func has(_ letter: Letters) -> Bool { letters.contains(letter) }
}

/// A reply that breaks the grammar. What comes after it cannot be told apart from a value.
enum MetaSyntaxError: Error, Equatable {
  case lineTooLong, lineEnd, code, length, flag, valueEnd
}

/// Cuts the input into replies.
///
/// Given the same bytes plus more until it returns a reply, it looks again only when enough have come: a megabyte that
/// arrives in pieces is not searched once per piece.
struct MetaReplyReader {
  /// The longest line we ask for is `VA 1048576 t-1 c<20> f<10> k<250> O<10> W X Z`, 319 bytes; the rest is room for the
  /// text of an error.
  static let lineBytesMax = 512
  private static let lineEndBytes = 2

  let valueBytesMax: Int
  /// No reply ends before this many bytes.
  private var bytesNeeded = 0

  init(valueBytesMax: Int = MetaLimits.valueBytesMax) { self.valueBytesMax = valueBytesMax }

  /// The reply at the front of `bytes`, or nil when it is not complete yet.
  ///
  ///     reply = line [value CRLF]     ; the value only after VA
  mutating func next(_ bytes: RawSpan) throws(MetaSyntaxError) -> MetaReply? {
    guard bytes.byteCount >= max(bytesNeeded, 1) else { return nil }
    guard let lineLength = try Self.lineLength(bytes) else {
      bytesNeeded = bytes.byteCount + 1
      return nil
    }
    var (reply, valueLength) = try parseMetaLine(bytes.extracting(0..<lineLength))
    reply.byteCount = lineLength + Self.lineEndBytes
    if reply.code == .value {
      guard valueLength <= valueBytesMax else { throw .length }
      reply.value = reply.byteCount..<reply.byteCount + valueLength
      reply.byteCount = reply.value.upperBound + Self.lineEndBytes
      guard bytes.byteCount >= reply.byteCount else {
        bytesNeeded = reply.byteCount
        return nil
      }
      guard isLineEnd(bytes, at: reply.value.upperBound) else { throw .valueEnd }
    }
    bytesNeeded = 0
    return reply
  }

  /// The length of the first line without its CRLF; nil when the line end has not come yet. LF alone is no line end.
  static func lineLength(_ bytes: RawSpan) throws(MetaSyntaxError) -> Int? {
    let searched = min(bytes.byteCount, lineBytesMax + lineEndBytes)
    for offset in 0..<searched where byte(bytes, offset) == UInt8(ascii: "\n") {
      guard offset > 0, byte(bytes, offset - 1) == UInt8(ascii: "\r") else { throw .lineEnd }
      return offset - 1
    }
    guard searched < lineBytesMax + lineEndBytes else { throw .lineTooLong }
    return nil
  }
}

/// One line without its CRLF, and the length of the value that follows it.
///
///     line  = "VA" SP length flags | ("HD" | "EN" | "NS" | "EX" | "NF") flags
///           | "ERROR" | "CLIENT_ERROR" SP text | "SERVER_ERROR" SP text
func parseMetaLine(_ line: RawSpan) throws(MetaSyntaxError) -> (MetaReply, valueLength: Int) {
  guard line.byteCount >= 2 else { throw .code }
  let isTwoLetters = line.byteCount == 2 || byte(line, 2) == UInt8(ascii: " ")
  guard isTwoLetters else { return (MetaReply(code: try parseErrorLine(line)), 0) }
  guard let code = metaCode(byte(line, 0), byte(line, 1)) else { throw .code }
  guard code == .value else { return (MetaReply(code: code, flags: try parseMetaFlags(line, from: 2)), 0) }
  guard let length = parseNumber(line, from: 3, as: Int.self, max: Int(UInt32.max)) else { throw .length }
  return (MetaReply(code: code, flags: try parseMetaFlags(line, from: length.end)), length.value)
}

private func metaCode(_ first: UInt8, _ second: UInt8) -> MetaCode? {
  switch (Unicode.Scalar(first), Unicode.Scalar(second)) {
  case ("V", "A"): .value
  case ("H", "D"): .done
  case ("E", "N"): .miss
  case ("N", "S"): .notStored
  case ("E", "X"): .exists
  case ("N", "F"): .notFound
  default: nil
  }
}

/// Error lines carry no opaque.
private func parseErrorLine(_ line: RawSpan) throws(MetaSyntaxError) -> MetaCode {
  if starts(line, with: "SERVER_ERROR ") {
    // process_mset_command and complete_nread of memcached: the value has been read to its end and thrown away.
    let storing =
      starts(line, with: "SERVER_ERROR object too large for cache")
      || starts(line, with: "SERVER_ERROR out of memory storing object")
    return .serverError(storing: storing)
  }
  if starts(line, with: "CLIENT_ERROR ") || (starts(line, with: "ERROR") && line.byteCount == 5) { return .clientError }
  throw .code
}

///     flags = *(SP flag)
///     flag  = "O" u32 | "t" ("-1" | seconds) | "c" u64 | "f" u32 | "k" key | "W" | "X" | "Z"
///
/// Only what our commands ask for, each at most once: any other flag answers a question that we did not put.
func parseMetaFlags(_ line: RawSpan, from start: Int) throws(MetaSyntaxError) -> MetaFlags {
  var flags = MetaFlags()
  var at = start
  // Newer and older servers differ in a trailing space, so one is let pass.
  while at < line.byteCount, !(at == line.byteCount - 1 && byte(line, at) == UInt8(ascii: " ")) {
    guard byte(line, at) == UInt8(ascii: " ") else { throw .flag }
    let (letter, end) = try parseMetaFlag(line, at: at + 1, into: &flags)
    guard flags.letters.insert(letter).inserted else { throw .flag }
    at = end
  }
  return flags
}

private func parseMetaFlag(
  _ line: RawSpan, at: Int, into flags: inout MetaFlags
) throws(MetaSyntaxError) -> (MetaFlags.Letters, end: Int) {
  switch byte(line, at) {
  case UInt8(ascii: "W"): return (.won, at + 1)
  case UInt8(ascii: "X"): return (.stale, at + 1)
  case UInt8(ascii: "Z"): return (.alreadyWon, at + 1)
  case UInt8(ascii: "k"):
    var end = at + 1
    while end < line.byteCount, byte(line, end) != UInt8(ascii: " ") { end += 1 }
    flags.keyHash = xxh3(line.extracting(at + 1..<end))
    return (.key, end)
  case UInt8(ascii: "O"):
    guard let number = parseNumber(line, from: at + 1, as: UInt32.self) else { throw .flag }
    flags.opaque = number.value
    return (.opaque, number.end)
  case UInt8(ascii: "f"):
    guard let number = parseNumber(line, from: at + 1, as: UInt32.self) else { throw .flag }
    flags.clientFlags = number.value
    return (.clientFlags, number.end)
  case UInt8(ascii: "c"):
    guard let number = parseNumber(line, from: at + 1, as: UInt64.self) else { throw .flag }
    flags.cas = number.value
    return (.cas, number.end)
  case UInt8(ascii: "t"):
    if at + 2 < line.byteCount, byte(line, at + 1) == UInt8(ascii: "-"), byte(line, at + 2) == UInt8(ascii: "1") {
      flags.ttlSeconds = -1
      return (.ttl, at + 3)
    }
    guard let number = parseNumber(line, from: at + 1, as: Int.self, max: Int(UInt32.max)) else { throw .flag }
    flags.ttlSeconds = number.value
    return (.ttl, number.end)
  default: throw .flag
  }
}

/// `1*DIGIT`, at most `max`; nil for anything else. Stops at the first byte that is no digit.
private func parseNumber<Number: FixedWidthInteger>(
  _ line: RawSpan, from start: Int, as: Number.Type, max: Number = .max
) -> (value: Number, end: Int)? {
  var value: Number = 0
  var at = start
  while at < line.byteCount {
    let digit = byte(line, at) &- UInt8(ascii: "0")
    guard digit <= 9 else { break }
    let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, carry) = shifted.addingReportingOverflow(Number(digit))
    guard !overflow, !carry, sum <= max else { return nil }
    value = sum
    at += 1
  }
  return at > start ? (value, at) : nil
}

private func byte(_ bytes: RawSpan, _ offset: Int) -> UInt8 { bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) }

private func isLineEnd(_ bytes: RawSpan, at offset: Int) -> Bool {
  byte(bytes, offset) == UInt8(ascii: "\r") && byte(bytes, offset + 1) == UInt8(ascii: "\n")
}

func starts(_ line: RawSpan, with prefix: StaticString) -> Bool {
  guard line.byteCount >= prefix.utf8CodeUnitCount else { return false }
  for offset in 0..<prefix.utf8CodeUnitCount where byte(line, offset) != prefix.utf8Start[offset] { return false }
  return true
}
