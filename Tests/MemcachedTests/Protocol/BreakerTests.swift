import TestSupport
import Testing

@testable import Memcached

@Suite struct BreakerTests {
  private static let second: UInt64 = 1_000_000_000
  private static let millisecond: UInt64 = 1_000_000

  private func breaker(_ change: (inout Breaker.Limits) -> Void = { _ in }) -> Breaker {
    var limits = Breaker.Limits()
    change(&limits)
    return Breaker(limits: limits)
  }

  /// Closed again after it opened, at `now`.
  private func reopened(at now: UInt64) -> Breaker {
    var breaker = breaker()
    for _ in 0..<3 { _ = breaker.failed(timeouts: 0, now: now, chance: 1) }
    breaker.attempts()
    breaker.greeted(now: now)
    return breaker
  }

  // MARK: Opening

  @Test func `one failure is a reconnection, three in a row open it`() {
    var breaker = breaker()
    #expect(breaker.failed(timeouts: 20, now: 0, chance: 1) == 50 && breaker.state == .closed)
    breaker.greeted(now: 0)
    #expect(breaker.failed(timeouts: 20, now: 0, chance: 1) == 100 && breaker.state == .closed)
    breaker.greeted(now: 0)
    #expect(breaker.failed(timeouts: 0, now: 0, chance: 1) == 200 && breaker.state == .open)
    #expect(breaker.openedCount == 1)
  }

  @Test func `an answer between failures makes them no row`() {
    var breaker = breaker()
    for round in UInt64(0)..<100 {
      let now = round * 11 * Self.second
      #expect(breaker.failed(timeouts: 1, now: now, chance: 1) == 50)
      #expect(breaker.failed(timeouts: 1, now: now, chance: 1) == 100)
      breaker.greeted(now: now)
      breaker.answered(now: now)
      #expect(breaker.state == .closed, "round \(round)")
    }
  }

  @Test func `a share of timeouts above the limit opens it though others are answered`() {
    var breaker = breaker()
    for round in UInt64(0)..<3 {
      #expect(breaker.state == .closed, "one pause and two are no rate")
      let now = round * Self.second
      for _ in 0..<100 { breaker.answered(now: now) }
      _ = breaker.failed(timeouts: 10, now: now, chance: 1)
      breaker.greeted(now: now)
    }
    #expect(breaker.state == .closed, "it was greeted after it opened")
    #expect(breaker.openedCount == 1)
  }

  @Test func `a share at the limit does not open it`() {
    var breaker = breaker()
    for round in UInt64(0)..<50 {
      for _ in 0..<95 { breaker.answered(now: round * Self.second) }
      _ = breaker.failed(timeouts: 5, now: round * Self.second, chance: 1)
      breaker.greeted(now: round * Self.second)
    }
    #expect(breaker.openedCount == 0)
  }

  @Test func `pauses that lie further apart than the window are no rate`() {
    var breaker = breaker()
    for round in UInt64(0)..<20 {
      let now = round * 6 * Self.second
      breaker.answered(now: now)
      _ = breaker.failed(timeouts: 100, now: now, chance: 1)
      breaker.greeted(now: now)
    }
    #expect(breaker.openedCount == 0)
  }

  // MARK: Probing

  @Test func `it waits open, probes half open, and a greeting closes it`() {
    var breaker = breaker()
    for _ in 0..<3 { _ = breaker.failed(timeouts: 0, now: 0, chance: 1) }
    breaker.attempts()
    #expect(breaker.state == .halfOpen)
    #expect(breaker.failed(timeouts: 0, now: 0, chance: 1) == 400)
    #expect(breaker.state == .open && breaker.openedCount == 1, "a failed probe opens nothing anew")
    breaker.attempts()
    breaker.greeted(now: Self.second)
    #expect(breaker.state == .closed)
  }

  @Test func `delays double with every failed probe, up to the maximum`() {
    var breaker = breaker()
    let delays = (0..<9).map { _ in
      breaker.attempts()
      return breaker.failed(timeouts: 0, now: 0, chance: 1)
    }
    #expect(delays == [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000])
    for _ in 0..<1000 { _ = breaker.failed(timeouts: 0, now: 0, chance: 1) }
    #expect(breaker.failed(timeouts: 0, now: 0, chance: 1) == 2000)
  }

  @Test func `chance spreads a delay over its upper half`() {
    var (low, high) = (breaker(), breaker())
    for _ in 0..<12 {
      let least = low.failed(timeouts: 0, now: 0, chance: 0)
      let most = high.failed(timeouts: 0, now: 0, chance: 0.999_999)
      #expect(least * 2 >= most && least <= most && least > 0)
    }
  }

  // MARK: Flapping

  @Test func `each time that it opens soon after closing it waits twice as long`() {
    var breaker = reopened(at: 0)
    var now: UInt64 = 0
    let waits = (0..<7).map { _ in
      let wait = breaker.failed(timeouts: 30, now: now + 8 * Self.millisecond, chance: 1)
      #expect(breaker.state == .open)
      breaker.attempts()
      now += 60 * Self.second
      breaker.greeted(now: now)
      return wait
    }
    #expect(waits == [1000, 2000, 4000, 8000, 16000, 30000, 30000])
  }

  @Test func `one that held for the settling time starts anew`() {
    var breaker = reopened(at: 0)
    for _ in 0..<4 {
      _ = breaker.failed(timeouts: 1, now: 0, chance: 1)
      breaker.attempts()
      breaker.greeted(now: 0)
    }
    #expect(breaker.flaps == 4)
    #expect(breaker.failed(timeouts: 1, now: 10 * Self.second, chance: 1) == 50)
    #expect(breaker.state == .closed && breaker.failures == 1)
    breaker.greeted(now: 10 * Self.second)
    for _ in 0..<3 { _ = breaker.failed(timeouts: 1, now: 20 * Self.second, chance: 1) }
    #expect(breaker.state == .open && breaker.flaps == 0)
  }

  // MARK: Always

  @Test(arguments: UInt64(1)...20) func `whatever happens, delays are bounded and the states follow each other`(
    seed: UInt64
  ) {
    var random = SeededRandom(seed: seed)
    var breaker = breaker()
    var now: UInt64 = 0
    var isConnected = true
    for step in 0..<5000 {
      now += UInt64.random(in: 0..<2 * Self.second, using: &random)
      let before = breaker.state
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<6 where isConnected: breaker.answered(now: now)
      case 0..<8:
        let delay = breaker.failed(
          timeouts: Int.random(in: 0..<50, using: &random), now: now, chance: Double.random(in: 0..<1, using: &random))
        #expect((1...30_000).contains(delay), "seed \(seed), step \(step)")
        #expect(breaker.state != .halfOpen, "seed \(seed), step \(step): a failed probe is over")
        isConnected = false
      default:
        guard !isConnected else { continue }
        breaker.attempts()
        #expect(breaker.state == (before == .closed ? .closed : .halfOpen), "seed \(seed), step \(step)")
        if Bool.random(using: &random) {
          breaker.greeted(now: now)
          #expect(breaker.state == .closed)
          isConnected = true
        }
      }
    }
    #expect(breaker.openedCount > 0)
  }

  @Test func `no delay is nothing`() {
    var breaker = breaker {
      $0.firstMilliseconds = 0
      $0.maxMilliseconds = 0
      $0.settledMilliseconds = 0
    }
    #expect(breaker.failed(timeouts: 0, now: 0, chance: 0) == 1)
  }
}
