import TestSupport
import Testing

@testable import Gateway

@Suite struct ComputeQueueTests {
  @Test func `the oldest and the newest come out at their ends, a preferred one before the newest`() {
    var queue = ComputeQueue<Int>()
    for work in 1...5 { queue.add(work, isHot: work == 3, now: UInt64(work)) }
    var taken = [queue.takeOldest()?.work]
    taken.append(queue.takeNewest(preferring: \.isHot)?.work)
    taken.append(queue.takeNewest(preferring: \.isHot)?.work)
    taken.append(queue.takeOldest()?.work)
    taken.append(queue.takeOldest()?.work)
    #expect(taken == [1, 3, 5, 2, 4])
    let (nothing, newest) = (queue.takeOldest() == nil, queue.takeNewest(preferring: \.isHot) == nil)
    #expect(nothing && newest)
  }

  @Test func `a preferred one far behind the newest is not looked for`() {
    var queue = ComputeQueue<Int>()
    for work in 0..<100 { queue.add(work, isHot: work == 60, now: 0) }
    let taken = queue.takeNewest(preferring: \.isHot)?.work
    #expect(taken == 99)
  }

  @Test func `it knows since when it has not been empty`() {
    var queue = ComputeQueue<Int>()
    #expect(queue.heldNanoseconds(50) == 0)
    queue.add(1, isHot: false, now: 10)
    queue.add(2, isHot: false, now: 20)
    _ = queue.takeOldest()
    #expect(queue.heldNanoseconds(50) == 40)
    _ = queue.takeOldest()
    queue.add(3, isHot: false, now: 60)
    #expect(queue.heldNanoseconds(70) == 10 && queue.heldNanoseconds(5) == 0)
  }

  @Test func `a queue that is empty because all were given up counts as empty only after a pause`() {
    var queue = ComputeQueue<Int>()
    queue.add(1, isHot: false, now: 10)
    _ = queue.takeOldest(givingUp: 1_000)
    #expect(queue.heldNanoseconds(1_010) == 1_000)
    queue.add(2, isHot: false, now: 2_000)
    #expect(queue.heldNanoseconds(2_010) == 2_000)
    _ = queue.takeOldest()
    let later = 1_001 + ComputeQueue<Int>.pauseNanoseconds
    #expect(queue.heldNanoseconds(later) == 0)
    queue.add(3, isHot: false, now: later)
    #expect(queue.heldNanoseconds(later + 7) == 7)
  }

  @Test(arguments: [1, 2, 3] as [UInt64]) func `random use agrees with an array`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var queue = ComputeQueue<Int>()
    var truth: [Int] = []
    for step in 0..<20_000 {
      switch Int.random(in: 0..<5, using: &random) {
      case 0...2 where truth.count < 300:
        queue.add(step, isHot: false, now: 0)
        truth.append(step)
      case 3:
        let taken = queue.takeOldest()?.work
        let expected = truth.isEmpty ? nil : truth.removeFirst()
        #expect(taken == expected, "seed \(seed)")
      default:
        let wanted = step % 7
        let taken = queue.takeNewest { $0.work % 7 == wanted }?.work
        let place = truth.suffix(ComputeQueue<Int>.lookBack).lastIndex { $0 % 7 == wanted } ?? truth.indices.last
        var expected: Int?
        if let place { expected = truth.remove(at: place) }
        #expect(taken == expected, "seed \(seed)")
      }
      #expect(queue.count == truth.count, "seed \(seed)")
    }
  }
}
