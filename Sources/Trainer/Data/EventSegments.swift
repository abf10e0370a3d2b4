internal import Bytes
internal import Events
internal import Glibc

/// Reads interactions that come as JSON lines: the hourly event segments of gateways, whose users are pseudonyms
/// already, and plain files (`.jsonl`, `.ndjson`) with users' own ids.
///
///     {"user":"kq1…16 characters","item":"b0001","event":"view","timestamp":1767225600,"eventId":"…"}
///
/// Members are known by the names that columns have (`InteractionColumn`); others are passed over. A segment that a
/// crash has torn ends with its last whole batch.
struct JSONLinesReader {
  let path: String
  /// Whether users are hashed already: gateways write nothing else.
  let isPseudonymous: Bool
  /// Goes before the reasons of broken lines, where several files are read as one.
  var label = ""

  /// Which column a member is, by its name; and how far down the column's list of names, of which earlier ones win.
  private struct Names {
    private var table = IdTable()
    private var columns: [(column: InteractionColumn, rank: Int)?] = []

    mutating func column(_ name: RawSpan) -> (column: InteractionColumn, rank: Int)? {
      let number = Int(table.intern(name))
      if number == columns.count {
        let folded = foldedName(String(copying: name))
        columns.append(
          InteractionColumn.allCases.lazy.compactMap { column in
            column.names.firstIndex(of: folded).map { (column, $0) }
          }.first)
      }
      return columns[number]
    }
  }

  /// The members of a line that matter.
  private struct Line {
    var members = [FlatJSON.Member?](repeating: nil, count: InteractionColumn.allCases.count)
    var ranks = [Int](repeating: .max, count: InteractionColumn.allCases.count)

    subscript(column: InteractionColumn) -> FlatJSON.Member? { members[column.rawValue] }

    mutating func removeAll() {
      for place in members.indices {
        members[place] = nil
        ranks[place] = .max
      }
    }
  }

  /// Adds the lines of `text` to the log. `done` is called now and then with the bytes read. Returns what the lines
  /// were found to have: times when all of them do, ratings when any does.
  func read(
    _ text: RawSpan, into builder: inout InteractionLogBuilder, _ report: inout ReadReport, done: (Int) -> Void
  ) -> LogTraits {
    var traits = LogTraits(hasTimes: true, isRated: false)
    var names = Names()
    var line = Line()
    var number = 0
    var start = startsWithByteOrderMark(text) ? 3 : 0
    while start < text.byteCount {
      var end = start
      while end < text.byteCount, text.unsafeLoad(fromByteOffset: end, as: UInt8.self) != 0x0A { end += 1 }
      let bytes = text.extracting(start..<end)
      start = end + 1
      number += 1
      guard bytes.withUnsafeBytes({ $0.contains { $0 > 0x20 } }) else { continue }
      report.rows += 1
      if let problem = take(bytes, &names, &line, &builder, &traits) {
        report.broken.add(line: number, label + problem.description)
      }
      if report.rows % InteractionReader.rowsPerReport == 0 { done(start) }
    }
    return traits
  }

  private func take(
    _ bytes: RawSpan, _ names: inout Names, _ line: inout Line, _ builder: inout InteractionLogBuilder,
    _ traits: inout LogTraits
  ) -> RowProblem? {
    line.removeAll()
    var json = FlatJSON(bytes)
    members: while true {
      switch json.next() {
      case .broken: return "no JSON object"
      case .end: break members
      case .member(let member):
        guard let (column, rank) = names.column(bytes.extracting(member.name)), rank < line.ranks[column.rawValue]
        else {
          continue
        }
        line.members[column.rawValue] = member
        line.ranks[column.rawValue] = rank
      }
    }
    return add(line, json, &builder, &traits)
  }

  private func add(
    _ line: Line, _ json: borrowing FlatJSON, _ builder: inout InteractionLogBuilder, _ traits: inout LogTraits
  ) -> RowProblem? {
    guard let itemMember = line[.item], let userMember = line[.user] else { return "no user or no item" }
    var time: UInt32 = 0
    if let member = line[.time] {
      guard let found = withText(of: member, json, { parseTime($0) }) ?? nil else {
        return "the time is neither Unix time nor an ISO 8601 date"
      }
      time = found
    } else {
      traits.hasTimes = false
    }
    let isRated = line[.rating] != nil
    var weight: Float = 1
    if let member = line[.rating] ?? line[.weight] {
      guard let found = withText(of: member, json, { parseDecimal($0) }) ?? nil, found >= 0, Float(found).isFinite
      else {
        return "the \(isRated ? "rating" : "weight") is no number from 0 on"
      }
      weight = Float(found)
    }
    if let member = line[.event] {
      guard let eventWeight = withText(of: member, json, { builder.weight(event: $0) }) else {
        return "a broken escape"
      }
      if !isRated || eventWeight == 0 { weight *= eventWeight }
      if eventWeight == 0 { return builder.ignore() }
    }
    if weight == 0, !isRated { return builder.ignore() }
    traits.isRated = traits.isRated || isRated
    guard let item = withText(of: itemMember, json, { builder.item($0) }),
      let user = withText(of: userMember, json, { self.user($0, &builder) })
    else { return "a broken escape" }
    switch (item, user) {
    case (.failure(let problem), _), (_, .failure(let problem)): return problem
    case (.success(let item), .success(let user)):
      builder.append(user: user, item: item, time: time, weight: weight)
      return nil
    }
  }

  private func user(_ text: RawSpan, _ builder: inout InteractionLogBuilder) -> Result<UInt32, RowProblem> {
    guard isPseudonymous else { return builder.user(text) }
    guard let hash = UserHash(base64url: text) else { return .failure("the user is no pseudonym of 16 characters") }
    return .success(builder.user(hash))
  }

  private func withText<Result>(
    of member: FlatJSON.Member, _ json: borrowing FlatJSON, _ body: (RawSpan) -> Result
  ) -> Result? {
    guard member.isEscaped else { return body(json.bytes.extracting(member.value)) }
    guard let text = json.unescaped(member.value) else { return nil }
    return body(text.span.bytes)
  }
}

/// The event segments of gateways: where they lie and how they are read.
enum EventSegments {
  /// The segment files of a folder, by hour; or the one file.
  static func files(of path: String) -> [String] {
    guard isFolder(path) else { return SegmentReader.isSegment(path) ? [path] : [] }
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if SegmentReader.isSegment(name) { names.append(name) }
    }
    return names.sorted().map { path + "/" + $0 }
  }

  /// Adds the events of some files, as one log. Memory: the text of one segment at a time.
  static func read(
    _ files: [String], into builder: inout InteractionLogBuilder, _ report: inout ReadReport,
    digest: inout SHA256, progress: ProgressReceiver
  ) throws(TrainError) {
    for (place, path) in files.enumerated() {
      progress(TrainProgress(.reading, place, of: files.count, "segments"))
      // A gateway makes the file of an hour before it writes the first batch.
      guard byteCount(of: path) != 0 else { continue }
      let file = try InputFile(path: path)
      digest.update(file.bytes)
      report.bytes += file.byteCount
      let text: ByteBuffer
      do { text = try SegmentReader.lines(of: path) } catch { throw TrainError(.badInput, "\(error)") }
      let name = path.split(separator: "/").last.map { "\($0): " } ?? ""
      _ = JSONLinesReader(path: path, isPseudonymous: true, label: name).read(text.bytes, into: &builder, &report) {
        _ in
      }
    }
    progress(TrainProgress(.reading, files.count, of: files.count, "segments"))
  }
}
