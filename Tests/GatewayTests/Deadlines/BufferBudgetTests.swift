import TestSupport
import Testing

@testable import Gateway

@Suite struct BufferBudgetTests {
  private let second: UInt64 = 1_000_000_000

  @Test func `what fits fits, and what is given back is free again`() {
    var budget = BufferBudget(bytesMax: 100)
    #expect(budget.hold(0, bytes: 60, now: 0) == nil)
    #expect(budget.hold(1, bytes: 40, now: 0) == nil)
    #expect(budget.bytes == 100 && budget.count == 2)
    #expect(budget.hold(0, bytes: 10, now: 0) == nil)
    #expect(budget.bytes == 50 && budget.bytes(of: 0) == 10)
    budget.release(1)
    budget.release(1)
    #expect(budget.hold(0, bytes: 0, now: 0) == nil)
    #expect(budget.bytes == 0 && budget.count == 0)
  }

  @Test func `above the budget the one that has held something longest lets go`() {
    var budget = BufferBudget(bytesMax: 100)
    for slot in 0..<4 { _ = budget.hold(slot, bytes: 25, now: UInt64(slot)) }
    #expect(budget.hold(4, bytes: 1, now: 2 * second) == 0)
    budget.release(0)
    #expect(budget.hold(4, bytes: 20, now: 2 * second) == nil)
    #expect(budget.hold(4, bytes: 90, now: 2 * second) == 1, "holding on does not make younger")
  }

  @Test func `in a burst of the young, who asks for more is refused`() {
    var budget = BufferBudget(bytesMax: 100)
    for slot in 0..<4 { _ = budget.hold(slot, bytes: 25, now: 0) }
    #expect(budget.hold(9, bytes: 10, now: second / 2) == 9)
    #expect(budget.hold(2, bytes: 26, now: second / 2) == 2)
  }

  @Test func `who gives back is not blamed for others`() {
    var budget = BufferBudget(bytesMax: 100)
    _ = budget.hold(0, bytes: 100, now: 0)
    _ = budget.hold(1, bytes: 50, now: 0)
    #expect(budget.hold(1, bytes: 40, now: 5 * second) == nil)
  }

  @Test(arguments: 0..<20) func `the sum is the sum, and the oldest the oldest`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var budget = BufferBudget(bytesMax: 5000)
    var held: [Int: (bytes: Int, since: UInt64, order: Int)] = [:]
    var now: UInt64 = 0
    for step in 0..<3000 {
      now += .random(in: 0...second / 5, using: &random)
      let slot = Int.random(in: 0..<30, using: &random)
      let bytes = max(0, .random(in: -100...600, using: &random))
      let grew = bytes > (held[slot]?.bytes ?? 0)
      let verdict = budget.hold(slot, bytes: bytes, now: now)
      held[slot] = bytes == 0 ? nil : (bytes, held[slot]?.since ?? now, held[slot]?.order ?? step)
      let sum = held.values.reduce(0) { $0 + $1.bytes }
      #expect(budget.bytes == sum && budget.count == held.count, "seed \(seed), step \(step)")
      guard grew, sum > 5000, let oldest = held.min(by: { $0.value.order < $1.value.order }) else {
        #expect(verdict == nil, "seed \(seed), step \(step)")
        continue
      }
      let blamed = now - oldest.value.since >= second ? oldest.key : slot
      #expect(verdict == blamed, "seed \(seed), step \(step)")
      budget.release(blamed)
      held[blamed] = nil
    }
  }
}
