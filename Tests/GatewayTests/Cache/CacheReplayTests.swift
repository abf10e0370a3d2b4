import TestSupport
import Testing

@testable import Gateway

@Suite struct CacheReplayTests {
  /// Keys `a`…`z` of equal size, one access a second.
  private func trace(_ keys: String, bytes: Int = 100) -> KeyTrace {
    var trace = KeyTrace()
    for (second, key) in keys.enumerated() { trace.append(seconds: Double(second), key: "\(key)", bytes: bytes) }
    return trace
  }

  private func replay(_ keys: String) -> CacheReplay {
    CacheReplay(trace(keys), freshSeconds: 1_000_000, staleSeconds: 0)
  }

  /// Room for this many of the trace's entries. Real caches hold 64 and more, for no entry may be above a 64th.
  private func hits(_ policy: CacheReplay.Policy, _ keys: String, places: Int) -> Int {
    replay(keys).run(policy, bytesMax: places * (1 + 100 + L1Cache.entryOverheadBytes)).fresh
  }

  private static let policies = CacheReplay.Policy.allCases

  @Test(arguments: policies) func `everything is found again where there is room`(policy: CacheReplay.Policy) {
    let replay = replay("abcabcabc")
    let result = replay.run(policy, bytesMax: replay.bytesMin)
    // A doorkeeper lets each key pass at its second access.
    #expect(result.fresh == (policy == .doorkept ? 3 : 6))
    #expect(result.evictions == 0 && result.accesses == 9)
  }

  @Test(arguments: policies) func `an entry is fresh, then stale and made anew, then gone`(policy: CacheReplay.Policy) {
    var trace = KeyTrace()
    // Seen twice first, so that a doorkeeper knows it.
    for second in [0, 0, 9, 10, 11, 25, 46] { trace.append(seconds: Double(second), key: "a", bytes: 10) }
    let replay = CacheReplay(trace, freshSeconds: 10, staleSeconds: 10)
    let result = replay.run(policy, bytesMax: replay.bytesMin)
    // 10: stale, made anew; 11: fresh; 25: stale, made anew; 46: gone.
    #expect(result.fresh == (policy == .doorkept ? 2 : 3), "\(result)")
    #expect(result.stale == 2, "\(result)")
  }

  @Test(arguments: policies, UInt64(1)...4) func `no policy holds more bytes than it may, or hits more than an unbounded one`(
    policy: CacheReplay.Policy, seed: UInt64
  ) {
    for kind in KeyTrace.Synthetic.allCases {
      let trace = KeyTrace.synthetic(kind, keys: 1500, accesses: 12_000, accessesPerSecond: 40, seed: seed)
      let replay = CacheReplay(trace, freshSeconds: 60, staleSeconds: 60)
      let bytesMax = replay.bytesMin * 2
      let result = replay.run(policy, bytesMax: bytesMax)
      #expect(policy == .unbounded || result.bytesPeak <= bytesMax, "\(kind), seed \(seed)")
      #expect(result.fresh + result.stale <= result.accesses)
      let bound = replay.run(.unbounded, bytesMax: bytesMax)
      #expect(result.hitRatio <= bound.hitRatio, "\(kind), seed \(seed)")
    }
  }

  @Test(arguments: policies) func `an entry of more than a 64th of the cache is refused by all`(policy: CacheReplay.Policy) {
    guard policy != .unbounded else { return }
    let replay = CacheReplay(trace("aaaaaa", bytes: 5000), freshSeconds: 60, staleSeconds: 0)
    #expect(replay.run(policy, bytesMax: replay.bytesMin - 64).fresh == 0)
    #expect(replay.run(policy, bytesMax: replay.bytesMin).fresh >= 4)
  }

  // MARK: What tells the policies apart

  /// `count` keys of 100 bytes in a row, from `first` on.
  private func walk(_ first: Int, _ count: Int) -> [Int] { Array(first..<first + count) }

  private func result(_ policy: CacheReplay.Policy, _ keys: [Int], places: Int) -> CacheReplay.Result {
    var trace = KeyTrace()
    for (second, key) in keys.enumerated() { trace.append(seconds: Double(second) / 100, key: "\(key + 10_000)", bytes: 95) }
    let replay = CacheReplay(trace, freshSeconds: 1_000_000, staleSeconds: 0)
    return replay.run(policy, bytesMax: places * (5 + 95 + L1Cache.entryOverheadBytes))
  }

  @Test func `a walk over new keys empties LRU, and spares what was used twice elsewhere`() {
    // 60 keys used three times, then 200 strangers, then the 60 again: in a cache of 100 places.
    let keys = walk(0, 60) + walk(0, 60) + walk(0, 60) + walk(1000, 200) + walk(0, 60)
    #expect(result(.lru, keys, places: 100).fresh == 120)
    #expect(result(.sieve, keys, places: 100).fresh == 180)
    #expect(result(.s3fifo, keys, places: 100).fresh == 180)
    #expect(result(.tinyLFU, keys, places: 100).fresh > 160)
    // The first of three uses is the one that a doorkeeper forgoes.
    #expect(result(.doorkept, keys, places: 100).fresh == 120)
  }

  @Test func `LRU drops the least recently used`() {
    #expect(result(.lru, walk(0, 100) + [0] + walk(500, 99) + [0], places: 100).fresh == 2)
    #expect(result(.lru, walk(0, 100) + [0] + walk(500, 100) + [0], places: 100).fresh == 1)
    #expect(result(.lru, walk(0, 101) + walk(0, 101), places: 100).fresh == 0, "a loop one longer than the cache")
  }

  @Test func `S3-FIFO lets what was asked for once go first, and knows it by its ghost when it returns`() {
    // 200 strangers push `0` out of the small queue; when it returns it goes to the main one and outlives 500 more.
    let keys = [0] + walk(1000, 200) + [0] + walk(2000, 500) + [0]
    #expect(result(.s3fifo, keys, places: 100).fresh == 0, "the ghost has forgotten it: it remembers 90 keys")
    let soon = walk(0, 100) + [0] + walk(1000, 60) + [0] + walk(2000, 500) + [0]
    #expect(result(.s3fifo, soon, places: 100).fresh >= 1)
  }
}
