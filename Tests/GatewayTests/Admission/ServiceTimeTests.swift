import Testing

@testable import Gateway

@Suite struct ServiceTimeTests {
  private func after(_ samples: [UInt64]) -> UInt64? {
    var time = ServiceTime()
    for sample in samples { time.note(nanoseconds: sample, now: 1000) }
    return time.nanoseconds
  }

  @Test func `nothing is known before the first measurement`() {
    #expect(after([]) == nil && after([5]) == 5)
  }

  @Test func `one measurement far out at most doubles it`() {
    let estimate = after(Array(repeating: 200_000, count: 200) + [50_000_000])!
    #expect(estimate <= 2 * 600_000, "\(estimate)")
  }

  @Test func `a change that stays shows within some measurements`() {
    let estimate = after(Array(repeating: 100_000, count: 200) + Array(repeating: 180_000, count: 24))!
    #expect(estimate > 160_000 && estimate <= 180_000, "\(estimate)")
  }

  @Test func `the first measurement, which met cold memory, does not count for long`() {
    let estimate = after([5_000_000] + Array(repeating: 200_000, count: 100))!
    #expect(estimate < 300_000, "\(estimate)")
  }

  @Test func `it halves while nothing is measured`() {
    var time = ServiceTime()
    time.note(nanoseconds: 800, now: 1000)
    #expect(time.nanoseconds(1099, halvedEvery: 100) == 800)
    #expect(time.nanoseconds(1100, halvedEvery: 100) == 400)
    #expect(time.nanoseconds(1350, halvedEvery: 100) == 100)
    #expect(time.nanoseconds(.max, halvedEvery: 100) == 0)
  }
}
