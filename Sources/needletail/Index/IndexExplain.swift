import ArgumentParser
import Retrieval
import Tensors

extension IndexCommand {
  struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show where one query's time goes, what it reads and what it finds.",
      discussion: """
        needletail index explain items.ntsnap --query queries.npy --row 3 -k 10
        needletail index explain --base items.npy --query queries.npy --recall 0.99
        """)

    @Argument(help: "A file of index build, or a model's snapshot.") var file: String?
    @Option(help: "Item vectors to build an index of instead.") var base: String?
    @OptionGroup var options: IndexBuildOptions
    @Option(help: "Query vectors, of which one is asked.") var query: String
    @Option(help: "Which of them, from 0.") var row = 0
    @Option(name: .customShort("k"), help: "Answers.") var k = 10
    @Option(help: "Recall that is asked for: 0.90, 0.95 or 0.99.") var recall = 0.95
    @Option(help: "Budget instead of a recall: blocks:refined:rescored.") var setting: String?
    @Option(help: "Times that the query is asked; the medians are shown.") var repeats = 101
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
      guard (file == nil) != (base == nil) else { throw ValidationError("give an index file or --base, one of them") }
      guard Effort(recall: recall) != nil else { throw ValidationError("--recall is 0.90, 0.95 or 0.99") }
      guard (1...VectorIndex.answersMax).contains(k) else {
        throw ValidationError("-k is 1 to \(VectorIndex.answersMax)")
      }
      guard row >= 0, (1...100_000).contains(repeats) else {
        throw ValidationError("--row is from 0, --repeats 1 to 100000")
      }
      if let setting, BenchSetting(setting) == nil {
        throw ValidationError("\"\(setting)\" is no setting: write blocks:refined:rescored, as 40:400:40")
      }
    }

    func run() throws {
      try reporting {
        let subject = try IndexUnderTest(base: base, index: file, options)
        let queries = try subject.queries(query, limit: nil)
        guard row < queries.count else {
          throw CommandFailure(.data, "\(query): has \(queries.count) rows, there is no row \(row)")
        }
        let setting = setting.flatMap { BenchSetting($0) } ?? .effort(Effort(recall: recall)!)
        let explanation = try Explanation(subject.index, queries, row: row, k: k, setting, repeats: repeats)
        print(json ? explanation.json : explanation.text)
      }
    }
  }
}

/// One query, asked again and again.
private struct Explanation {
  let index: VectorIndex
  let setting: BenchSetting
  let k: Int
  /// Median microseconds: in all, without a clock inside; and of each stage.
  let total: Double
  let stages: [(stage: SearchStage, microseconds: Double)]
  let work: SearchWork
  let hits: [Hit]
  let recall: Double
  let exactMicroseconds: Double

  init(_ index: VectorIndex, _ queries: QuerySet, row: Int, k: Int, _ setting: BenchSetting, repeats: Int) throws {
    let scratch = SearchScratch(for: index)
    let query = queries.rows.row(row)
    func ask() throws {
      do throws(SearchError) {
        switch setting {
        case .effort(let effort): try index.search(query, count: k, effort: effort, scratch: scratch)
        case .budget(let budget): try index.search(query, count: k, budget: budget, scratch: scratch)
        }
      } catch { throw queries.failure(error, row) }
    }
    try ask()
    var totals: [Double] = []
    for _ in 0..<repeats {
      let start = monotonicNanoseconds()
      try ask()
      totals.append(Double(monotonicNanoseconds() - start) / 1000)
    }
    var times = SearchStage.allCases.map { _ in [Double]() }
    scratch.timesStages = true
    for _ in 0..<repeats {
      try ask()
      for (place, stage) in SearchStage.allCases.enumerated() {
        times[place].append(Double(scratch.stageNanoseconds(stage)) / 1000)
      }
    }
    let hits = scratch.hits
    (self.index, self.setting, self.k) = (index, setting, k)
    self.hits = hits.indices.map { hits[$0] }
    work = scratch.work
    total = median(totals)
    stages = zip(SearchStage.allCases, times.map(median)).map { ($0, $1) }
    let alone = QuerySet(source: queries.source, rows: Matrix(rows: 1, columns: query.count, query), count: 1)
    let truth = ExactAnswers.computed(alone, index, k: k, allow: nil, threads: 1) { _ in }
    recall = try truth.recall(of: hits, query: 0)
    exactMicroseconds = try Self.exactTime(index, query, k, scratch) { queries.failure($0, row) }
  }

  /// Microseconds of finding the answer by reading every row.
  private static func exactTime(
    _ index: VectorIndex, _ query: Span<Float>, _ k: Int, _ scratch: SearchScratch,
    _ failure: (SearchError) -> CommandFailure
  ) throws -> Double {
    let start = monotonicNanoseconds()
    do throws(SearchError) { try index.exactSearch(query, count: k, allow: nil, scratch: scratch) } catch {
      throw failure(error)
    }
    return Double(monotonicNanoseconds() - start) / 1000
  }

  private var stageSum: Double { stages.reduce(0) { $0 + $1.microseconds } }

  var text: String {
    let rows = stages.map { stage, microseconds in
      "  \(padded("\(stage)", 12))\(padded(decimals(microseconds, 2), 9, right: true)) µs"
        + "\(padded(decimals(100 * microseconds / max(stageSum, 1e-9), 1), 7, right: true)) %"
    }
    let best = hits.enumerated().map { place, hit in
      "  \(padded("\(place + 1)", 5))item \(padded("\(hit.item)", 10, right: true))  \(hit.score)"
    }
    return """
      \(index.count) items of \(index.dimension) dimensions by \(index.metric): \(index.listCount) lists, \(index.blockCount) blocks
      \(setting.text), k \(k), kernels \(Kernels.active.level.rawValue)

      \(decimals(total, 2)) µs at the median; stages, timed in other repeats, with a clock read after each:
      \(rows.joined(separator: "\n"))

      work (\(work.path.rawValue)): \(work.listsScored) lists scored, \(work.blocksScanned) blocks scanned, \
      \(work.rowsRefined) rows refined, \(work.rowsScored) exact rows, \(bytesText(work.bytesTouched)) touched
      recall of this query \(decimals(recall, 3)); reading every row takes \(decimals(exactMicroseconds, 0)) µs

      \(best.joined(separator: "\n"))
      """
  }

  var json: String {
    let times = stages.map { #""\#($0.stage)":\#(rounded($0.microseconds, 3))"# }.joined(separator: ",")
    let best = hits.map { #"{"item":\#($0.item),"score":\#($0.score)}"# }.joined(separator: ",")
    return
      #"{"schemaVersion":1,"setting":"\#(setting.text)","k":\#(k),"metric":"\#(index.metric)","items":\#(index.count),"#
      + #""dimension":\#(index.dimension),"lists":\#(index.listCount),"index_blocks":\#(index.blockCount),"#
      + #""kernels":"\#(Kernels.active.level.rawValue)","median_us":\#(rounded(total, 3)),"stages_us":{\#(times)},"#
      + #""path":"\#(work.path.rawValue)","lists_scored":\#(work.listsScored),"blocks":\#(work.blocksScanned),"#
      + #""refined":\#(work.rowsRefined),"rescored":\#(work.rowsScored),"bytes_touched":\#(work.bytesTouched),"#
      + #""recall":\#(rounded(recall, 5)),"exact_us":\#(rounded(exactMicroseconds, 1)),"hits":[\#(best)]}"#
  }
}
