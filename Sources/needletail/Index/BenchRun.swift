import Glibc
import Retrieval
import Tensors

/// What a setting did with all queries.
struct BenchRow {
  let setting: BenchSetting
  let recall: Double
  /// What all but the worst 5 % of queries reach.
  let recallP5: Double
  let meanMicroseconds: Double
  let p50Microseconds: Double
  let p99Microseconds: Double
  /// Means over the queries.
  let work: MeanWork

  /// Whether no other is both at least as fast and at least as good.
  func isUseful(among rows: [BenchRow]) -> Bool {
    !rows.contains { other in
      other.recall >= recall && other.meanMicroseconds < meanMicroseconds
        || other.recall > recall && other.meanMicroseconds <= meanMicroseconds
    }
  }
}

struct MeanWork {
  var lists = 0.0, blocks = 0.0, refined = 0.0, rescored = 0.0, bytes = 0.0
  var path = SearchWork.Path.zero

  mutating func add(_ work: SearchWork, of count: Int) {
    let share = 1 / Double(count)
    lists += Double(work.listsScored) * share
    blocks += Double(work.blocksScanned) * share
    refined += Double(work.rowsRefined) * share
    rescored += Double(work.rowsScored) * share
    bytes += Double(work.bytesTouched) * share
    path = work.path
  }
}

/// Asks the queries one at a time, on this thread, and takes the time of each alone.
struct BenchRun: ~Copyable {
  let index: VectorIndex
  let queries: QuerySet
  let truth: ExactAnswers
  let k: Int
  let allow: Bitmap?
  let rounds: Int
  /// Bytes written through before each query; 0: none.
  private let thrash: CacheThrash
  private let scratch: SearchScratch

  /// Queries that are asked before the first is timed.
  static let warmUpQueries = 200

  init(
    _ index: VectorIndex, _ queries: QuerySet, _ truth: ExactAnswers, k: Int, allow: Bitmap?, rounds: Int,
    thrashBytes: Int
  ) {
    self.index = index
    self.queries = queries
    self.truth = truth
    self.k = k
    self.allow = allow
    self.rounds = rounds
    thrash = CacheThrash(bytes: thrashBytes)
    scratch = SearchScratch(for: index)
  }

  func measure(_ setting: BenchSetting) throws -> BenchRow {
    for row in 0..<min(Self.warmUpQueries, queries.count) { try search(row, setting) }
    var recalls = [Double](repeating: 0, count: queries.count)
    var work = MeanWork()
    var rounds: [Times] = []
    for round in 0..<self.rounds {
      var nanoseconds = [UInt64](repeating: 0, count: queries.count)
      for row in 0..<queries.count {
        thrash.run()
        let start = monotonicNanoseconds()
        try search(row, setting)
        nanoseconds[row] = monotonicNanoseconds() - start
        guard round == 0 else { continue }
        work.add(scratch.work, of: queries.count)
        recalls[row] = try truth.recall(of: scratch.hits, query: row)
      }
      rounds.append(Times(nanoseconds))
    }
    return BenchRow(
      setting: setting, recall: recalls.reduce(0, +) / Double(recalls.count),
      recallP5: recalls.sorted()[recalls.count / 20], meanMicroseconds: median(rounds.map(\.mean)),
      p50Microseconds: median(rounds.map(\.p50)), p99Microseconds: median(rounds.map(\.p99)), work: work)
  }

  private func search(_ row: Int, _ setting: BenchSetting) throws {
    let query = queries.rows.row(row)
    do throws(SearchError) {
      switch setting {
      case .effort(let effort): try index.search(query, count: k, allow: allow, effort: effort, scratch: scratch)
      case .budget(let budget): try index.search(query, count: k, budget: budget, scratch: scratch)
      }
    } catch { throw queries.failure(error, row) }
  }
}

/// Microseconds of one round.
private struct Times {
  let mean, p50, p99: Double

  init(_ nanoseconds: [UInt64]) {
    let sorted = nanoseconds.sorted()
    mean = Double(sorted.reduce(0, +)) / Double(sorted.count) / 1000
    p50 = Double(sorted[sorted.count / 2]) / 1000
    p99 = Double(sorted[min(sorted.count - 1, sorted.count * 99 / 100)]) / 1000
  }
}

/// The middle one; of an even number the upper of both. Not of none.
func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
