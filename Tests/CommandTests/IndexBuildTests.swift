import FoundationEssentials
import Retrieval
import Snapshots
import TestSupport
import Testing

@testable import Tensors

@Suite(.enabled(if: Command.isBuilt, "`swift build` makes the executable that these start"))
struct IndexBuildTests {
  private let files = IndexFiles(items: 400, dimension: 10, queries: 20, seed: 8)

  private struct Report: Decodable {
    let items, dimension, lists, blocks, index_bytes, float_bytes, file_bytes, build_peak_bytes, peak_bytes: Int
    let build_s, write_s: Double
    let steps_s: [String: Double]
  }

  @Test func `the file is an index that answers, and a seed gives its bytes`() throws {
    let result = Command.run(
      "index", "build", "--base", files["base.npy"], "--out", files["a.ntsnap"], "--seed", "7", "--json")
    let report = try result.decoded(Report.self)[0]
    #expect(report.items == 400 && report.dimension == 10 && report.float_bytes == 16_000 && report.index_bytes > 0)
    #expect(report.peak_bytes >= report.build_peak_bytes && report.build_peak_bytes > 1 << 20)
    #expect(report.steps_s.values.reduce(0, +) <= report.build_s + 0.01 && report.steps_s["calibrating"] != nil)
    let index = try VectorIndex(Snapshot.open(path: files["a.ntsnap"], verify: .checksums))
    let scratch = SearchScratch(for: index)
    let query = files.queries[0]
    try index.exactSearch(query.span, count: 1, allow: nil, scratch: scratch)
    let best = scratch.hits[0].item
    #expect(Int64(best) == files.truth(1)[0][0])
    #expect(
      Command.run("index", "build", "--base", files["base.npy"], "--out", files["b.ntsnap"], "--seed", "7").code == 0)
    let (a, b) = (
      try Data(contentsOf: URL(filePath: files["a.ntsnap"])), try Data(contentsOf: URL(filePath: files["b.ntsnap"]))
    )
    #expect(a == b)
  }

  @Test func `it says what it does on standard error, and what it made on standard output`() {
    let result = Command.run("index", "build", "--base", files["base.npy"], "--out", files["a.ntsnap"])
    #expect(result.code == 0)
    for step in ["calibrating", "writing"] { #expect(result.errors.contains(step)) }
    for word in ["400 items", "of float32", "peak resident memory", "calibrating"] {
      #expect(result.output.contains(word))
    }
  }

  @Test func `a tensor of a safetensors file is a base, named or alone`() throws {
    var writer = SafetensorsWriter()
    writer.add("items", type: .f16, shape: [3, 2], [1, 0, 0, 1, 1, 1].map { Float16($0).bitPattern })
    try writer.write(path: files["one.safetensors"])
    #expect(Command.run("index", "build", "--base", files["one.safetensors"], "--out", files["x.ntsnap"]).code == 0)
    writer.add("users", type: .f32, shape: [1, 2], [1, 2] as [Float])
    try writer.write(path: files["two.safetensors"])
    let unnamed = Command.run("index", "build", "--base", files["two.safetensors"], "--out", files["x.ntsnap"])
    #expect(unnamed.code == 65 && unnamed.errors.contains("name one"), "\(unnamed.errors)")
    let named = Command.run(
      "index", "build", "--base", files["two.safetensors"] + ":items", "--out", files["x.ntsnap"], "--json")
    #expect(try named.decoded(Report.self)[0].items == 3)
  }

  @Test func `a file that cannot be written, and one that is no index, end with a sentence`() throws {
    let lost = Command.run("index", "build", "--base", files["base.npy"], "--out", files["no/x.ntsnap"])
    #expect(lost.code == 73 && lost.errors.contains("error: "))
    let foreign = Command.run("index", "explain", files["base.npy"], "--query", files["queries.npy"])
    #expect(foreign.code == 65 && foreign.errors.contains("error: "), "\(foreign.errors)")
    #expect(Command.run("index", "build", "--base", files["base.npy"], "--out", files["x.ntsnap"]).code == 0)
    var bytes = try Data(contentsOf: URL(filePath: files["x.ntsnap"]))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(filePath: files["x.ntsnap"]))
    let damaged = Command.run("index", "bench", "--index", files["x.ntsnap"], "--queries", files["queries.npy"])
    #expect(damaged.code == 65 && damaged.errors.contains("x.ntsnap"), "\(damaged.errors)")
  }
}
