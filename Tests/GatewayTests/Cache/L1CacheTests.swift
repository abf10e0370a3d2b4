import Bytes
import TestSupport
import Testing

@testable import Gateway

/// What the cache must agree with: a dictionary that forgets nothing, so a hit must hold the last value put.
@Suite struct L1CacheTests {
  private func key(_ number: Int) -> [UInt8] { Array("nt1:key:\(number)".utf8) }

  @Test func `a value is found until it is past stale, and counts as fresh until it is not`() {
    var cache = L1Cache(bytesMax: 1 << 20, seed: 1)
    let name = key(1)
    cache.insert(name.span.bytes, "value".utf8.span.bytes, freshUntil: 100, staleUntil: 200, now: 0)
    let fresh = cache.find(name.span.bytes, now: 99)
    #expect(fresh.map { cache.freshUntil($0) } == 100)
    let text = String(copying: cache.value(fresh!))
    #expect(text == "value")
    let gone = cache.find(name.span.bytes, now: 200)
    #expect(gone == nil && cache.count == 0 && cache.byteCount == 0)
  }

  @Test func `a smaller cache keeps what fits, a larger one takes more`() {
    var cache = L1Cache(bytesMax: 1 << 20, seed: 1)
    let value = [UInt8](repeating: 7, count: 900)
    for number in 0..<500 {
      let name = key(number)
      cache.insert(name.span.bytes, value.span.bytes, freshUntil: 10, staleUntil: 20, now: 1)
    }
    #expect(cache.count == 500)
    cache.resize(bytesMax: 100_000)
    #expect(cache.byteCount <= 100_000 && cache.byteCount > 98_000)
    let kept = cache.count
    cache.resize(bytesMax: 1 << 20)
    let name = key(1000)
    cache.insert(name.span.bytes, value.span.bytes, freshUntil: 10, staleUntil: 20, now: 1)
    #expect(cache.count == kept + 1)
    cache.resize(bytesMax: 0)
    #expect(cache.count == 0 && cache.byteCount == 0)
  }

  @Test func `a value of more than a 64th of the cache is refused`() {
    var cache = L1Cache(bytesMax: 64 * 1024, seed: 1)
    let large = [UInt8](repeating: 7, count: 1024)
    let name = key(1)
    let kept = cache.insert(name.span.bytes, large.span.bytes, freshUntil: 1, staleUntil: 2, now: 0)
    #expect(!kept && cache.count == 0)
  }

  @Test func `keys that were hit are named, those that came last first, as many as are wanted`() {
    var cache = L1Cache(bytesMax: 1 << 20, seed: 1)
    for number in 0..<10 {
      let name = key(number)
      cache.insert(name.span.bytes, "value".utf8.span.bytes, freshUntil: 9, staleUntil: 9, now: 0)
    }
    for number in [2, 5, 7] {
      let name = key(number)
      #expect(cache.find(name.span.bytes, now: 1) != nil)
    }
    func named(_ prefix: String, lookingAtMost limit: Int = 100, wanted: Int = 100) -> [String] {
      var names: [String] = []
      cache.forEachHit(startingWith: Array(prefix.utf8), lookingAtMost: limit) { tail in
        names.append(String(copying: tail))
        return names.count < wanted
      }
      return names
    }
    #expect(named("nt1:key:") == ["7", "5", "2"])
    #expect(named("nt1:key:", wanted: 1) == ["7"])
    #expect(named("nt1:key:", lookingAtMost: 5) == ["7", "5"])
    #expect(named("nt1:other:") == [] && named("nt1:key:7") == [])
  }

  @Test func `an entry that was used survives entries that were not`() {
    var cache = L1Cache(bytesMax: 20_000, seed: 3)
    let loved = key(0)
    let value = [UInt8](repeating: 1, count: 100)
    cache.insert(loved.span.bytes, value.span.bytes, freshUntil: 9, staleUntil: 9, now: 0)
    for number in 1..<1000 {
      let name = key(number)
      cache.insert(name.span.bytes, value.span.bytes, freshUntil: 9, staleUntil: 9, now: 0)
      let found = cache.find(loved.span.bytes, now: 1)
      #expect(found != nil, "lost after \(number)")
    }
    #expect(cache.byteCount <= 20_000 && cache.evictions > 800)
  }

  @Test(arguments: [1, 2, 3, 4, 5]) func `random use agrees with a dictionary and never exceeds its bytes`(seed: UInt64)
  {
    var random = SeededRandom(seed: seed)
    var cache = L1Cache(bytesMax: 60_000, seed: seed)
    var truth: [Int: [UInt8]] = [:]
    for step in 0..<20_000 {
      let number = Int.random(in: 0..<400, using: &random)
      let name = key(number)
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<4:
        let value = (0..<Int.random(in: 0..<300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        let kept = cache.insert(name.span.bytes, value.span.bytes, freshUntil: 10, staleUntil: 10, now: 0)
        #expect(kept)
        truth[number] = value
      case 4:
        cache.remove(name.span.bytes)
        truth[number] = nil
      default:
        guard let index = cache.find(name.span.bytes, now: 1) else { continue }
        let wanted = truth[number] ?? [1, 2, 3]
        let same = equal(cache.value(index), wanted.span.bytes)
        #expect(same, "seed \(seed), step \(step), key \(number)")
      }
      #expect(cache.byteCount <= 60_000, "seed \(seed), step \(step)")
    }
    #expect(cache.count > 0 && cache.evictions > 0)
  }

  // MARK: Deadlines

  @Test func `an entry past stale goes first, used or not`() {
    var cache = L1Cache(bytesMax: 20_000, seed: 3)
    let value = [UInt8](repeating: 1, count: 100)
    // Names of one length.
    var kept = 10_000
    while cache.evictions == 0 {
      let name = key(kept)
      // Every third lives shortly.
      let until: UInt32 = kept % 3 == 0 ? 10 : 1000
      cache.insert(name.span.bytes, value.span.bytes, freshUntil: until, staleUntil: until, now: 1)
      kept += 1
      _ = cache.find(name.span.bytes, now: 1)
    }
    // All are visited and the hand is where it was left; at 10 every third is over.
    let evictions = cache.evictions
    for number in 0..<(kept - 10_000) / 4 {
      let name = key(20_000 + number)
      cache.insert(name.span.bytes, value.span.bytes, freshUntil: 1000, staleUntil: 1000, now: 10)
    }
    #expect(cache.evictions == evictions + UInt64((kept - 10_000) / 4))
    var lost = 0
    for number in 10_001..<kept where number % 3 != 0 {
      let name = key(number)
      if cache.find(name.span.bytes, now: 10) == nil { lost += 1 }
    }
    #expect(lost <= 1, "the one that the first eviction took")
  }

  @Test(arguments: [UInt64(1), 2, 3, 4]) func `fresh and stale deadlines are kept apart, whatever is put when`(
    seed: UInt64
  ) {
    var random = SeededRandom(seed: seed)
    var cache = L1Cache(bytesMax: 1 << 20, seed: seed)
    var truth: [Int: (fresh: UInt32, stale: UInt32)] = [:]
    var now: UInt32 = 1
    for step in 0..<10_000 {
      now += UInt32.random(in: 0...1, using: &random)
      let number = Int.random(in: 0..<100, using: &random)
      let name = key(number)
      if Bool.random(using: &random) {
        let fresh = now + UInt32.random(in: 0..<50, using: &random)
        let stale = fresh + UInt32.random(in: 0..<50, using: &random)
        let value = [UInt8.random(in: 0...3, using: &random)]
        cache.insert(name.span.bytes, value.span.bytes, freshUntil: fresh, staleUntil: stale, now: now)
        truth[number] = (fresh, stale)
      } else {
        let found = cache.find(name.span.bytes, now: now)
        let expected = truth[number].flatMap { now < $0.stale ? $0 : nil }
        #expect((found != nil) == (expected != nil), "seed \(seed), step \(step)")
        if let found, let expected { #expect(cache.freshUntil(found) == expected.fresh, "seed \(seed), step \(step)") }
        if expected == nil { truth[number] = nil }
      }
    }
  }

  // MARK: The hand

  @Test func `an eviction walks past 64 used entries and no more`() {
    var cache = L1Cache(bytesMax: 1 << 20, seed: 9)
    let value = [UInt8](repeating: 1, count: 100)
    var number = 10_000
    func put(_ cache: inout L1Cache) {
      let name = key(number)
      cache.insert(name.span.bytes, value.span.bytes, freshUntil: 9, staleUntil: 9, now: 1)
      _ = cache.find(name.span.bytes, now: 1)
      number += 1
    }
    while cache.evictions == 0 { put(&cache) }
    #expect(cache.count > 1000)
    for _ in 0..<2000 {
      let (steps, evictions) = (cache.handSteps, cache.evictions)
      put(&cache)
      #expect(cache.evictions == evictions + 1)
      #expect(cache.handSteps - steps <= UInt64(L1Cache.handStepsMax))
    }
  }

  @Test func `a value that is made anew stays as well regarded as it was`() {
    var cache = L1Cache(bytesMax: 1 << 20, seed: 9)
    let name = key(1)
    cache.insert(name.span.bytes, "old".utf8.span.bytes, freshUntil: 5, staleUntil: 9, now: 1)
    let old = cache.find(name.span.bytes, now: 6)
    #expect(old != nil)
    cache.insert(name.span.bytes, "new".utf8.span.bytes, freshUntil: 15, staleUntil: 19, now: 6)
    let isVisited = cache.entries[Int(cache.newest)].visited
    #expect(isVisited)
    let stranger = key(2)
    cache.insert(stranger.span.bytes, "new".utf8.span.bytes, freshUntil: 15, staleUntil: 19, now: 6)
    let isStrangerVisited = cache.entries[Int(cache.newest)].visited
    #expect(!isStrangerVisited)
  }

  @Test func `two caches of other seeds put the same keys elsewhere`() {
    var one = L1Cache(bytesMax: 1 << 20, seed: 1)
    var other = L1Cache(bytesMax: 1 << 20, seed: 2)
    for number in 0..<50 {
      let name = key(number)
      one.insert(name.span.bytes, name.span.bytes, freshUntil: 9, staleUntil: 9, now: 1)
      other.insert(name.span.bytes, name.span.bytes, freshUntil: 9, staleUntil: 9, now: 1)
    }
    let (ones, others) = (one.table, other.table)
    #expect(ones != others)
  }
}
