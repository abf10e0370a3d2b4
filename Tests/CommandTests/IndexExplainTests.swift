import Retrieval
import TestSupport
import Testing

@Suite(.enabled(if: Command.isBuilt, "`swift build` makes the executable that these start"))
struct IndexExplainTests {
  private let files = IndexFiles(items: 300, dimension: 8, queries: 5, seed: 4)

  private struct Explanation: Decodable {
    struct Answer: Decodable { let item: Int64; let score: Float }
    let setting, path: String
    let k, blocks, rescored, index_blocks: Int
    let median_us, recall, exact_us: Double
    let stages_us: [String: Double]
    let hits: [Answer]
  }

  private func explain(_ arguments: String...) -> Command.Result {
    Command.run(
      ["index", "explain", "--base", files["base.npy"], "--query", files["queries.npy"], "--repeats", "5"] + arguments)
  }

  @Test func `one query is taken apart`() throws {
    let result = explain("--row", "3", "-k", "6", "--recall", "0.99", "--json")
    let explanation = try result.decoded(Explanation.self)[0]
    #expect(explanation.k == 6 && explanation.hits.count == 6 && explanation.median_us > 0 && explanation.exact_us > 0)
    #expect(Set(explanation.stages_us.keys) == Set(SearchStage.allCases.map { "\($0)" }))
    #expect(explanation.hits.map(\.score) == explanation.hits.map(\.score).sorted(by: >))
    let truth = files.truth(6)[3]
    let found = explanation.hits.count { truth.contains($0.item) }
    #expect(abs(explanation.recall - Double(found) / 6) < 1e-4)
    #expect(explanation.hits[0].item == truth[0])
  }

  @Test func `people get a table`() {
    let result = explain("--setting", "10:50:20")
    #expect(result.code == 0)
    for word in ["10:50:20", "scan", "rescore", "recall of this query", "blocks scanned"] {
      #expect(result.output.contains(word), "\(word) in \(result.output)")
    }
  }

  @Test func `a row that is not there, or options that cannot be, are refused`() {
    let row = explain("--row", "5")
    #expect(row.code == 65 && row.errors.contains("there is no row 5"))
    #expect(explain("--row", "-1").code == 64)
    #expect(explain("--recall", "1").code == 64)
    #expect(explain("--setting", "1").code == 64)
    #expect(explain("file-and-base").code == 64)
  }
}
