import TestSupport
import Testing

@testable import Gateway

@Suite struct HashIndexTests {
  @Test func `a hash has one place, and the first to come keeps it`() {
    var index = HashIndex()
    #expect(index.insert(7, 1) == true)
    #expect(index.insert(7, 2) == false)
    #expect(index[7] == 1)
    index.remove(7, 2)
    #expect(index[7] == 1, "a place that does not hold the hash must not remove it")
    index.remove(7, 1)
    #expect(index[7] == nil && index.count == 0)
  }

  /// Few distinct low bits, so that runs are long and wrap around the table's end.
  @Test(arguments: [1, 2, 3, 4, 5]) func `random use agrees with a dictionary`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var index = HashIndex(capacity: 8)
    var truth: [UInt64: Int] = [:]
    for step in 0..<20_000 {
      let hash = UInt64.random(in: 0..<300, using: &random) &* 0x9E37_79B9_7F4A_7C15 << 2 | 0x3D
      if Bool.random(using: &random) {
        let inserted = index.insert(hash, step)
        #expect(inserted == (truth[hash] == nil), "seed \(seed), step \(step)")
        if inserted { truth[hash] = step }
      } else if let place = truth[hash] {
        index.remove(hash, place)
        truth[hash] = nil
      }
      #expect(index[hash] == truth[hash] && index.count == truth.count, "seed \(seed), step \(step)")
    }
    for (hash, place) in truth { #expect(index[hash] == place, "seed \(seed)") }
  }
}
