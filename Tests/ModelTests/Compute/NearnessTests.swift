import TestSupport
import Testing

@testable import Model

@Suite struct NearnessTests {
  @Test func `keys sort the nearest first, equal ones by place, and give back what went in`() {
    let cosines: [Float] = [0.5, -0.25, 1, 0, -1, 0.5, 0.49999997, -0.0]
    let keys = cosines.enumerated().map { NearnessKey.key($1, $0) }
    for (place, cosine) in cosines.enumerated() {
      let (back, number) = (NearnessKey.cosine(keys[place]), NearnessKey.place(keys[place]))
      #expect(back == cosine && number == place)
    }
    #expect(keys.sorted().map(NearnessKey.place) == [2, 0, 5, 6, 3, 7, 1, 4])
  }

  @Test func `the least come to the front, whatever order they stand in`() {
    var random = SeededRandom(seed: 11)
    for count in [1, 2, 3, 10, 64, 500] {
      for wanted in Set([0, 1, 2, count / 2, count - 1, count, count + 5]) where wanted >= 0 {
        var keys = (0..<UInt64(count)).map { $0 * 3 }
        keys.shuffle(using: &random)
        moveLeast(wanted, toTheFrontOf: &keys)
        let least = Set(keys.prefix(wanted))
        #expect(least == Set((0..<UInt64(min(wanted, count))).map { $0 * 3 }), "\(wanted) of \(count), seed 11")
        #expect(Set(keys).count == count)
      }
    }
  }

  @Test func `keys that are sorted, reversed or all but equal are no trap`() {
    for keys in [Array(0..<300), Array((0..<300).reversed()), (0..<300).map { $0 / 299 * 1000 + $0 }] as [[UInt64]] {
      var moved = keys
      moveLeast(100, toTheFrontOf: &moved)
      #expect(Set(moved.prefix(100)) == Set(keys.sorted().prefix(100)))
    }
  }
}
