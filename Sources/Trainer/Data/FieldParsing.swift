/// Numbers and times straight from the bytes of a field: no String, no allocation, no locale.

/// A decimal number such as `4`, `-0.5`, `1592337718.0` or `1.5e9`; nil for anything else, infinities included.
/// Exact for up to 15 digits, which ratings, weights and times stay below.
func parseDecimal(_ text: RawSpan) -> Double? {
  text.withUnsafeBytes { bytes in
    var at = 0
    let isNegative = at < bytes.count && bytes[at] == 0x2D
    if at < bytes.count, bytes[at] == 0x2D || bytes[at] == 0x2B { at += 1 }
    var digits = 0
    var fractionDigits = 0
    var value = 0.0
    while at < bytes.count, let digit = decimalDigit(bytes[at]) {
      value = value * 10 + Double(digit)
      digits += 1
      at += 1
    }
    if at < bytes.count, bytes[at] == 0x2E {
      at += 1
      while at < bytes.count, let digit = decimalDigit(bytes[at]) {
        value = value * 10 + Double(digit)
        fractionDigits += 1
        at += 1
      }
    }
    guard digits + fractionDigits > 0 else { return nil }
    var exponent = -fractionDigits
    if at < bytes.count, bytes[at] | 0x20 == 0x65 {
      guard let power = parseExponent(bytes, &at) else { return nil }
      exponent += power
    }
    guard at == bytes.count else { return nil }
    let scaled = exponent < 0 ? value / powerOfTen(-exponent) : value * powerOfTen(exponent)
    return scaled.isFinite ? (isNegative ? -scaled : scaled) : nil
  }
}

private func parseExponent(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Int? {
  at += 1
  let isNegative = at < bytes.count && bytes[at] == 0x2D
  if at < bytes.count, bytes[at] == 0x2D || bytes[at] == 0x2B { at += 1 }
  var power = 0
  let start = at
  while at < bytes.count, let digit = decimalDigit(bytes[at]) {
    power = min(power * 10 + digit, 1000)
    at += 1
  }
  return at > start ? (isNegative ? -power : power) : nil
}

private func powerOfTen(_ exponent: Int) -> Double {
  var result = 1.0
  for _ in 0..<exponent { result *= 10 }
  return result
}

@inline(__always)
func decimalDigit(_ byte: UInt8) -> Int? {
  byte >= 0x30 && byte <= 0x39 ? Int(byte &- 0x30) : nil
}

/// A point in time as Unix seconds, from 1 (0 stands for "unknown" everywhere in the trainer).
///
/// Takes Unix seconds, milliseconds, microseconds or nanoseconds, told apart by size (the bounds are the year 5138 in
/// seconds and 1973 in the next finer unit, so no sensible time is ambiguous), and ISO 8601 dates with or without a
/// time: `2020-05-31`, `2020-05-31 12:30`, `2020-05-31T12:30:00.5+02:00`. Without a zone the time is UTC.
func parseTime(_ text: RawSpan) -> UInt32? {
  if let number = parseDecimal(text) {
    var seconds = number
    var steps = 0
    while seconds >= 1e11, steps < 3 {
      seconds /= 1000
      steps += 1
    }
    return unixSeconds(seconds)
  }
  return parseISO8601(text)
}

private func unixSeconds(_ seconds: Double) -> UInt32? {
  seconds >= 1 && seconds < 4_294_967_296 ? UInt32(seconds) : nil
}

private func parseISO8601(_ text: RawSpan) -> UInt32? {
  var reader = DigitReader(text)
  guard let year = reader.number(4), reader.skip("-/"), let month = reader.number(2), reader.skip("-/"),
    let day = reader.number(2), (1...12).contains(month), (1...31).contains(day)
  else { return nil }
  var seconds = daysSinceEpoch(year: year, month: month, day: day) * 86_400
  if reader.skip("T ") {
    guard let clock = reader.clock() else { return nil }
    seconds += clock
    if let offset = reader.zone() { seconds -= offset } else { return nil }
  }
  return reader.isAtEnd ? unixSeconds(Double(seconds)) : nil
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
  let y = month <= 2 ? year - 1 : year
  let era = (y >= 0 ? y : y - 399) / 400
  let yearOfEra = y - era * 400
  let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

private struct DigitReader: ~Escapable {
  private let text: RawSpan
  private var at = 0

  @_lifetime(copy text)
  init(_ text: RawSpan) { self.text = text }

  var isAtEnd: Bool { at == text.byteCount }

  private var current: UInt8? { at < text.byteCount ? text.unsafeLoad(fromByteOffset: at, as: UInt8.self) : nil }

  /// Exactly `digits` digits.
  mutating func number(_ digits: Int) -> Int? {
    var value = 0
    for _ in 0..<digits {
      guard let byte = current, let digit = decimalDigit(byte) else { return nil }
      value = value * 10 + digit
      at += 1
    }
    return value
  }

  /// One of the letters, if it is next.
  mutating func skip(_ letters: StaticString) -> Bool {
    guard let byte = current else { return false }
    let found = letters.withUTF8Buffer { $0.contains(byte) }
    if found { at += 1 }
    return found
  }

  /// `HH:MM[:SS[.fraction]]` in seconds.
  mutating func clock() -> Int? {
    guard let hour = number(2), skip(":"), let minute = number(2), hour < 24, minute < 60 else { return nil }
    var seconds = hour * 3600 + minute * 60
    guard skip(":") else { return seconds }
    guard let second = number(2), second <= 60 else { return nil }
    seconds += second
    if skip(".,") { while let byte = current, decimalDigit(byte) != nil { at += 1 } }
    return seconds
  }

  /// `Z`, `+HH:MM`, `-HHMM` or nothing: seconds east of UTC.
  mutating func zone() -> Int? {
    _ = skip(" ")
    if isAtEnd || skip("Zz") { return 0 }
    let isWest = current == 0x2D
    guard skip("+-"), let hours = number(2) else { return nil }
    _ = skip(":")
    let minutes = isAtEnd ? 0 : number(2)
    guard let minutes else { return nil }
    return (isWest ? -1 : 1) * (hours * 3600 + minutes * 60)
  }
}
