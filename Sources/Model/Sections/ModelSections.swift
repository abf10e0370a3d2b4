internal import Bytes
internal import Retrieval
internal import Snapshots

/// The sections of a model, beside those of the index. Each has a file: its layout, its writer, its reader.
///
/// Small sections of one subject each, because an unchanged section is not sent again when a version is pulled: new
/// popularity does not move titles.
enum ModelTag {
  static let head: SectionTag = "model"
  static let ids: SectionTag = "itm.ids"
  static let metadata: SectionTag = "itm.meta"
  static let categories: SectionTag = "itm.cat"
  static let popularity: SectionTag = "itm.pop"
  static let published: SectionTag = "itm.time"
  static let norms: SectionTag = "itm.norm"
  static let withheld: SectionTag = "itm.held"
  static let userHashes: SectionTag = "usr.hash"
  static let userSegments: SectionTag = "usr.seg"
  static let userVectors: SectionTag = "usr.vec"
  static let seen: SectionTag = "usr.seen"
  static let segments: SectionTag = "seg"
  static let contexts: SectionTag = "seg.ctx"
  static let trending: SectionTag = "trending"
  static let foldIn: SectionTag = "foldin"
  static let ranking: SectionTag = "ranking"
  static let probes: SectionTag = "probes"
  static let provenance: SectionTag = "proven"
}

/// The first thing read, and what every other section is measured by.
///
///     model     u32 layout, items, users, segments, dimension, metric
struct ModelHead: Sendable, Equatable {
  /// Changes when the meaning of any section of a model does.
  static let layout: UInt32 = 1

  var items, users, segments, dimension: Int
  var metric: Metric

  func write(into section: inout SectionBuilder) {
    for value in [Int(Self.layout), items, users, segments, dimension, Int(metric.rawValue)] {
      section.scalar(UInt32(value))
    }
  }

  init(items: Int, users: Int, segments: Int, dimension: Int, metric: Metric) {
    self.items = items
    self.users = users
    self.segments = segments
    self.dimension = dimension
    self.metric = metric
  }

  init(_ snapshot: Snapshot) throws(SnapshotError) {
    self = try snapshot.read(ModelTag.head) { (reader) throws(SnapshotError) in
      guard try reader.scalar(of: UInt32.self) == Self.layout else {
        throw reader.invalid("has a model of another layout", code: .unsupportedSchema, at: 0)
      }
      func number(_ range: ClosedRange<Int>, _ what: String) throws(SnapshotError) -> Int {
        let value = Int(try reader.scalar(of: UInt32.self))
        guard range.contains(value) else { throw reader.invalid("\(value) \(what) cannot be") }
        return value
      }
      let items = try number(1...VectorIndex.itemsMax, "items")
      let users = try number(0...Int(UInt32.max) - 1, "users")
      let segments = try number(1...ModelContent.segmentsMax, "segments")
      let dimension = try number(1...VectorIndex.dimensionMax, "dimensions")
      guard let metric = Metric(rawValue: UInt8(truncatingIfNeeded: try number(0...255, "as a metric"))) else {
        throw reader.invalid("names no metric")
      }
      return ModelHead(items: items, users: users, segments: segments, dimension: dimension, metric: metric)
    }
  }
}

extension Snapshot {
  /// Reads a section to its end.
  func read<Result>(
    _ tag: SectionTag, _ body: (inout SectionReader) throws(SnapshotError) -> Result
  ) throws(SnapshotError) -> Result {
    var reader = try section(tag)
    let result = try body(&reader)
    try reader.finish()
    return result
  }
}

extension SectionReader {
  mutating func finite(_ count: Int) throws(SnapshotError) -> Column<Float> {
    let column = try column(of: Float.self, count: count)
    guard column.allFinite else { throw invalid("has a number that is not finite", code: .nonFiniteValues) }
    return column
  }

  /// Row starts of `rows` rows in one column of values: from 0, never falling, the last the number of values, which
  /// fits what is left of the section at `stride` bytes a value.
  mutating func starts(rows: Int, stride: Int) throws(SnapshotError) -> Column<UInt64> {
    let starts = try column(of: UInt64.self, count: rows + 1)
    var last: UInt64 = 0
    var falls = starts[0] != 0
    for index in 0...rows {
      falls = falls || starts[index] < last
      last = starts[index]
    }
    guard !falls else { throw invalid("has rows whose starts fall") }
    guard last <= UInt64(remainingBytes / stride) else { throw invalid("has rows that reach beyond the section") }
    return starts
  }
}

/// Rows of item or category numbers of varying length: where each row starts, and all values one after the other.
struct NumberRows: Sendable {
  let starts: Column<UInt64>
  let values: Column<UInt32>

  var count: Int { starts.count - 1 }

  /// Every value is below `limit` and each row ascends without repeating.
  init(from reader: inout SectionReader, rows: Int, below limit: Int) throws(SnapshotError) {
    starts = try reader.starts(rows: rows, stride: 4)
    values = try reader.column(of: UInt32.self, count: Int(starts[rows]))
    for row in 0..<rows {
      var next: UInt64 = 0
      for place in Int(starts[row])..<Int(starts[row + 1]) {
        guard values[place] >= next, values[place] < limit else {
          throw reader.invalid("has row \(row) out of order, or beyond \(limit)")
        }
        next = UInt64(values[place]) + 1
      }
    }
  }

  subscript(row: Int) -> Column<UInt32> { values.extracting(Int(starts[row])..<Int(starts[row + 1])) }

  static func write(_ rows: [[UInt32]], into section: inout SectionBuilder) {
    var starts: [UInt64] = [0]
    starts.reserveCapacity(rows.count + 1)
    for row in rows { starts.append(starts[starts.count - 1] + UInt64(row.count)) }
    var values: [UInt32] = []
    values.reserveCapacity(Int(starts[rows.count]))
    for row in rows { values.append(contentsOf: row) }
    section.column(starts)
    section.column(values)
  }
}

extension Column<UInt32> {
  /// Whether an ascending column has a value. O(log count).
  func containsSorted(_ value: UInt32) -> Bool {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low] == value
  }
}
