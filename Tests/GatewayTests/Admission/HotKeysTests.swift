import TestSupport
import Testing

@testable import Gateway

@Suite struct HotKeysTests {
  private let second: UInt64 = 1_000_000_000

  @Test func `a key is hot when it was missed in this period or the one before`() {
    var keys = HotKeys()
    let key: UInt64 = 0xABCD_EF01_2345_6789
    let known = [10 * second, 10 * second + 1, 11 * second + 999_999_999, 13 * second].map { keys.note(key, now: $0) }
    #expect(known == [false, true, true, false])
  }

  @Test func `few of the keys that were never seen are taken for hot ones`() {
    var keys = HotKeys()
    var random = SeededRandom(seed: 5)
    for _ in 0..<100_000 { keys.note(random.next(), now: second) }
    // A place holds 24 bits of one hash: one in 16 million is mistaken.
    let mistaken = (0..<100_000).count { _ in keys.note(random.next(), now: second) }
    #expect(mistaken <= 2)
  }
}
