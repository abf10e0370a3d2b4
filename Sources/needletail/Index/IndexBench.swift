import ArgumentParser
import Bytes
import Glibc
import Reactor
import Retrieval
import Tensors

extension IndexCommand {
  struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Measure recall and latency: one thread, one query a call, one row a setting.",
      discussion: """
        needletail index bench --base base.npy --queries queries.npy --truth truth.npy -k 10
        needletail index bench --index items.ntsnap --queries queries.npy -k 100 --recall 0.95 --json
        needletail index bench --index items.ntsnap --queries queries.npy --settings 40:400:40,60:600:40 --thrash 64MiB

        Without --recall and --settings a range of settings around recall 0.95 is measured, and those are printed that no \
        other beats in both recall and time (--all prints every one). Without --truth the exact answers are computed first. \
        Blocks, refined, rescored and bytes_touched are means of what was done; index_bytes leaves the exact rows out.
        """)

    @OptionGroup var source: IndexSource
    @Option(help: "Query vectors: a .npy, or file.safetensors[:tensor].") var queries: String
    @Option(help: "Per query its true neighbours, best first: int32 or int64.") var truth: String?
    @Option(name: .customShort("k"), help: "Answers a query.") var k = 10
    @Option(help: "Measure the calibrated effort for this recall: 0.90, 0.95 or 0.99.") var recall: Double?
    @Option(help: "Measure these: blocks:refined:rescored, separated by commas.") var settings: String?
    @Flag(help: "Print every setting of the range, beaten or not.") var all = false
    @Option(help: "Ask only the first so many queries.") var limit: Int?
    @Option(help: "Ask them so many times over; times are the medians over the rounds.") var rounds = 1
    @Option(help: "Write through this much memory before each query, as 64MiB; not timed.", transform: bytes)
    var thrash = 0
    @Option(help: "Stream through this much memory on a second thread all the while, as 256MiB.", transform: bytes)
    var beside = 0
    @Option(help: "Allow only this share of the items, drawn at random; 0 to 1.") var filterShare: Double?
    @Option(help: "Keep the measured thread on this core.") var core: Int?
    @Flag(help: "Print one JSON object a setting.") var json = false

    func validate() throws {
      guard recall == nil || settings == nil else { throw ValidationError("give --recall or --settings, one of them") }
      guard recall.map({ Effort(recall: $0) != nil }) ?? true else {
        throw ValidationError("--recall is 0.90, 0.95 or 0.99")
      }
      guard (1...VectorIndex.answersMax).contains(k) else {
        throw ValidationError("-k is 1 to \(VectorIndex.answersMax)")
      }
      guard rounds >= 1, limit ?? 1 >= 1 else { throw ValidationError("--rounds and --limit are above 0") }
      if let filterShare {
        guard filterShare > 0, filterShare <= 1 else { throw ValidationError("--filter-share is above 0, up to 1") }
        guard truth == nil, settings == nil else {
          throw ValidationError(
            "--filter-share has its own truth and its own budgets: leave --truth and --settings out")
        }
      }
      _ = try explicitSettings()
    }

    func run() throws {
      try reporting {
        let subject = try source.open()
        let index = subject.index
        let queries = try subject.queries(queries, limit: limit)
        let allow = filterShare.map { randomBitmap(index.count, share: $0) }
        let truth = try answers(queries, index, allow)
        let table = BenchTable(subject: subject, queries: queries.count, bench: self)
        let rows = try measure(
          BenchRun(
            index, queries, truth, k: k, allow: allow, rounds: rounds, thrashBytes: thrash), chosenSettings(index))
        let isRange = recall == nil && settings == nil && filterShare == nil
        let shown = all || !isRange ? rows : rows.filter { $0.isUseful(among: rows) }.sorted { $0.recall < $1.recall }
        if !json { print(table.head) }
        for row in shown { print(json ? table.json(row) : table.text(row)) }
        if !json, shown.count < rows.count {
          print(
            "\(rows.count - shown.count) more settings are beaten in recall and time by one of these (--all shows them)"
          )
        }
      }
    }

    private func measure(_ run: consuming BenchRun, _ settings: [BenchSetting]) throws -> [BenchRow] {
      let neighbor = beside > 0 ? try? StreamingNeighbor(bytes: beside) : nil
      defer { neighbor?.stop() }
      if beside > 0, neighbor == nil { throw CommandFailure(.tryAgain, "no second thread could be started") }
      // Behind the neighbour's start, which would be kept on the same core.
      if let core, !pin(toCore: core) { throw CommandFailure(.usage, "this thread cannot be kept on core \(core)") }
      let progress = StepPrinter()
      defer { progress.finish() }
      var rows: [BenchRow] = []
      for (place, setting) in settings.enumerated() {
        progress.show("measuring", Double(place) / Double(settings.count))
        rows.append(try run.measure(setting))
      }
      progress.show("measuring", 1)
      return rows
    }

    private func chosenSettings(_ index: VectorIndex) -> [BenchSetting] {
      if let recall { return [.effort(Effort(recall: recall)!)] }
      // A filter has no budgets that a caller could give: the search makes them of the effort and of what is allowed.
      if filterShare != nil { return [.effort(.recall90), .effort(.recall95), .effort(.recall99)] }
      return (try? explicitSettings()) ?? BenchSetting.range(of: index, k: k)
    }

    private func explicitSettings() throws -> [BenchSetting]? {
      try settings?.split(separator: ",", omittingEmptySubsequences: false).map { text in
        guard let setting = BenchSetting(text) else {
          throw ValidationError("\"\(text)\" is no setting: write blocks:refined:rescored, as 40:400:40")
        }
        return setting
      }
    }

    private func answers(_ queries: QuerySet, _ index: VectorIndex, _ allow: Bitmap?) throws -> ExactAnswers {
      if let truth {
        let rows: IntegerMatrix
        do throws(TensorError) { rows = try IntegerMatrix(TensorSource(truth)) } catch { throw CommandFailure(error) }
        return try ExactAnswers(rows, source: truth, queries, index, answerCount: min(k, index.count))
      }
      let progress = StepPrinter()
      defer { progress.finish() }
      return ExactAnswers.computed(queries, index, k: k, allow: allow, threads: exactThreads) {
        progress.show("exact answers", $0)
      }
    }

    private func randomBitmap(_ count: Int, share: Double) -> Bitmap {
      var bitmap = Bitmap(count: count)
      var random = BenchRandom(state: source.options.seed)
      for item in 0..<count where random.next() < share { bitmap.insert(UInt32(item)) }
      return bitmap
    }
  }
}

/// More would take cores from whoever else measures on the machine.
private let exactThreads = min(2, max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) as a number from 0 up to 1: a seed allows the same items on every machine.
private struct BenchRandom {
  var state: UInt64

  mutating func next() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z &>> 31)) >> 11) * 0x1p-53
  }
}

/// `64MiB`, for an option.
@Sendable private func bytes(_ text: String) throws -> Int {
  guard let bytes = byteCount(text), bytes >= 0, bytes <= 1 << 40 else {
    throw ValidationError("\"\(text)\" is no number of bytes; write 64MiB, 512KiB or 1000000")
  }
  return bytes
}

/// The rows of a bench, as lines.
private struct BenchTable {
  let subject: IndexUnderTest
  let queries: Int
  let bench: IndexCommand.Bench

  private var index: VectorIndex { subject.index }

  var head: String {
    let floatBytes = max(1, index.count * index.dimension * MemoryLayout<Float>.stride)
    let share = decimals(Double(index.codeBytes) / Double(floatBytes), 3)
    let built = subject.buildSeconds.map { ", built in \(decimals($0, 1)) s" } ?? ""
    return """
      \(index.count) items of \(index.dimension) dimensions by \(index.metric)\(built): \(index.listCount) lists, \
      \(index.blockCount) blocks, \(bytesText(index.codeBytes)), \(share) of float32
      \(queries) queries for \(bench.k), kernels \(Kernels.active.level.rawValue)
      \(padded("blocks:refined:rescored", 24)) recall     p5   mean µs    p50 µs    p99 µs   blocks  refined rescored     bytes
      """
  }

  func text(_ row: BenchRow) -> String {
    func cell(_ value: Double, _ places: Int, _ width: Int) -> String {
      padded(decimals(value, places), width, right: true)
    }
    return "\(padded(row.setting.text, 24))" + cell(row.recall, 4, 7) + cell(row.recallP5, 3, 7)
      + cell(row.meanMicroseconds, 1, 10) + cell(row.p50Microseconds, 1, 10) + cell(row.p99Microseconds, 1, 10)
      + cell(row.work.blocks, 0, 9) + cell(row.work.refined, 0, 9) + cell(row.work.rescored, 0, 9)
      + padded(bytesText(Int(row.work.bytes)), 10, right: true)
  }

  func json(_ row: BenchRow) -> String {
    var text = #"{"schemaVersion":1,"setting":"\#(row.setting.text)","recall":\#(rounded(row.recall, 5)),"#
    text += #""recall_p5":\#(rounded(row.recallP5, 5)),"mean_us":\#(rounded(row.meanMicroseconds, 3)),"#
    text += #""p50_us":\#(rounded(row.p50Microseconds, 3)),"p99_us":\#(rounded(row.p99Microseconds, 3)),"#
    text += #""index_bytes":\#(index.codeBytes),"build_s":\#(subject.buildSeconds.map { rounded($0, 3) } ?? "null"),"#
    text += #""bytes_touched":\#(Int(row.work.bytes)),"blocks":\#(rounded(row.work.blocks, 1)),"#
    text += #""refined":\#(rounded(row.work.refined, 1)),"rescored":\#(rounded(row.work.rescored, 1)),"#
    text += #""path":"\#(row.work.path.rawValue)","k":\#(bench.k),"metric":"\#(index.metric)","items":\#(index.count),"#
    text +=
      #""dimension":\#(index.dimension),"lists":\#(index.listCount),"kernels":"\#(Kernels.active.level.rawValue)","#
    text += #""queries":\#(queries),"rounds":\#(bench.rounds),"thrash_bytes":\#(bench.thrash),"#
    text += #""beside_bytes":\#(bench.beside),"filter_share":\#(bench.filterShare.map { "\($0)" } ?? "null")}"#
    return text
  }
}
