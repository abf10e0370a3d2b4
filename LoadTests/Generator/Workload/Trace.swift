internal import Bytes
internal import FoundationEssentials
internal import JSON

/// The requests of a run, for replay: lines of text that other programs can read and write.
///
///     # needletail-load trace 1 <tab> warm-up seconds <tab> duration seconds <tab> run tag
///     planned time in microseconds <tab> name <tab> method and target [<tab> body]
///
/// Times count from the beginning of the measured part, so those of the warm-up are negative. The run tag is what event ids
/// begin with; a replay writes its own instead, or the gateway would take its events for duplicates.
public struct Trace: Sendable {
  static let heading = "# needletail-load trace 1"

  struct Record: Sendable {
    var seconds: Double
    /// In `names` and `kinds`.
    var template: Int
    var item: UInt64?
    /// In `text`: method and target, and the body if there is one.
    var target: Range<Int>
    var body: Range<Int>?
  }

  public private(set) var warmUpSeconds = 0.0
  public private(set) var durationSeconds = 0.0
  var records: [Record] = []
  var names: [String] = []
  var kinds: [AnswerKind] = []
  private let text: [UInt8]

  public var count: Int { records.count }

  public init(path: String) throws(LoadError) {
    guard let data = try? Data(contentsOf: URL(filePath: path)) else {
      throw LoadError("\(path): the trace cannot be read; does the file exist?")
    }
    try self.init(Array(data), path: path, runTag: LoadRun.makeTag())
  }

  init(_ bytes: [UInt8], path: String, runTag: String) throws(LoadError) {
    var bytes = bytes
    let firstEnd = bytes.firstIndex(of: 10) ?? bytes.count
    let heading = String(decoding: bytes[..<firstEnd], as: UTF8.self).split(separator: "\t")
    guard heading.count == 4, heading[0] == Trace.heading, let warmUp = Double(heading[1]),
      let duration = Double(heading[2])
    else { throw LoadError("\(path):1: this is no trace: its first line must begin with \"\(Trace.heading)\"") }
    (warmUpSeconds, durationSeconds) = (warmUp, duration)
    Trace.replace(Array(heading[3].utf8), by: Array(runTag.utf8), in: &bytes, from: firstEnd)
    text = bytes
    try readRecords(from: firstEnd + 1, path)
    // Threads write as they send: the file is in order by thread only.
    records.sort { $0.seconds < $1.seconds }
  }

  private mutating func readRecords(from start: Int, _ path: String) throws(LoadError) {
    var known: [String: Int] = [:]
    let parser = JSONParser(maximumBytes: 1 << 20)
    var start = start
    var line = 2
    while start < text.count {
      let end = text[start...].firstIndex(of: 10) ?? text.count
      if end > start {
        guard let record = read(start..<end, parser, &known) else {
          throw LoadError(
            "\(path):\(line): not a line of a trace: time, name, method and target, body, with tabs between")
        }
        records.append(record)
      }
      start = end + 1
      line += 1
    }
  }

  private mutating func read(_ line: Range<Int>, _ parser: JSONParser, _ known: inout [String: Int]) -> Record? {
    let fields = text[line].split(separator: 9, maxSplits: 3, omittingEmptySubsequences: false)
    guard fields.count >= 3, let time = Int64(String(decoding: fields[0], as: UTF8.self)) else { return nil }
    let name = String(decoding: fields[1], as: UTF8.self)
    let target = String(decoding: fields[2], as: UTF8.self)
    let words = target.split(separator: " ")
    guard words.count == 2, words[0] == "GET" || words[0] == "POST", words[1].first == "/" else { return nil }
    let body = fields.count == 4 ? fields[3].startIndex..<fields[3].endIndex : nil
    let (kind, item) = TracedKind.read(words[1], body.map { Array(text[$0]) }, parser)
    let key = "\(name)\t\(kind)"
    if known[key] == nil {
      known[key] = names.count
      names.append(name)
      kinds.append(kind)
    }
    return Record(
      seconds: Double(time) / 1e6, template: known[key]!, item: item,
      target: fields[2].startIndex..<fields[2].endIndex, body: body)
  }

  func compose(_ place: Int, _ composer: RequestComposer, into out: inout ByteBuffer) -> RequestComposer.Composed {
    let record = records[place]
    text.withUnsafeBytes { text in
      composer.compose(
        line: UnsafeRawBufferPointer(rebasing: text[record.target]),
        body: record.body.map { UnsafeRawBufferPointer(rebasing: text[$0]) }, into: &out)
    }
    return RequestComposer.Composed(template: record.template, user: nil, item: record.item)
  }

  /// Of equal length, so that nothing moves.
  private static func replace(_ old: [UInt8], by new: [UInt8], in bytes: inout [UInt8], from start: Int) {
    guard old.count == new.count, !old.isEmpty, old != new else { return }
    var place = start
    while place + old.count <= bytes.count {
      if bytes[place] == old[0], bytes[place..<place + old.count].elementsEqual(old) {
        bytes.replaceSubrange(place..<place + old.count, with: new)
        place += old.count
      } else {
        place += 1
      }
    }
  }
}

/// What a recorded request says about the answer to expect.
enum TracedKind {
  static func read(_ target: Substring, _ body: [UInt8]?, _ parser: JSONParser) -> (AnswerKind, item: UInt64?) {
    let parts = target.split(separator: "?", maxSplits: 1)
    let path = parts[0]
    if path == "/v1/events" { return (.events(count: body.flatMap { eventCount($0, parser) } ?? 0), nil) }
    if path == "/v1/recommendations:batch" {
      return (body.flatMap { batch($0, parser) }.map(AnswerKind.batch) ?? .raw, nil)
    }
    let steps = path.split(separator: "/")
    guard steps.count == 4, steps[0] == "v1", steps[1] == "placements", steps[3] == "recommendations" else {
      return (.raw, nil)
    }
    var results: Int?
    var item: UInt64?
    for pair in parts.count == 2 ? parts[1].split(separator: "&") : [] {
      if pair.hasPrefix("numResults=") { results = Int(pair.dropFirst(11)) }
      if pair.hasPrefix("itemId=") { item = hashOfText(String(pair.dropFirst(7))) }
    }
    return (.list(placement: String(steps[2]), results: results), item)
  }

  private static func eventCount(_ body: [UInt8], _ parser: JSONParser) -> Int? {
    guard let root = try? parser.parse(body.span.bytes) else { return nil }
    return root["events"]?.count
  }

  private static func batch(_ body: [UInt8], _ parser: JSONParser) -> [AnswerKind.BatchList]? {
    guard let root = try? parser.parse(body.span.bytes), let requests = root["requests"], requests.kind == .array else {
      return nil
    }
    return (0..<requests.count).map { place in
      AnswerKind.BatchList(
        placement: requests[place]["placement"].map(text) ?? "",
        results: requests[place]["numResults"]?.int64.map(Int.init(truncatingIfNeeded:)))
    }
  }

  private static func text(_ value: JSONValue) -> String {
    guard let bytes = value.string else { return "" }
    return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}
