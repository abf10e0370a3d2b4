import Model
import Testing

@testable import Trainer

struct TrendingReaderTests {
  private func read(_ text: String, brokenShareMax: Double = 0.01) throws -> TrendingReader.Lists {
    let items = Dictionary(uniqueKeysWithValues: ["a", "b", "c", "d"].enumerated().map { ($1, $0) })
    let bytes = Array(text.utf8)
    return try TrendingReader(path: "trending.csv", brokenShareMax: brokenShareMax)
      .read(bytes.span.bytes, items: items, segments: 2)
  }

  @Test func `rows go to the list of their segment, best first, each item once`() throws {
    let lists = try read("item,score,segment\nb,1,\na,5,\nc,3,1\na,4,1\na,2,1\nx,9,0\n")
    #expect(lists.global == [.init(item: 0, score: 5), .init(item: 1, score: 1)])
    #expect(lists.bySegment == [[], [.init(item: 0, score: 4), .init(item: 2, score: 3)]])
    #expect(lists.unknown == 1)
  }

  @Test func `without scores the order of the file is that of the list`() throws {
    let lists = try read("item_id\nc\na\nd\n")
    #expect(lists.global.map(\.item) == [2, 0, 3])
    #expect(lists.global.map(\.score) == [1, 0.5, 1 / 3])
  }

  @Test(arguments: [
    ("nothing\n1\n", "no header with a column of items"), ("item,score\n", "holds no rows"),
    ("item,score\na,many\n", "no number"), ("item,score,segment\na,1,2\n", "there is no segment \"2\""),
    ("item,score\na\n", "fields"), ("item,score\na,inf\n", "no number"),
  ])
  func `a broken list is refused`(text: String, words: String) {
    do {
      let lists = try read(text)
      Issue.record("read as \(lists)")
    } catch { #expect("\(error)".contains(words), "\(error)") }
  }
}
