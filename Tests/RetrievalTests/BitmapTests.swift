import TestSupport
import Testing

@testable import Retrieval

@Suite struct BitmapTests {
  @Test func `a bitmap counts what it holds, at every size around a word`() {
    for count in [0, 1, 63, 64, 65, 128, 1000] {
      let full = Bitmap(count: count, filled: true)
      #expect(full.ones == count)
      var some = Bitmap(count: count)
      for item in stride(from: 0, to: count, by: 3) { some.insert(UInt32(item)) }
      #expect(some.ones == (count + 2) / 3)
      for item in 0..<count { #expect(some.contains(UInt32(item)) == (item % 3 == 0)) }
      if count > 0 {
        some.insert(0)
        #expect(some.ones == (count + 2) / 3)
        some.remove(0)
        some.remove(0)
        #expect(some.ones == (count + 2) / 3 - 1)
      }
    }
  }

  @Test func `bitmaps combine like sets`() {
    var random = SeededRandom(seed: 3)
    let (a, b) = (randomSet(&random), randomSet(&random))
    #expect(combined(a, b) { $0.formIntersection($1) } == a.intersection(b))
    #expect(combined(a, b) { $0.formUnion($1) } == a.union(b))
    #expect(combined(a, b) { $0.subtract($1) } == a.subtracting(b))
    #expect(combined(a, b) { $0.assign($1) } == b)
    #expect(combined(a, b) { (mine, _) in mine.removeAll() } == [])
  }

  @Test func `stored words are taken as they are, without bits beyond the end`() throws {
    let bitmap = try #require(Bitmap(count: 66, words: [5, ~0]))
    #expect(bitmap.ones == 4 && bitmap.contains(64) && bitmap.contains(65))
    #expect(Bitmap(count: 66, words: [5]) == nil)
    #expect(Bitmap(count: 64, words: [5, 0]) == nil)
    #expect(Bitmap(count: -1, words: []) == nil)
  }

  private func randomSet(_ random: inout SeededRandom) -> Set<UInt32> {
    Set((0..<100).map { _ in UInt32.random(in: 0..<300, using: &random) })
  }

  private func combined(_ a: Set<UInt32>, _ b: Set<UInt32>, _ body: (inout Bitmap, Bitmap) -> Void) -> Set<UInt32> {
    var (first, second) = (Bitmap(count: 300), Bitmap(count: 300))
    for item in a { first.insert(item) }
    for item in b { second.insert(item) }
    body(&first, second)
    let result = Set((0..<300 as Range<UInt32>).filter { first.contains($0) })
    #expect(first.ones == result.count)
    return result
  }
}
