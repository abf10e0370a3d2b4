import TestSupport
import Testing

@testable import Gateway

@Suite struct IdleQueueTests {
  private let millisecond: UInt64 = 1_000_000

  @Test func `the longest idle comes first, by what the connections know`() {
    var queue = IdleQueue(nowNanoseconds: 0)
    var active = [10, 20, 30, 40].map { $0 * millisecond }
    for (slot, at) in active.enumerated() { queue.insert(slot, activeNanoseconds: at) }
    // Used since, without a word to the queue.
    active[0] = 90 * millisecond
    active[2] = 80 * millisecond
    var order: [Int] = []
    while let slot = queue.takeLongestIdle(now: 100 * millisecond, { .idleSince(active[$0]) }) { order.append(slot) }
    #expect(order == [1, 3, 2, 0] && queue.count == 0)
  }

  @Test func `who is busy is passed over and keeps a place`() {
    var queue = IdleQueue(nowNanoseconds: 0)
    for slot in 0..<3 { queue.insert(slot, activeNanoseconds: UInt64(slot) * millisecond) }
    let now = 50 * millisecond
    let first = queue.takeLongestIdle(now: now) { $0 == 2 ? .idleSince(2 * millisecond) : .busy }
    #expect(first == 2)
    let none = queue.takeLongestIdle(now: now) { _ in .busy }
    #expect(none == nil && queue.count == 2)
    let later = queue.takeLongestIdle(now: now) { .idleSince(UInt64(60 + $0) * millisecond) }
    #expect(later == 0)
  }

  @Test func `who has gone is forgotten`() {
    var queue = IdleQueue(nowNanoseconds: 0)
    for slot in 0..<5 { queue.insert(slot, activeNanoseconds: 0) }
    queue.remove(0)
    let found = queue.takeLongestIdle(now: 0) { $0 < 4 ? .gone : .idleSince(0) }
    #expect(found == 4 && queue.count == 0)
  }

  @Test func `when thousands were used since, the work is bounded and an idle one is found all the same`() {
    var queue = IdleQueue(nowNanoseconds: 0)
    for slot in 0..<10_000 { queue.insert(slot, activeNanoseconds: UInt64(slot)) }
    var looks = 0
    let found = queue.takeLongestIdle(now: 900 * millisecond) {
      looks += 1
      return .idleSince(UInt64(800 - $0 % 700) * millisecond)
    }
    #expect(looks == IdleQueue.looksMax)
    #expect(found == 63, "the longest idle of those looked at: \(found ?? -1)")
    #expect(queue.count == 9999)
  }

  @Test func `a sweep takes those idle too long and nobody else`() {
    var queue = IdleQueue(nowNanoseconds: 0)
    let active = (0..<100).map { UInt64($0) * millisecond }
    for slot in active.indices { queue.insert(slot, activeNanoseconds: active[slot]) }
    var swept: [Int] = []
    var looks = 10_000
    while let slot = queue.takeIdle(
      sinceBefore: 40 * millisecond, now: 200 * millisecond, looks: &looks,
      { $0 == 7 ? .busy : $0 == 9 ? .idleSince(150 * millisecond) : .idleSince(active[$0]) })
    { swept.append(slot) }
    #expect(swept == (0...40).filter { $0 != 7 && $0 != 9 })
    #expect(queue.count == 61)
    #expect(queue.earliestNanoseconds! <= 41 * millisecond)
  }

  @Test func `a sweep stops when its work is used up and goes on later`() {
    var queue = IdleQueue(nowNanoseconds: 0)
    for slot in 0..<1000 { queue.insert(slot, activeNanoseconds: 0) }
    var swept = 0
    var sweeps = 0
    while queue.count > 0 {
      var looks = 100
      while queue.takeIdle(sinceBefore: millisecond, now: millisecond, looks: &looks, { _ in .idleSince(0) }) != nil {
        swept += 1
      }
      sweeps += 1
    }
    #expect(swept == 1000 && sweeps >= 10 && sweeps < 30, "\(sweeps)")
  }

  @Test(arguments: 0..<20) func `it agrees with sorting by the last activity`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var queue = IdleQueue(nowNanoseconds: 0)
    var active: [Int: UInt64] = [:]
    var now: UInt64 = 0
    for step in 0..<2000 {
      now += .random(in: 0...50, using: &random) * millisecond
      let slot = Int.random(in: 0..<40, using: &random)
      switch Int.random(in: 0..<8, using: &random) {
      case 0, 1:
        if active.updateValue(now, forKey: slot) == nil { queue.insert(slot, activeNanoseconds: now) }
      case 2...5:
        if active[slot] != nil { active[slot] = now }
      case 6:
        active[slot] = nil
        queue.remove(slot)
      default:
        let found = queue.takeLongestIdle(now: now) { active[$0].map { .idleSince($0) } ?? .gone }
        let least = active.values.min()
        #expect(found.flatMap { active[$0] } == least, "seed \(seed), step \(step)")
        if let found { active[found] = nil }
      }
      #expect(queue.count == active.count, "seed \(seed), step \(step)")
    }
  }
}
