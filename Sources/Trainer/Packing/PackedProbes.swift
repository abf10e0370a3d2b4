internal import Bytes
internal import FoundationEssentials
internal import Model

/// Queries that a snapshot must answer, and what the publisher knows of their answers. JSON lines:
///
///     {"userId":"u1","expect":["i3","i9"],"minOverlap":0.67}    a user's vector; what is expected may be left out
///     {"itemId":"i3"}                                           an item's
///     {"vector":[0.1,…]}                                        any other
///
/// They become the snapshot's own probes, in the place of those that would be chosen. An expected list is compared with
/// the exact answer when the snapshot is built: rows and ids that do not belong together show here, not on a page.
struct PackedProbes {
  struct Row: Decodable {
    var userId: String?
    var itemId: String?
    var vector: [Float]?
    var expect: [String]?
    var minOverlap: Double?
  }

  static let probesMax = 256
  /// Of an expected list: as many answers as a snapshot keeps of a probe.
  static let expectMax = 10
  static let overlapDefault = 0.67

  let path: String
  let rows: [Row]

  static func read(_ path: String) throws(TrainError) -> PackedProbes {
    let file = try InputFile(path: path)
    try file.requireText()
    let text = file.bytes.withUnsafeBytes { Array($0) }
    var rows: [Row] = []
    for (index, line) in text.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
      guard !line.allSatisfy({ $0 == 32 || $0 == 13 || $0 == 9 }) else { continue }
      guard let row = try? JSONDecoder().decode(Row.self, from: Data(line)) else {
        throw TrainError(
          .badInput, "\(path): line \(index + 1) is no probe like {\"userId\":\"u1\",\"expect\":[\"i3\"]}")
      }
      try check(row, "\(path): line \(index + 1)")
      rows.append(row)
    }
    guard (1...probesMax).contains(rows.count) else {
      throw TrainError(.badInput, "\(path) has \(rows.count) probes; 1 to \(probesMax) are possible")
    }
    return PackedProbes(path: path, rows: rows)
  }

  private static func check(_ row: Row, _ place: String) throws(TrainError) {
    let queries = [row.userId != nil, row.itemId != nil, row.vector != nil].filter { $0 }.count
    guard queries == 1 else { throw TrainError(.badInput, "\(place) must have one of userId, itemId and vector") }
    guard row.expect.map({ (1...expectMax).contains($0.count) && Set($0).count == $0.count }) ?? true else {
      throw TrainError(.badInput, "\(place) expects a list of 1 to \(expectMax) items, each once")
    }
    guard (0...1).contains(row.minOverlap ?? overlapDefault) else {
      throw TrainError(.badInput, "\(place): minOverlap is a share, 0 to 1")
    }
  }

  /// The probes' vectors, one after the other.
  ///
  /// - Throws: `probe_failed` when an expected list overlaps less with the exact answer than it must.
  func queries(
    items: VectorTable, itemRows: [String: Int], users: VectorTable?, userRow: (String) -> Int?, metric: Metric
  ) throws(TrainError) -> [Float] {
    var queries: [Float] = []
    for (index, row) in rows.enumerated() {
      let place = "\(path): probe \(index + 1)"
      let query = try query(row, items, itemRows, users, userRow, place)
      if let expected = row.expect { try check(expected, row, query, items, itemRows, metric, place) }
      queries += query
    }
    return queries
  }

  private func query(
    _ row: Row, _ items: VectorTable, _ itemRows: [String: Int], _ users: VectorTable?, _ userRow: (String) -> Int?,
    _ place: String
  ) throws(TrainError) -> [Float] {
    if let id = row.userId {
      guard let users, let found = userRow(id) else {
        throw TrainError(.badInput, "\(place): there is no vector of user \"\(id)\"")
      }
      return Array(users.row(found))
    }
    if let id = row.itemId {
      guard let found = itemRows[id] else {
        throw TrainError(.badInput, "\(place): there is no vector of item \"\(id)\"")
      }
      return Array(items.row(found))
    }
    guard let vector = row.vector, vector.count == items.dimension, vector.allSatisfy(\.isFinite) else {
      throw TrainError(.badInput, "\(place): the vector must have \(items.dimension) finite numbers")
    }
    return vector
  }

  private func check(
    _ expected: [String], _ row: Row, _ query: [Float], _ items: VectorTable, _ itemRows: [String: Int],
    _ metric: Metric, _ place: String
  ) throws(TrainError) {
    if let unknown = expected.first(where: { itemRows[$0] == nil }) {
      throw TrainError(.badInput, "\(place): there is no vector of the expected item \"\(unknown)\"")
    }
    let scores = items.scores(query, byCosine: metric == .cosine)
    let wanted = Set(expected.map { itemRows[$0]! })
    // As many as are better than the last expected place: those that are equal to it count as well.
    let last = scores.sorted(by: >)[expected.count - 1]
    let slack = max(abs(last) * 1e-5, 1e-9)
    let found = wanted.filter { scores[$0] >= last - slack }.count
    let overlap = Double(found) / Double(expected.count)
    let least = row.minOverlap ?? Self.overlapDefault
    guard overlap >= least else {
      throw TrainError(
        .badInput,
        "\(place): \(found) of the \(expected.count) expected items are among the best \(expected.count), less than the share of \(least); do ids and rows belong together, and is the metric right?",
        reason: TrainError.probeFailed)
    }
  }
}

extension VectorTable {
  /// Of each row with a query, in double. O(values).
  func scores(_ query: [Float], byCosine: Bool) -> [Double] {
    values.withUnsafeBufferPointer { values in
      (0..<rows).map { row in
        var (sum, square) = (0.0, 0.0)
        for place in 0..<dimension {
          let value = Double(values[row * dimension + place])
          sum += value * Double(query[place])
          square += value * value
        }
        guard byCosine else { return sum }
        return square > 0 ? sum / square.squareRoot() : 0
      }
    }
  }
}
