import TestSupport
import Testing

@testable import Reactor

@Suite struct DeadlinesTests {
  let loop = try! EventLoop()

  @Test func `what is scheduled is heard of in its order, not before its time, and then no more`() throws {
    var heard: [(slot: Int, at: UInt64)] = []
    let deadlines = Deadlines(loop: loop) { [loop] in heard.append(($0, loop.nowNanoseconds)) }
    let begun = loop.nowNanoseconds
    let delays: [UInt64] = [30, 5, 70, 12]
    for (slot, delay) in delays.enumerated() {
      deadlines.schedule(slot, atNanoseconds: begun + delay * 1_000_000)
    }
    loop.runToEnd()
    #expect(heard.map(\.slot) == [1, 3, 0, 2])
    for (slot, at) in heard { #expect(at >= begun + delays[slot] * 1_000_000, "slot \(slot)") }
    #expect(deadlines.count == 0)
  }

  @Test func `a loop with nothing scheduled is not held, and a cancelled slot says nothing`() throws {
    let deadlines = Deadlines(loop: loop) { Issue.record("slot \($0) expired") }
    deadlines.schedule(1, atNanoseconds: loop.nowNanoseconds + 5_000_000)
    deadlines.cancel(1)
    loop.runToEnd()
    #expect(!deadlines.isScheduled(1))
  }

  @Test func `who schedules the past while expiring hears of it on a later turn, not forever in this one`() throws {
    var deadlines: Deadlines!
    var count = 0
    var turns = 0
    loop.atTurnEnd { turns += 1 }
    deadlines = Deadlines(loop: loop) { slot in
      count += 1
      if count < 5 { deadlines.schedule(slot, atNanoseconds: 0) }
    }
    deadlines.schedule(0, atNanoseconds: 0)
    loop.runToEnd()
    #expect(count == 5 && turns >= 5)
  }

  @Test func `thousands that are due at once are heard of in several turns`() throws {
    var heard: Set<Int> = []
    var inTurn = 0
    var most = 0
    let deadlines = Deadlines(loop: loop) {
      heard.insert($0)
      inTurn += 1
      most = max(most, inTurn)
    }
    loop.atTurnEnd { inTurn = 0 }
    let due = loop.nowNanoseconds + 3_000_000
    for slot in 0..<5000 { deadlines.schedule(slot, atNanoseconds: due) }
    loop.runToEnd()
    #expect(heard.count == 5000)
    #expect(most <= Deadlines.workPerTurnMax, "\(most)")
  }

  @Test func `the timer sleeps until something may be due`() throws {
    var turns = 0
    loop.atTurnEnd { turns += 1 }
    let deadlines = Deadlines(loop: loop) { _ in }
    deadlines.schedule(0, atNanoseconds: loop.nowNanoseconds + 300_000_000)
    loop.runToEnd()
    // 300 ms cross a few places of the wheel; a tick a millisecond would be 300 turns and more.
    #expect(turns < 60, "\(turns)")
  }

  @Test func `the deadlines of a stopped loop are silent`() throws {
    let deadlines = Deadlines(loop: loop) { _ in Issue.record("expired") }
    deadlines.schedule(0, atNanoseconds: loop.nowNanoseconds)
    loop.stop()
    loop.run()
    deadlines.schedule(0, atNanoseconds: 0)
    loop.run()
  }
}
