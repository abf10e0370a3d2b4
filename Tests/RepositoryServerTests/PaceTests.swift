import Testing

@testable import RepositoryServer

@Suite struct PaceTests {
  private let second: UInt64 = 1_000_000_000
  private var limits: ServerLimits {
    var limits = ServerLimits()
    (limits.paceSeconds, limits.paceBytesMin) = (10, 1000)
    return limits
  }

  @Test func `a body must move enough in every window`() {
    var pace = Pace(limits, now: 0)
    let early = pace.isTooSlow(now: 9 * second, bytes: 0)
    let enough = pace.isTooSlow(now: 10 * second, bytes: 1000)
    let between = pace.isTooSlow(now: 15 * second, bytes: 1000)
    let stalled = pace.isTooSlow(now: 20 * second, bytes: 1999)
    #expect(!early && !enough && !between && stalled)
  }

  @Test func `of a short rest all must move, not more`() {
    var pace = Pace(limits, now: 0, bytes: -300, toCome: 300)
    let isSlow = pace.isTooSlow(now: 10 * second, bytes: 0, toCome: 0)
    #expect(!isSlow)
    var stopped = Pace(limits, now: 0, bytes: -300, toCome: 300)
    let isStopped = stopped.isTooSlow(now: 10 * second, bytes: -100, toCome: 100)
    #expect(isStopped)
  }
}
