import Retrieval
import Synchronization
import Tensors

/// The items that a search should find: per query the best k, best first.
struct ExactAnswers {
  let answerCount: Int
  /// The file that they are of; nil for those that were computed here.
  let source: String?
  private let items: [UInt32]
  private let lasts: [Last]
  private let scorer: ExactScorer

  /// The last true answer of a query: its score, and the product of the two norms, which rounding is relative to.
  fileprivate struct Last {
    var score: Float = 0
    var scale: Float = 0
  }

  /// Scores differ in their last bits between programs, and so may the order of what is as good as equal.
  private static let tieShare: Float = 1e-6
  /// A score so much above the last true one shows a truth of other vectors.
  private static let contradictionShare: Float = 1e-3

  /// - Parameter items: `answerCount` for each query.
  fileprivate init(answerCount: Int, source: String?, items: [UInt32], _ scorer: ExactScorer) {
    self.answerCount = answerCount
    self.source = source
    self.items = items
    self.scorer = scorer
    lasts = stride(from: 0, to: items.count, by: max(1, answerCount)).enumerated().map { query, start in
      // Not simply the last: another program may have sorted what is as good as equal otherwise.
      items[start..<start + answerCount].map { scorer.last(query, $0) }.min { $0.score < $1.score } ?? Last()
    }
  }

  /// The share of the truth among these hits; an item that ties with the last true one counts as it.
  /// - Throws: when a hit that a truth file lacks is clearly better than what it has.
  func recall(of hits: Span<Hit>, query: Int) throws(CommandFailure) -> Double {
    guard answerCount > 0 else { return 1 }
    let (start, last) = (query * answerCount, lasts[query])
    var found = 0
    for place in 0..<hits.count {
      let item = hits[place].item
      // k is small: looking through beats hashing.
      if items[start..<start + answerCount].contains(item) {
        found += 1
        continue
      }
      // A hit's own score may be of codes only.
      let score = scorer.score(query, item)
      if let source, score > last.score + Self.contradictionShare * last.scale {
        throw CommandFailure(
          .data,
          "\(source), row \(query): lacks item \(item), which is better than what it has: made for other vectors, another "
            + "metric or other queries")
      }
      if score >= last.score - Self.tieShare * last.scale { found += 1 }
    }
    return Double(min(found, answerCount)) / Double(answerCount)
  }
}

// From a file.
extension ExactAnswers {
  /// - Parameter truth: per query at least `answerCount` item numbers, best first.
  init(_ truth: IntegerMatrix, source: String, _ queries: QuerySet, _ index: VectorIndex, answerCount: Int) throws {
    guard truth.rows >= queries.count else {
      throw CommandFailure(.data, "\(source): has \(truth.rows) rows for \(queries.count) queries")
    }
    guard truth.columns >= answerCount else {
      throw CommandFailure(.data, "\(source): has \(truth.columns) neighbours a query, -k asks for \(answerCount)")
    }
    var items: [UInt32] = []
    items.reserveCapacity(queries.count * answerCount)
    for row in 0..<queries.count {
      for column in 0..<answerCount {
        guard let item = UInt32(exactly: truth[row, column]), item < index.count else {
          throw CommandFailure(truth.invalid(row, column, "items are numbered from 0 to \(index.count - 1)"))
        }
        items.append(item)
      }
    }
    self.init(answerCount: answerCount, source: source, items: items, ExactScorer(index, queries))
  }
}

// By reading every row.
extension ExactAnswers {
  /// Queries that pass over the rows together: the rows then come from memory once for all of them.
  private static let queriesAtOnce = 32
  /// Rows between two looks at the clock; they stay in the second cache while the queries pass over them.
  private static let rowsAtOnce = 512

  /// O(queries × items × dimension) on `threads` threads, with progress.
  static func computed(
    _ queries: QuerySet, _ index: VectorIndex, k: Int, allow: Bitmap?, threads: Int, _ progress: (Double) -> Void
  ) -> ExactAnswers {
    let candidates = allow.map { bitmap in (0..<UInt32(index.count)).filter { bitmap.contains($0) } }
    let rowCount = candidates?.count ?? index.count
    let answerCount = min(k, rowCount)
    let passes = (queries.count + queriesAtOnce - 1) / queriesAtOnce
    let scorer = ExactScorer(index, queries)
    let results = Mutex([(first: Int, best: [[UInt64]])]())
    let total = passes * ((rowCount + rowsAtOnce - 1) / rowsAtOnce)
    forEachShare(of: passes, threads: threads, stepsInAll: total, progress) { pass, step in
      let range = pass * queriesAtOnce..<min(queries.count, (pass + 1) * queriesAtOnce)
      var best = range.map { _ in BestKeys(keep: answerCount) }
      for start in stride(from: 0, to: rowCount, by: rowsAtOnce) {
        for (place, query) in range.enumerated() {
          for row in start..<min(rowCount, start + rowsAtOnce) {
            let item = candidates?[row] ?? UInt32(row)
            best[place].offer(scorer.score(query, item), item)
          }
        }
        step()
      }
      let sorted = best.indices.map { best[$0].sorted() }
      results.withLock { $0.append((range.lowerBound, sorted)) }
    }
    let keys = results.withLock { $0.sorted { $0.first < $1.first }.flatMap(\.best) }
    return ExactAnswers(
      answerCount: answerCount, source: nil, items: keys.flatMap { $0.map { BestKeys.item($0) } }, scorer)
  }
}

/// The score of an item for a query as the index itself computes it, bit for bit: for cosine both are normalised.
struct ExactScorer: Sendable {
  private let index: VectorIndex
  private let queries: Matrix
  private let kernels = Kernels.active

  init(_ index: VectorIndex, _ queries: QuerySet) {
    self.index = index
    guard index.metric == .cosine else {
      self.queries = queries.rows
      return
    }
    var values: [Float] = []
    values.reserveCapacity(queries.count * index.dimension)
    for row in 0..<queries.count {
      let query = queries.rows.row(row)
      let norm = Kernels.active.dot(query, query).squareRoot()
      let inverse: Float = norm > 0 && norm.isFinite ? 1 / norm : 1
      for column in 0..<query.count { values.append(query[column] * inverse) }
    }
    self.queries = Matrix(rows: queries.count, columns: index.dimension, values.span)
  }

  func score(_ query: Int, _ item: UInt32) -> Float { kernels.dot(queries.row(query), index.vector(of: item)) }

  fileprivate func last(_ query: Int, _ item: UInt32) -> ExactAnswers.Last {
    let (row, vector) = (queries.row(query), index.vector(of: item))
    let norms = kernels.dot(row, row) * kernels.dot(vector, vector)
    return ExactAnswers.Last(score: score(query, item), scale: norms.squareRoot())
  }
}

/// The best `keep` of the scores that pass by, as keys whose order is score, then item ascending.
private struct BestKeys {
  private var keys: [UInt64] = []
  private let keep: Int
  private var threshold = -Float.infinity

  init(keep: Int) {
    self.keep = keep
    keys.reserveCapacity(2 * keep)
  }

  mutating func offer(_ score: Float, _ item: UInt32) {
    guard score >= threshold, keep > 0 else { return }
    keys.append(Self.key(score, item))
    if keys.count == 2 * keep { cut() }
  }

  mutating func sorted() -> [UInt64] {
    cut()
    return keys
  }

  private mutating func cut() {
    keys.sort(by: >)
    guard keys.count >= keep else { return }
    keys.removeLast(keys.count - keep)
    threshold = keys.last.map { Self.score($0) } ?? threshold
  }

  /// The score's bits, made orderable, over the item's complement.
  private static func key(_ score: Float, _ item: UInt32) -> UInt64 {
    let bits = (score + 0).bitPattern  // -0 becomes +0: they tie.
    return UInt64(bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000) << 32 | UInt64(~item)
  }

  static func item(_ key: UInt64) -> UInt32 { ~UInt32(truncatingIfNeeded: key) }

  static func score(_ key: UInt64) -> Float {
    let ordered = UInt32(key >> 32)
    return Float(bitPattern: ordered & 0x8000_0000 != 0 ? ordered & 0x7FFF_FFFF : ~ordered)
  }
}
