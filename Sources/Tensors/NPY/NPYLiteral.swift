/// Reads the Python dict literal of a .npy header. Only what numpy writes, nothing else of Python:
///
///     dict   = "{" [ entry { "," entry } [ "," ] ] "}" blanks
///     entry  = string ":" value            keys descr, fortran_order and shape, each exactly once
///     value  = string | list | "True" | "False" | tuple
///     tuple  = "(" [ int { "," int } [ "," ] ] ")"     int = digits [ "L" ], as Python 2 wrote
///
/// A list is a structured type: it is not read further, as nothing after it matters.
struct NPYLiteral {
  struct Fields: Equatable {
    var descr: String
    var isFortran: Bool
    var shape: [Int]
  }

  /// numpy has no arrays of more.
  static let sidesMax = 64

  private let bytes: [UInt8]
  private let start: Int
  private let file: String
  private var place = 0
  private var descr: String?
  private var isFortran: Bool?
  private var shape: [Int]?

  init(_ all: RawSpan, _ range: Range<Int>, _ file: String) {
    bytes = range.map { all.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    start = range.lowerBound
    self.file = file
  }

  mutating func read() throws(TensorError) -> Fields {
    try expect("{")
    while try peek() != UInt8(ascii: "}") {
      try entry()
      if descr?.first == "[" { return Fields(descr: "[", isFortran: false, shape: []) }
      guard try peek() == UInt8(ascii: ",") else { break }
      place += 1
    }
    try expect("}")
    skipBlanks()
    guard place == bytes.count else { throw malformed("has something behind the header's dict") }
    guard let descr else { throw malformed("has no 'descr' in its header") }
    guard let isFortran else { throw malformed("has no 'fortran_order' in its header") }
    guard let shape else { throw malformed("has no 'shape' in its header") }
    return Fields(descr: descr, isFortran: isFortran, shape: shape)
  }

  private mutating func entry() throws(TensorError) {
    let key = try string()
    try expect(":")
    switch key {
    case "descr" where descr == nil: descr = try peek() == UInt8(ascii: "[") ? "[" : try string()
    case "fortran_order" where isFortran == nil: isFortran = try bool()
    case "shape" where shape == nil: shape = try tuple()
    case "descr", "fortran_order", "shape": throw malformed("has \(quoted(key)) twice in its header")
    default: throw malformed("has a key \(quoted(key)) in its header, which numpy does not write")
    }
  }

  private mutating func string() throws(TensorError) -> String {
    let quote = try peek()
    guard quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw malformed("has no string where one must be")
    }
    let first = place + 1
    guard let end = bytes[first...].firstIndex(of: quote) else { throw malformed("has a string without an end") }
    place = end + 1
    guard let text = String(validating: bytes[first..<end], as: UTF8.self), !text.contains("\\") else {
      throw malformed("has a string that is no plain text")
    }
    return text
  }

  private mutating func bool() throws(TensorError) -> Bool {
    _ = try peek()
    for (word, value) in [("True", true), ("False", false)] where bytes[place...].starts(with: word.utf8) {
      place += word.utf8.count
      return value
    }
    throw malformed("has neither True nor False as 'fortran_order'")
  }

  private mutating func tuple() throws(TensorError) -> [Int] {
    try expect("(")
    var sides: [Int] = []
    while try peek() != UInt8(ascii: ")") {
      guard sides.count < Self.sidesMax else { throw malformed("has a shape of more than \(Self.sidesMax) sides") }
      sides.append(try number())
      // `(5)` is no tuple but a number in Python; numpy writes `(5,)`.
      guard try peek() == UInt8(ascii: ",") else {
        guard sides.count > 1 else { throw malformed("has a shape that is no tuple") }
        break
      }
      place += 1
    }
    try expect(")")
    return sides
  }

  private mutating func number() throws(TensorError) -> Int {
    let first = place
    var value = 0
    while place < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) {
      let (tens, tooMany) = value.multipliedReportingOverflow(by: 10)
      let (next, tooLarge) = tens.addingReportingOverflow(Int(bytes[place] - UInt8(ascii: "0")))
      guard !tooMany, !tooLarge else { throw malformed("has a side in its shape that is too large") }
      value = next
      place += 1
    }
    guard place > first else { throw malformed("has no number in its shape where one must be") }
    if place < bytes.count, bytes[place] == UInt8(ascii: "L") { place += 1 }
    return value
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(TensorError) {
    guard try peek() == UInt8(ascii: character) else { throw malformed("has no \"\(character)\" where one must be") }
    place += 1
  }

  /// The next byte that is no blank.
  private mutating func peek() throws(TensorError) -> UInt8 {
    skipBlanks()
    guard place < bytes.count else { throw malformed("has a header that ends too early") }
    return bytes[place]
  }

  private mutating func skipBlanks() {
    while place < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) { place += 1 }
  }

  private func malformed(_ detail: String) -> TensorError {
    TensorError(.malformed, detail, file: file, offset: start + place)
  }
}
