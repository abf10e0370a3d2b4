internal import Bytes
internal import Model

/// Reads lists of what is popular: delimited with a header of item and, where given, score and segment.
///
/// Rows without a segment make the global list. Without scores, lists are in the order of the file.
struct TrendingReader {
  let path: String
  let brokenShareMax: Double

  struct Lists: Equatable {
    var global: [ModelContent.Trending] = []
    var bySegment: [[ModelContent.Trending]]
    var rows = 0
    /// Items without a vector, left out.
    var unknown = 0
  }

  private struct Columns {
    let item: Int
    let score, segment: Int?
  }

  func read(_ bytes: RawSpan, items: [String: Int], segments: Int) throws(TrainError) -> Lists {
    let (header, columns) = try columns(bytes)
    var lists = Lists(bySegment: Array(repeating: [], count: segments))
    var broken = BrokenRows()
    var scanner = RowScanner(bytes, delimiter: header.delimiter)
    _ = scanner.next()
    rows: while true {
      let outcome = scanner.next()
      if outcome == .end { break rows }
      lists.rows += 1
      if case .broken(let reason) = outcome {
        broken.add(line: scanner.line, reason)
      } else if let problem = add(scanner, columns, items, to: &lists) {
        broken.add(line: scanner.line, problem)
      }
    }
    guard lists.rows > 0 else { throw TrainError(.badInput, "\(path) holds no rows") }
    try broken.check(of: lists.rows, shareMax: brokenShareMax, path: path)
    lists.global = Self.ordered(lists.global)
    lists.bySegment = lists.bySegment.map(Self.ordered)
    return lists
  }

  private func columns(_ bytes: RawSpan) throws(TrainError) -> (Header, Columns) {
    let names = [ItemColumn.id.names, ["score", "weight", "value", "count"], ["segment", "segmentid", "cluster"]]
    let known = Set(names.joined())
    guard let header = Header.detect(bytes, recognised: { known.contains(foldedName($0)) }),
      let item = header.position(of: names[0])
    else { throw TrainError(.badInput, "\(path) has no header with a column of items") }
    return (
      header, Columns(item: item, score: header.position(of: names[1]), segment: header.position(of: names[2]))
    )
  }

  /// Adds a row; says what is wrong with it.
  private func add(
    _ row: borrowing RowScanner, _ columns: Columns, _ items: [String: Int], to lists: inout Lists
  ) -> String? {
    let width = max(columns.item, columns.score ?? 0, columns.segment ?? 0)
    guard row.fields.count > width else { return "\(row.fields.count) fields; \(width + 1) are needed" }
    // Without scores the order of the file is the order of the list.
    var score = -Double(lists.rows)
    if let column = columns.score {
      guard let number = row.withField(column, { parseDecimal($0) }), number.isFinite else {
        return "the score \(row.quoted(column)) is no number"
      }
      score = number
    }
    guard let item = items[row.text(columns.item)] else {
      lists.unknown += 1
      return nil
    }
    let place = ModelContent.Trending(item: UInt32(item), score: Float(score))
    guard let column = columns.segment, !row.isEmpty(column) else {
      lists.global.append(place)
      return nil
    }
    guard let segment = Int(row.text(column)), lists.bySegment.indices.contains(segment) else {
      return "there is no segment \(row.quoted(column)); there are \(lists.bySegment.count), from 0"
    }
    lists.bySegment[segment].append(place)
    return nil
  }

  /// Best first, each item once; ranks become scores above 0.
  private static func ordered(_ list: [ModelContent.Trending]) -> [ModelContent.Trending] {
    var met: Set<UInt32> = []
    let sorted = list.enumerated().sorted { ($0.element.score, $1.offset) > ($1.element.score, $0.offset) }
      .map(\.element).filter { met.insert($0.item).inserted }
    guard let last = sorted.last, last.score < 0 else { return sorted }
    return sorted.enumerated().map { ModelContent.Trending(item: $1.item, score: 1 / Float(1 + $0)) }
  }
}
