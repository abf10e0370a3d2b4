import TestSupport
import Testing

@testable import Reactor

@Suite struct TimerWheelTests {
  /// Everything due by `now`, in the order it comes.
  private func expire(_ wheel: inout TimerWheel, at now: UInt64) -> [Int] {
    var expired: [Int] = []
    var work = Int.max
    while let slot = wheel.takeExpired(at: now, work: &work) { expired.append(slot) }
    return expired
  }

  @Test func `a slot expires at its tick and not before`() {
    var wheel = TimerWheel(tickNanoseconds: 10)
    for deadline in [UInt64(1), 63, 64, 65, 639, 640, 641, 40_960, 40_970, 2_621_440, 123_456_789] {
      let base = deadline
      var fresh = TimerWheel(tickNanoseconds: 10)
      fresh.schedule(3, atNanoseconds: base)
      let due = (base + 9) / 10 * 10
      let early = expire(&fresh, at: due - 1)
      let onTime = expire(&fresh, at: due)
      #expect(early == [] && onTime == [3], "deadline \(deadline)")
      #expect(fresh.isEmpty && fresh.nextNanoseconds == nil)
    }
    wheel.schedule(0, atNanoseconds: 0)
    let atOnce = expire(&wheel, at: 0)
    #expect(atOnce == [0], "the present counts as past")
  }

  @Test func `a slot that is scheduled again expires at its new time only`() {
    var wheel = TimerWheel(tickNanoseconds: 1)
    wheel.schedule(1, atNanoseconds: 10)
    wheel.schedule(1, atNanoseconds: 5000)
    #expect(wheel.count == 1 && wheel.deadlineNanoseconds(of: 1) == 5000)
    let early = expire(&wheel, at: 4999)
    let late = expire(&wheel, at: 5000)
    #expect(early == [] && late == [1])
    wheel.schedule(1, atNanoseconds: 9000)
    wheel.schedule(1, atNanoseconds: 6000)
    let earlier = expire(&wheel, at: 6000)
    #expect(earlier == [1])
  }

  @Test func `no later than a time keeps what is earlier`() {
    var wheel = TimerWheel(tickNanoseconds: 1)
    wheel.schedule(1, noLaterThanNanoseconds: 100)
    wheel.schedule(1, noLaterThanNanoseconds: 200)
    #expect(wheel.deadlineNanoseconds(of: 1) == 100)
    wheel.schedule(1, noLaterThanNanoseconds: 50)
    #expect(wheel.deadlineNanoseconds(of: 1) == 50)
  }

  @Test func `a cancelled slot does not expire, and cancelling nothing is nothing`() {
    var wheel = TimerWheel(tickNanoseconds: 1)
    wheel.cancel(7)
    wheel.schedule(7, atNanoseconds: 10)
    wheel.schedule(8, atNanoseconds: 10)
    wheel.cancel(7)
    wheel.cancel(7)
    #expect(!wheel.isScheduled(7) && wheel.isScheduled(8) && wheel.count == 1)
    let expired = expire(&wheel, at: 10)
    #expect(expired == [8])
  }

  @Test func `slots come in the order of their ticks, those of one tick as they were scheduled`() {
    var wheel = TimerWheel(tickNanoseconds: 1)
    for (slot, deadline) in [500, 3, 70, 3, 5000, 64, 63].enumerated() {
      wheel.schedule(slot, atNanoseconds: UInt64(deadline))
    }
    let expired = expire(&wheel, at: 100_000)
    #expect(expired == [1, 3, 6, 5, 2, 0, 4])
  }

  @Test func `what is due may be scheduled and cancelled while it is taken`() {
    var wheel = TimerWheel(tickNanoseconds: 1)
    for slot in 0..<10 { wheel.schedule(slot, atNanoseconds: 100) }
    var work = Int.max
    var seen: [Int] = []
    while let slot = wheel.takeExpired(at: 100, work: &work) {
      seen.append(slot)
      if slot == 0 { wheel.cancel(1) }
      wheel.schedule(slot, atNanoseconds: 200)
    }
    #expect(seen == [0, 2, 3, 4, 5, 6, 7, 8, 9])
    let again = expire(&wheel, at: 200)
    #expect(again == seen)
  }

  /// 64⁵ ticks of a millisecond are 12 days: two coarse boundaries and everything between.
  @Test func `a gap of years costs a few steps, not one a tick`() {
    let year: UInt64 = 365 * 86_400 * 1_000_000_000
    var wheel = TimerWheel(tickNanoseconds: 1_000_000)
    wheel.schedule(0, atNanoseconds: 100 * year)
    var work = 12
    let slot = wheel.takeExpired(at: 100 * year, work: &work)
    #expect(slot == 0, "eleven levels and the slot itself")
  }

  @Test func `the end of time is a deadline like any other`() {
    var wheel = TimerWheel(tickNanoseconds: 1, nowNanoseconds: .max - 10_000)
    for slot in 0..<100 { wheel.schedule(slot, atNanoseconds: .max - UInt64(slot) * 100) }
    #expect(wheel.nextNanoseconds ?? .max <= UInt64.max - 9900)
    let most = expire(&wheel, at: .max - 1)
    #expect(most == (1..<100).reversed())
    let last = expire(&wheel, at: .max)
    #expect(last == [0])
    var coarse = TimerWheel(tickNanoseconds: 1_000_000)
    coarse.schedule(0, atNanoseconds: .max)
    #expect(coarse.deadlineNanoseconds(of: 0) == .max)
    let never = expire(&coarse, at: .max / 1_000_000 * 1_000_000)
    #expect(never == [], "the tick that would hold it has not begun")
  }

  @Test func `the work of one call is bounded however much is due`() {
    var wheel = TimerWheel(tickNanoseconds: 1)
    let count = 10_000
    // All in one coarse place: each is moved, then given out.
    for slot in 0..<count { wheel.schedule(slot, atNanoseconds: 100_000 + UInt64(slot % 7)) }
    var calls = 0
    var seen: Set<Int> = []
    while !wheel.isEmpty {
      var work = 100
      let before = work
      while let slot = wheel.takeExpired(at: 200_000, work: &work) { seen.insert(slot) }
      #expect(work >= 0 && work < before)
      #expect(wheel.isEmpty || wheel.nextNanoseconds! <= 200_000, "it says that there is more to do")
      calls += 1
    }
    #expect(seen.count == count)
    #expect(calls >= count / 100 && calls <= 3 * count / 100 + 2, "\(calls)")
  }

  @Test func `half-done moves are no obstacle to scheduling and cancelling`() {
    var wheel = TimerWheel(tickNanoseconds: 1)
    for slot in 0..<100 { wheel.schedule(slot, atNanoseconds: 5000) }
    var work = 50
    let none = wheel.takeExpired(at: 4100, work: &work)
    #expect(none == nil && work == 0)
    for slot in 0..<100 where slot % 2 == 0 { wheel.cancel(slot) }
    wheel.schedule(200, atNanoseconds: 4097)
    let first = expire(&wheel, at: 4999)
    #expect(first == [200])
    let rest = Set(expire(&wheel, at: 5000))
    #expect(rest == Set((0..<100).filter { $0 % 2 == 1 }))
  }

  @Test func `the earliest comes first whatever the time, and later ones may join`() {
    var wheel = TimerWheel(tickNanoseconds: 1)
    var work = Int.max
    #expect(wheel.takeEarliest(work: &work) == nil)
    wheel.schedule(0, atNanoseconds: 1_000_000)
    wheel.schedule(1, atNanoseconds: 70)
    #expect(wheel.takeEarliest(work: &work) == 1)
    wheel.schedule(1, atNanoseconds: 999)
    wheel.schedule(2, atNanoseconds: 2_000_000)
    #expect(wheel.takeEarliest(work: &work) == 1)
    #expect(wheel.takeEarliest(work: &work) == 0)
    #expect(wheel.takeEarliest(work: &work) == 2)
    #expect(wheel.takeEarliest(work: &work) == nil)
  }

  // MARK: Against a list of deadlines.

  /// The same by looking at every deadline every time.
  private struct Model {
    var ticks: [Int: UInt64] = [:]

    mutating func expire(at now: UInt64) -> [(slot: Int, tick: UInt64)] {
      let due = ticks.filter { $0.value <= now }
      for slot in due.keys { ticks[slot] = nil }
      return due.map { ($0.key, $0.value) }
    }
  }

  /// How far ahead, or behind, a deadline or a leap of the clock lies: small, at the edges of places, huge.
  private func distance(_ random: inout SeededRandom) -> UInt64 {
    switch Int.random(in: 0..<10, using: &random) {
    case 0: 0
    case 1...4: .random(in: 0...70, using: &random)
    case 5, 6: .random(in: 0...5000, using: &random)
    case 7: (1 << UInt64.random(in: 0...40, using: &random)) &+ .random(in: 0...2, using: &random) &- 1
    case 8: .random(in: 0...1 << 30, using: &random)
    default: .random(in: 0...1 << 50, using: &random)
    }
  }

  @Test(arguments: 0..<40) func `it says what a list of deadlines says`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let tick: UInt64 = [1, 7, 1_000_000][Int(seed % 3)]
    var now = seed % 4 == 3 ? UInt64.max / tick / 2 : .random(in: 0...100_000, using: &random)
    var wheel = TimerWheel(tickNanoseconds: tick, nowNanoseconds: now * tick)
    var model = Model()
    let slots = [4, 64, 500][Int(seed / 3 % 3)]

    for step in 0..<4000 {
      let slot = Int.random(in: 0..<slots, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0...4:
        let past = Int.random(in: 0..<20, using: &random) == 0
        let ahead = distance(&random)
        let at = past ? now - min(now, ahead) : min(now + ahead, .max / tick - 1)
        // Anywhere in the tick before: deadlines are rounded up.
        let nanoseconds = at * tick - (at > 0 ? .random(in: 0..<tick, using: &random) : 0)
        let keepsEarlier = Bool.random(using: &random)
        if keepsEarlier {
          wheel.schedule(slot, noLaterThanNanoseconds: nanoseconds)
          model.ticks[slot] = min(model.ticks[slot] ?? .max, max(at, now))
        } else {
          wheel.schedule(slot, atNanoseconds: nanoseconds)
          model.ticks[slot] = max(at, now)
        }
      case 5, 6:
        wheel.cancel(slot)
        model.ticks[slot] = nil
      default:
        let leap = Int.random(in: 0..<4, using: &random) == 0 ? distance(&random) : .random(in: 0...3, using: &random)
        let before = now
        now = min(now + leap, .max / tick - 1)
        // Once in a while the clock says less than it did: nothing new is due then, and nothing is forgotten.
        let clock = Int.random(in: 0..<20, using: &random) == 0 ? before - min(before, 5) : now
        var expired: [Int] = []
        let limit = Bool.random(using: &random) ? Int.max : 3
        repeat {
          var work = limit
          while let slot = wheel.takeExpired(at: clock * tick, work: &work) { expired.append(slot) }
        } while wheel.nextNanoseconds.map { $0 <= clock * tick } == true
        // So that the wheel has seen this time even if the last call's work was used up just then.
        expired += expire(&wheel, at: clock * tick)
        now = max(before, clock)
        let wanted = model.expire(at: clock)
        #expect(Set(expired) == Set(wanted.map(\.slot)) && expired.count == wanted.count, "seed \(seed), step \(step)")
        let order = Dictionary(uniqueKeysWithValues: wanted.map { ($0.slot, $0.tick) })
        let ticks = expired.map { order[$0] ?? 0 }
        #expect(ticks == ticks.sorted(), "seed \(seed), step \(step)")
      }
      #expect(wheel.count == model.ticks.count, "seed \(seed), step \(step)")
      #expect((wheel.nextNanoseconds == nil) == model.ticks.isEmpty, "seed \(seed), step \(step)")
      if let first = model.ticks.values.min(), let next = wheel.nextNanoseconds {
        #expect(next <= first * tick, "seed \(seed), step \(step): \(next) for \(first)")
      }
    }
  }

  @Test(arguments: 0..<10) func `the earliest of many is the least of them`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var wheel = TimerWheel(tickNanoseconds: 3)
    var model: [Int: UInt64] = [:]
    var floor: UInt64 = 0
    for step in 0..<3000 {
      if Int.random(in: 0..<3, using: &random) < 2 {
        let slot = Int.random(in: 0..<200, using: &random)
        let tick = floor + distance(&random)
        wheel.schedule(slot, atNanoseconds: tick * 3)
        model[slot] = tick
      } else {
        var work = Int.max
        let slot = wheel.takeEarliest(work: &work)
        let least = model.values.min()
        #expect(slot.flatMap { model[$0] } == least, "seed \(seed), step \(step)")
        if let slot { floor = model.removeValue(forKey: slot) ?? floor }
      }
    }
  }
}
