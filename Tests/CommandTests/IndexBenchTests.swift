import Retrieval
import TestSupport
import Testing

@Suite(.enabled(if: Command.isBuilt, "`swift build` makes the executable that these start"))
struct IndexBenchTests {
  private let files = IndexFiles(items: 600, dimension: 12, queries: 60, seed: 3)

  /// The keys that a line of `index bench --json` has.
  private struct Row: Decodable {
    let schemaVersion: Int
    let setting, metric, kernels, path: String
    let recall, recall_p5, mean_us, p50_us, p99_us, blocks, refined, rescored: Double
    let index_bytes, bytes_touched, k, items, dimension, lists, queries, rounds, thrash_bytes, beside_bytes: Int
    let build_s, filter_share: Double?
  }

  private func bench(_ arguments: String..., files: IndexFiles? = nil) -> Command.Result {
    let files = files ?? self.files
    return Command.run(["index", "bench", "--base", files["base.npy"], "--queries", files["queries.npy"]] + arguments)
  }

  @Test func `a range of settings is measured against a truth file, a line each`() throws {
    files.write(files.truth(15), "truth.npy")
    let rows = try bench("--truth", files["truth.npy"], "-k", "15", "--all", "--json").decoded(Row.self)
    #expect(rows.count > 1 && Set(rows.map(\.setting)).count == rows.count)
    for row in rows {
      #expect(row.k == 15 && row.items == 600 && row.dimension == 12 && row.queries == 60 && row.metric == "dot")
      #expect((0...1).contains(row.recall) && (0...1).contains(row.recall_p5))
      #expect(row.p50_us > 0 && row.p50_us <= row.p99_us && row.mean_us > 0)
      #expect(row.index_bytes > 0 && row.build_s! > 0 && row.filter_share == nil)
    }
    #expect(rows.contains { $0.recall > 0.95 })
  }

  @Test func `without a truth file the same recall is found`() throws {
    files.write(files.truth(10), "truth10.npy")
    let given = try bench("--truth", files["truth10.npy"], "--recall", "0.95", "--json").decoded(Row.self)
    let computed = try bench("--recall", "0.95", "--json").decoded(Row.self)
    #expect(given.count == 1 && computed.count == 1)
    #expect(given[0].recall == computed[0].recall && given[0].recall > 0.9, "\(given[0].recall), \(computed[0].recall)")
    #expect(given[0].setting == "recall 0.95")
  }

  @Test func `of a range only what nothing beats is printed`() throws {
    let rows = try bench("--json").decoded(Row.self)
    #expect(!rows.isEmpty)
    for row in rows {
      #expect(!rows.contains { $0.recall > row.recall && $0.mean_us < row.mean_us })
    }
    #expect(rows.map(\.recall) == rows.map(\.recall).sorted())
  }

  @Test func `settings of one's own are measured in their order, and named as given`() throws {
    let rows = try bench("--settings", "19:400:40,19:60:12,2:10:10", "--json", "--limit", "7", "--rounds", "3").decoded(
      Row.self)
    #expect(rows.map(\.setting) == ["19:400:40", "19:60:12", "2:10:10"])
    #expect(rows.allSatisfy { $0.queries == 7 && $0.rounds == 3 })
  }

  @Test func `a built file is measured without building`() throws {
    #expect(Command.run("index", "build", "--base", files["base.npy"], "--out", files["bench.ntsnap"]).code == 0)
    let result = Command.run(
      "index", "bench", "--index", files["bench.ntsnap"], "--queries", files["queries.npy"], "--recall", "0.99",
      "--json")
    let rows = try result.decoded(Row.self)
    #expect(rows.count == 1 && rows[0].build_s == nil && rows[0].recall > 0.95, "\(result)")
  }

  @Test func `an index with lists is measured up to a scan of every block`() throws {
    let many = IndexFiles(items: 6000, dimension: 8, queries: 25, seed: 5)
    many.write(many.truth(10), "truth.npy")
    let result = bench("--truth", many["truth.npy"], "--settings", "2:40:20,100000:6000:500", "--json", files: many)
    let rows = try result.decoded(Row.self)
    #expect(rows[0].blocks < rows[1].blocks && rows[0].recall < rows[1].recall, "\(result)")
    #expect(rows[1].recall == 1, "every block was scanned, and far more rows scored than asked for")
    #expect(rows[0].bytes_touched < rows[1].bytes_touched)
  }

  @Test func `a random filter has its own truth`() throws {
    let rows = try bench("--filter-share", "0.05", "--json").decoded(Row.self)
    #expect(rows.map(\.setting) == ["recall 0.90", "recall 0.95", "recall 0.99"])
    #expect(rows.allSatisfy { $0.filter_share == 0.05 && $0.recall > 0.9 })
  }

  @Test func `cold caches and a neighbour are part of the row`() throws {
    let rows = try bench("--thrash", "1MiB", "--beside", "2MiB", "--core", "0", "--recall", "0.90", "--json").decoded(
      Row.self)
    #expect(rows[0].thrash_bytes == 1 << 20 && rows[0].beside_bytes == 2 << 20)
  }

  @Test func `cosine is measured by cosine, and a truth by another metric is refused`() throws {
    let skewed = IndexFiles(
      items: files.items.enumerated().map { place, row in row.map { $0 * Float(1 + place % 9) } },
      queries: files.queries)
    skewed.write(skewed.truth(10, isCosine: true), "cosine.npy")
    skewed.write(skewed.truth(10), "dot.npy")
    let right = bench(
      "--metric", "cosine", "--truth", skewed["cosine.npy"], "--recall", "0.99", "--json", files: skewed)
    #expect(try right.decoded(Row.self)[0].recall > 0.95, "\(right.errors)")
    let wrong = bench("--metric", "cosine", "--truth", skewed["dot.npy"], "--recall", "0.99", files: skewed)
    #expect(wrong.code == 65 && wrong.errors.contains("another metric"), "\(wrong.errors)")
  }

  @Test func `duplicates tie, and either of them is right`() throws {
    let twins = IndexFiles(
      items: files.items.prefix(40).flatMap { [[Float]](repeating: $0, count: 20) }, queries: files.queries)
    // The last twins instead of the first.
    let best = twins.truth(20).map { $0.suffix(10).map(\.self) }
    twins.write(best, "truth.npy")
    let result = bench("--truth", twins["truth.npy"], "--settings", "25:800:500", "--json", files: twins)
    #expect(try result.decoded(Row.self)[0].recall == 1, "\(result)")
  }

  @Test func `zero queries, zero items and more answers than items are answered`() throws {
    let zero = [Float](repeating: 0, count: 4)
    let odd = IndexFiles(items: [zero, [1, 0, 0, 0], zero, [0, -1, 0, 0]], queries: [zero, [1, 2, 3, 4]])
    for metric in ["dot", "cosine"] {
      let result = bench("--metric", metric, "-k", "50", "--json", "--all", files: odd)
      #expect(result.code == 0, "\(result.errors)")
      #expect(try result.decoded(Row.self).allSatisfy { $0.recall == 1 })
    }
  }

  // MARK: - What is refused

  @Test(arguments: [
    (["-k", "0"], "-k is"), (["-k", "501"], "-k is"), (["--recall", "0.5"], "--recall is"),
    (["--rounds", "0"], "--rounds"),
    (["--settings", "1:2"], "is no setting"), (["--settings", "1:2:3,"], "is no setting"),
    (["--settings", "0:2:3"], "is no setting"),
    (["--settings", "1:2:3", "--recall", "0.9"], "one of them"), (["--index", "x"], "one of them"),
    (["--metric", "euclid"], "no metric"), (["--thrash", "64MB"], "no number of bytes"),
    (["--filter-share", "0"], "--filter-share"),
    (["--filter-share", "0.1", "--settings", "1:2:3"], "leave --truth"),
  ])
  func `options that cannot be are refused`(options: [String], message: String) {
    let result = Command.run(
      ["index", "bench", "--base", files["base.npy"], "--queries", files["queries.npy"]] + options)
    #expect(result.code == 64 && result.errors.contains(message), "\(result.code) \(result.errors)")
  }

  @Test func `vectors that cannot be are refused`() {
    func bench(_ base: String, _ queries: String, _ more: String...) -> Command.Result {
      Command.run(["index", "bench", "--base", base, "--queries", queries] + more)
    }
    func expect(_ result: Command.Result, _ code: Int32, _ message: String) {
      #expect(result.code == code && result.errors.contains(message) && result.output.isEmpty, "\(message): \(result)")
    }
    let (base, queries) = (files["base.npy"], files["queries.npy"])
    expect(bench(files["none.npy"], queries), 66, "No such file")
    expect(bench(base, files.folder.write("id,x\n1,2\n", to: "items.csv")), 65, "neither .npy nor safetensors")
    expect(
      bench(base, files.write([[1, 2, 3] as [Float]], "narrow.npy")), 65, "has 3 columns, the index 12 dimensions")
    var holed = files.items
    holed[17][5] = .nan
    expect(bench(files.write(holed, "nan.npy"), queries), 65, "row 17, column 5 is nan")
    let huge = files.write([[Float](repeating: 1e20, count: 12)], "huge.npy")
    expect(bench(huge, queries), 65, "norm is too large")
    expect(bench(base, huge), 65, "row 0")
    expect(bench(base, queries, "--calibration", files["narrow.npy"]), 65, "the items have 12")
    expect(bench(base, files.write([[Float]](), "empty.npy")), 65, "has 1 columns")
    expect(bench(base, queries, "--truth", base), 65, "astype('int64')")
    expect(
      bench(base, queries, "--truth", files.write([[0, 1, 2] as [Int64]], "short.npy")), 65, "has 1 rows for 60 queries"
    )
    let few = (0..<60).map { _ in [Int64](0..<3) }
    expect(bench(base, queries, "--truth", files.write(few, "few.npy")), 65, "has 3 neighbours a query")
    let outside = (0..<60).map { Int64($0) }.map { [Int64](repeating: $0, count: 9) + [600] }
    expect(bench(base, queries, "--truth", files.write(outside, "outside.npy")), 65, "row 0, column 9 is 600")
  }
}
