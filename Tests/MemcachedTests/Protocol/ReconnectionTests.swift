import Testing

@testable import Memcached

@Suite struct ReconnectionTests {
  private static let second: UInt64 = 1_000_000_000

  @Test func `delays double up to the maximum`() {
    var policy = Reconnection(delays: .init(firstMilliseconds: 50, maxMilliseconds: 2000, settledMilliseconds: 1000))
    #expect((0..<9).map { _ in policy.ended(now: 0, chance: 1) } == [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000])
    for _ in 0..<1000 { _ = policy.ended(now: 0, chance: 1) }
    #expect(policy.ended(now: 0, chance: 1) == 2000)
  }

  @Test func `chance spreads a delay over its upper half`() {
    var (low, high) = (Reconnection(delays: .init()), Reconnection(delays: .init()))
    for _ in 0..<8 {
      let (least, most) = (low.ended(now: 0, chance: 0), high.ended(now: 0, chance: 0.999_999))
      #expect(least * 2 >= most && least <= most)
    }
  }

  @Test func `a connection that settled starts the delays again, one that only greets does not`() {
    var policy = Reconnection(delays: .init())
    for _ in 0..<4 { _ = policy.ended(now: 0, chance: 1) }
    policy.becameReady(now: 0)
    #expect(policy.ended(now: Self.second - 1, chance: 1) == 800)
    policy.becameReady(now: 0)
    #expect(policy.ended(now: Self.second, chance: 1) == 50)
    #expect(policy.ended(now: 9 * Self.second, chance: 1) == 100)
  }

  @Test func `no delay is nothing`() {
    var policy = Reconnection(delays: .init(firstMilliseconds: 0, maxMilliseconds: 0, settledMilliseconds: 0))
    #expect(policy.ended(now: 0, chance: 0) == 1)
  }
}
