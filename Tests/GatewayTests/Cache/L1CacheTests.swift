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
    cache.insert(name.span.bytes, "value".utf8.span.bytes, freshUntil: 100, staleUntil: 200)
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
      cache.insert(name.span.bytes, value.span.bytes, freshUntil: 10, staleUntil: 20)
    }
    #expect(cache.count == 500)
    cache.resize(bytesMax: 100_000)
    #expect(cache.byteCount <= 100_000 && cache.byteCount > 98_000)
    let kept = cache.count
    cache.resize(bytesMax: 1 << 20)
    let name = key(1000)
    cache.insert(name.span.bytes, value.span.bytes, freshUntil: 10, staleUntil: 20)
    #expect(cache.count == kept + 1)
    cache.resize(bytesMax: 0)
    #expect(cache.count == 0 && cache.byteCount == 0)
  }

  @Test func `a value of more than a 64th of the cache is refused`() {
    var cache = L1Cache(bytesMax: 64 * 1024, seed: 1)
    let large = [UInt8](repeating: 7, count: 1024)
    let name = key(1)
    let kept = cache.insert(name.span.bytes, large.span.bytes, freshUntil: 1, staleUntil: 2)
    #expect(!kept && cache.count == 0)
  }

  @Test func `an entry that was used survives entries that were not`() {
    var cache = L1Cache(bytesMax: 20_000, seed: 3)
    let loved = key(0)
    let value = [UInt8](repeating: 1, count: 100)
    cache.insert(loved.span.bytes, value.span.bytes, freshUntil: 9, staleUntil: 9)
    for number in 1..<1000 {
      let name = key(number)
      cache.insert(name.span.bytes, value.span.bytes, freshUntil: 9, staleUntil: 9)
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
        let kept = cache.insert(name.span.bytes, value.span.bytes, freshUntil: 10, staleUntil: 10)
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
}
