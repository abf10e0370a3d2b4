/// Walks over the members of a JSON object on one line (RFC 8259), without building anything.
///
///     object = "{" [member *("," member)] "}"       member = string ":" (string / number / literal / nested)
///
/// Nested objects and arrays are stepped over. Lenient inside them and in numbers, whose readers check what they need;
/// strict where a wrong step would mix members up.
struct FlatJSON: ~Escapable {
  struct Member {
    var name: Range<Int>
    /// Without the quotes of a string.
    var value: Range<Int>
    var isString: Bool
    /// Whether the value has backslashes to be resolved (`unescaped`).
    var isEscaped: Bool
  }

  enum Outcome {
    case member(Member)
    case end
    case broken
  }

  let bytes: RawSpan
  private var at = 0
  private var isFirst = true

  @_lifetime(copy line)
  init(_ line: RawSpan) { bytes = line }

  mutating func next() -> Outcome {
    skipBlanks()
    guard take(isFirst ? 0x7B : 0x2C) else {
      return !isFirst && take(0x7D) && isAtEnd() ? .end : .broken
    }
    skipBlanks()
    if isFirst, take(0x7D) { return isAtEnd() ? .end : .broken }
    isFirst = false
    guard let name = string() else { return .broken }
    skipBlanks()
    guard take(0x3A) else { return .broken }
    skipBlanks()
    if current == 0x22 {
      guard let (value, isEscaped) = string() else { return .broken }
      return .member(Member(name: name.range, value: value, isString: true, isEscaped: isEscaped))
    }
    guard let value = scalarOrNested() else { return .broken }
    return .member(Member(name: name.range, value: value, isString: false, isEscaped: false))
  }

  /// The text of a string value with its backslashes resolved; nil for an escape that JSON does not have.
  func unescaped(_ range: Range<Int>) -> [UInt8]? {
    var result: [UInt8] = []
    var place = range.lowerBound
    while place < range.upperBound {
      let byte = self.byte(place)
      place += 1
      guard byte == 0x5C else {
        result.append(byte)
        continue
      }
      guard place < range.upperBound else { return nil }
      let escape = self.byte(place)
      place += 1
      if escape == 0x75 {
        guard let scalar = unicodeEscape(&place, range.upperBound) else { return nil }
        result.append(contentsOf: Array(String(Character(scalar)).utf8))
      } else {
        guard let plain = Self.plainEscapes.first(where: { $0.0 == escape }) else { return nil }
        result.append(plain.1)
      }
    }
    return result
  }

  private static let plainEscapes: [(UInt8, UInt8)] = [
    (0x22, 0x22), (0x5C, 0x5C), (0x2F, 0x2F), (0x62, 0x08), (0x66, 0x0C), (0x6E, 0x0A), (0x72, 0x0D), (0x74, 0x09),
  ]

  /// The four digits behind `\u`, and the low surrogate that has to follow a high one.
  private func unicodeEscape(_ place: inout Int, _ end: Int) -> Unicode.Scalar? {
    guard let first = hexNumber(&place, end) else { return nil }
    guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) }
    guard place + 2 <= end, byte(place) == 0x5C, byte(place + 1) == 0x75 else { return nil }
    place += 2
    guard let second = hexNumber(&place, end), (0xDC00..<0xE000).contains(second) else { return nil }
    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
  }

  private func hexNumber(_ place: inout Int, _ end: Int) -> UInt32? {
    guard place + 4 <= end else { return nil }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(byte(place))).hexDigitValue else { return nil }
      value = value << 4 | UInt32(digit)
      place += 1
    }
    return value
  }

  // MARK: - Steps

  private func byte(_ place: Int) -> UInt8 { bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self) }
  private var current: UInt8? { at < bytes.byteCount ? byte(at) : nil }

  private mutating func skipBlanks() {
    while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0D { at += 1 }
  }

  private mutating func take(_ expected: UInt8) -> Bool {
    guard current == expected else { return false }
    at += 1
    return true
  }

  private mutating func isAtEnd() -> Bool {
    skipBlanks()
    return at == bytes.byteCount
  }

  private mutating func string() -> (range: Range<Int>, isEscaped: Bool)? {
    guard take(0x22) else { return nil }
    let start = at
    var isEscaped = false
    while let byte = current {
      if byte == 0x22 {
        at += 1
        return (start..<at - 1, isEscaped)
      }
      if byte == 0x5C {
        isEscaped = true
        at += 1
      }
      at += 1
    }
    return nil
  }

  private mutating func scalarOrNested() -> Range<Int>? {
    let start = at
    var depth = 0
    while let byte = current {
      if byte == 0x22 {
        guard string() != nil else { return nil }
        continue
      }
      if byte == 0x7B || byte == 0x5B { depth += 1 }
      if depth == 0, byte == 0x2C || byte == 0x7D || byte == 0x20 { break }
      if byte == 0x7D || byte == 0x5D {
        depth -= 1
        if depth < 0 { return nil }
      }
      at += 1
    }
    return depth == 0 && at > start ? start..<at : nil
  }
}
