internal import Bytes

/// Reads adjacency lines, `user item item …` separated by blanks or tabs, as Gowalla and other graph sets come.
///
/// A user alone on a line has no items and is passed over; a user on several lines has the items of all of them.
/// There is no header, no time and no weight.
struct AdjacencyReader {
  let path: String
  let progress: ProgressReceiver

  func read(
    _ file: borrowing InputFile, into builder: inout InteractionLogBuilder, _ report: inout ReadReport
  ) throws(TrainError) -> LogTraits {
    report.format = .adjacency
    var tokens = TokenScanner(file.bytes)
    progress(TrainProgress(.reading, 0, of: file.byteCount, "bytes"))
    while tokens.nextLine() {
      report.rows += 1
      if let problem = take(&tokens, &builder) { report.broken.add(line: tokens.line, problem.description) }
      if report.rows % 1024 == 0 { progress(TrainProgress(.reading, tokens.offset, of: file.byteCount, "bytes")) }
    }
    guard report.rows > 0 else { throw TrainError(.badInput, "\(path) holds no lines") }
    progress(TrainProgress(.reading, file.byteCount, of: file.byteCount, "bytes"))
    return LogTraits(hasTimes: false, isRated: false)
  }

  private func take(_ tokens: inout TokenScanner, _ builder: inout InteractionLogBuilder) -> RowProblem? {
    guard let name = tokens.next() else { return nil }
    var user: UInt32?
    while let token = tokens.next() {
      let id = tokens.bytes.extracting(token)
      let item: UInt32
      switch builder.item(id) {
      case .failure(let problem): return problem
      case .success(let found): item = found
      }
      if user == nil {
        switch builder.user(tokens.bytes.extracting(name)) {
        case .failure(let problem): return problem
        case .success(let found): user = found
        }
      }
      builder.append(user: user!, item: item, time: 0, weight: 1)
    }
    return nil
  }

  /// Whether a file looks like adjacency lines: its first two lines are numbers, separated by blanks or tabs.
  static func recognises(_ bytes: RawSpan) -> Bool {
    var tokens = TokenScanner(bytes)
    for _ in 0..<2 {
      guard tokens.nextLine() else { break }
      while let token = tokens.next() {
        let isNumber = bytes.extracting(token).withUnsafeBytes { $0.allSatisfy { decimalDigit($0) != nil } }
        if !isNumber { return false }
      }
    }
    return tokens.line > 0
  }
}

/// Walks over lines that are not blank, and over the tokens of each.
private struct TokenScanner: ~Escapable {
  let bytes: RawSpan
  private(set) var line = 0
  private(set) var offset: Int
  private var lineEnd = 0
  private var following: Int

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    self.bytes = bytes
    following = startsWithByteOrderMark(bytes) ? 3 : 0
    offset = following
  }

  mutating func nextLine() -> Bool {
    while following < bytes.byteCount {
      line += 1
      offset = following
      var end = following
      while end < bytes.byteCount, byte(end) != 0x0A { end += 1 }
      lineEnd = end
      following = end + 1
      skipBlanks()
      if offset < lineEnd { return true }
    }
    return false
  }

  mutating func next() -> Range<Int>? {
    skipBlanks()
    guard offset < lineEnd else { return nil }
    let start = offset
    while offset < lineEnd, !isBlank(byte(offset)) { offset += 1 }
    return start..<offset
  }

  private mutating func skipBlanks() {
    while offset < lineEnd, isBlank(byte(offset)) { offset += 1 }
  }

  private func byte(_ at: Int) -> UInt8 { bytes.unsafeLoad(fromByteOffset: at, as: UInt8.self) }
  private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
}
