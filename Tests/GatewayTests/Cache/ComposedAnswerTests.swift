import Bytes
import Testing

@testable import Gateway

@Suite struct ComposedAnswerTests {
  @Test func `the head of a composed answer takes the bytes that its format says`() {
    #expect(ComposedAnswer.headBytes == 40)
  }

  @Test func `an entry counts as fresh until it is gone, replaced or past its time, and not again`() {
    var cache = L1Cache(bytesMax: 1 << 20, seed: 1)
    let (key, value, other) = (Array("key".utf8), Array("value".utf8), Array("other".utf8))
    cache.insert(key.span.bytes, value.span.bytes, freshUntil: 100, staleUntil: 200, now: 0)
    let found = cache.find(key.span.bytes, now: 1)
    let name = cache.name(found!)
    #expect(cache.isFresh(name, now: 99) == true)
    #expect(cache.isFresh(name, now: 100) == false)
    // The same value again keeps the entry; another one does not.
    cache.insert(key.span.bytes, value.span.bytes, freshUntil: 300, staleUntil: 400, now: 0)
    #expect(cache.isFresh(name, now: 299) == true)
    cache.insert(key.span.bytes, other.span.bytes, freshUntil: 300, staleUntil: 400, now: 0)
    #expect(cache.isFresh(name, now: 1) == false)
    let again = cache.find(key.span.bytes, now: 1)
    let second = cache.name(again!)
    cache.remove(key.span.bytes)
    #expect(cache.isFresh(second, now: 1) == false)
  }

  @Test func `a doorkeeper admits who comes twice, and forgets whom four others drove out`() {
    var door = Doorkeeper()
    func hash(_ print: UInt64) -> UInt64 { print << 49 | 5 }
    for print: UInt64 in 1...4 {
      #expect(door.admits(hash(print)) == false)
      #expect(door.admits(hash(print)) == true)
    }
    #expect(door.admits(hash(1)) == true, "four have room")
    #expect(door.admits(hash(5)) == false)
    #expect(door.admits(hash(1)) == false, "driven out by the fifth")
  }
}
