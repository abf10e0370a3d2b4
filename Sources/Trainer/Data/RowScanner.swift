/// What stands between two fields.
struct Delimiter: Equatable, Sendable {
  let byte: UInt8
  /// 2 for MovieLens' `::`, else 1.
  let width: Int

  static let comma = Delimiter(byte: 0x2C, width: 1)
  static let tab = Delimiter(byte: 0x09, width: 1)
  static let semicolon = Delimiter(byte: 0x3B, width: 1)
  static let bar = Delimiter(byte: 0x7C, width: 1)
  static let doubleColon = Delimiter(byte: 0x3A, width: 2)

  static let known: [Delimiter] = [.comma, .tab, .semicolon, .bar, .doubleColon]
}

/// Cuts delimited text into rows and fields without copying any.
///
///     file  = [BOM] row *(newline row) [newline]        newline = LF | CRLF
///     row   = field *(delimiter field)
///     field = plain | DQUOTE *(any but DQUOTE | 2DQUOTE) DQUOTE
///
/// RFC 4180, with three additions: a lone LF ends a row; blanks around a plain field are not part of it; a quote inside
/// a plain field is a letter like others. A quoted field may hold delimiters and newlines. One that never closes breaks
/// its own row only: scanning goes on at the next line, so that one stray quote does not swallow a file.
struct RowScanner: ~Escapable {
  struct Field {
    var start: Int
    var end: Int
    /// Whether pairs of quotes in it stand for one.
    var isEscaped: Bool
  }

  enum Outcome: Equatable {
    case row
    /// The row is not well formed; `line` says where.
    case broken(String)
    case end
  }

  /// A quoted field this long is taken for a stray quote: the longest description of an item is far below it.
  static let quotedBytesMax = 1 << 16

  let bytes: RawSpan
  let delimiter: Delimiter
  /// The fields of the row last given.
  private(set) var fields: [Field] = []
  /// The line, from 1, on which the row last given begins.
  private(set) var line = 0
  /// Where the next row begins.
  private(set) var offset = 0
  private var nextLine = 1

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, delimiter: Delimiter) {
    self.bytes = bytes
    self.delimiter = delimiter
    fields.reserveCapacity(16)
    if startsWithByteOrderMark(bytes) { offset = 3 }
  }

  /// Lends the bytes of a field of the current row. They are the file's own, except where pairs of quotes have to
  /// become one.
  func withField<Result>(_ index: Int, _ body: (RawSpan) -> Result) -> Result {
    let field = fields[index]
    let raw = bytes.extracting(field.start..<field.end)
    guard field.isEscaped else { return body(raw) }
    let unescaped = Self.unescape(raw)
    return body(unescaped.span.bytes)
  }

  /// A field as text; what is not UTF-8 is read as Latin-1, the encoding of the older MovieLens sets.
  func text(_ index: Int) -> String { withField(index) { readText($0) } }

  func isEmpty(_ index: Int) -> Bool { fields[index].start == fields[index].end }

  private static func unescape(_ raw: RawSpan) -> [UInt8] {
    var result: [UInt8] = []
    var at = 0
    while at < raw.byteCount {
      let byte = raw.unsafeLoad(fromByteOffset: at, as: UInt8.self)
      result.append(byte)
      at += byte == quote ? 2 : 1
    }
    return result
  }
}

private let quote: UInt8 = 0x22
private let newline: UInt8 = 0x0A
private let carriageReturn: UInt8 = 0x0D

func startsWithByteOrderMark(_ bytes: RawSpan) -> Bool {
  guard bytes.byteCount >= 3 else { return false }
  return bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) == 0xEF
    && bytes.unsafeLoad(fromByteOffset: 1, as: UInt8.self) == 0xBB
    && bytes.unsafeLoad(fromByteOffset: 2, as: UInt8.self) == 0xBF
}

/// UTF-8, or Latin-1 where the bytes are not UTF-8. O(bytes).
func readText(_ bytes: RawSpan) -> String {
  bytes.withUnsafeBytes { raw in
    String(validating: raw, as: UTF8.self)
      ?? String(String.UnicodeScalarView(raw.map { Unicode.Scalar($0) }))
  }
}

// MARK: - Scanning

extension RowScanner {
  /// Moves to the next row that is not an empty line. O(bytes of the row).
  mutating func next() -> Outcome {
    let bytes = self.bytes
    return bytes.withUnsafeBytes { raw in
      let base = raw.baseAddress!.assumingMemoryBound(to: UInt8.self)
      while offset < raw.count {
        line = nextLine
        fields.removeAll(keepingCapacity: true)
        if let problem = scanRow(base, raw.count) {
          skipLine(base, raw.count)
          return .broken(problem)
        }
        let isBlank = fields.count == 1 && fields[0].start == fields[0].end
        if !isBlank { return .row }
      }
      return .end
    }
  }

  /// Scans one row from `offset`; nil when it is well formed, and `offset` then stands behind its newline.
  private mutating func scanRow(_ base: UnsafePointer<UInt8>, _ count: Int) -> String? {
    var at = offset
    var newlinesWithin = 0
    while true {
      if at < count, base[at] == quote {
        guard let field = quotedField(base, count, from: at, &newlinesWithin) else {
          return "a quote opens and never closes"
        }
        fields.append(field)
        at = field.end + 1
      } else {
        let start = at
        while at < count, base[at] != newline, !isDelimiter(base, count, at) { at += 1 }
        fields.append(trimmed(base, start, at))
      }
      if at < count, isDelimiter(base, count, at) {
        at += delimiter.width
        continue
      }
      if at < count, base[at] == carriageReturn { at += 1 }
      guard at == count || base[at] == newline else { return "text follows a closing quote" }
      offset = min(at + 1, count)
      nextLine = line + newlinesWithin + 1
      return nil
    }
  }

  private func quotedField(
    _ base: UnsafePointer<UInt8>, _ count: Int, from open: Int, _ newlines: inout Int
  ) -> Field? {
    let limit = min(count, open + Self.quotedBytesMax)
    var field = Field(start: open + 1, end: open + 1, isEscaped: false)
    while field.end < limit {
      let byte = base[field.end]
      if byte == quote {
        guard field.end + 1 < count, base[field.end + 1] == quote else { return field }
        field.isEscaped = true
        field.end += 1
      } else if byte == newline {
        newlines += 1
      }
      field.end += 1
    }
    return nil
  }

  @inline(__always)
  private func isDelimiter(_ base: UnsafePointer<UInt8>, _ count: Int, _ at: Int) -> Bool {
    base[at] == delimiter.byte && (delimiter.width == 1 || (at + 1 < count && base[at + 1] == delimiter.byte))
  }

  /// A plain field without the blanks around it and without the CR of a CRLF.
  private func trimmed(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Field {
    var (start, end) = (start, end)
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == carriageReturn }
    while end > start, isBlank(base[end - 1]) { end -= 1 }
    while start < end, isBlank(base[start]) { start += 1 }
    return Field(start: start, end: end, isEscaped: false)
  }

  /// After a broken row: to the line after the one on which it began.
  private mutating func skipLine(_ base: UnsafePointer<UInt8>, _ count: Int) {
    while offset < count, base[offset] != newline { offset += 1 }
    offset = min(offset + 1, count)
    nextLine = line + 1
  }
}
