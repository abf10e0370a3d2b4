import TestSupport
import Testing

@testable import Gateway

@Suite struct AdmissionTests {
  private let millisecond: UInt64 = 1_000_000
  private static let start: UInt64 = 1_000_000_000

  /// An admission that knows that computing takes so long.
  private func seasoned(_ service: UInt64 = 200_000, _ settings: AdmissionSettings = AdmissionSettings())
    -> Admission<Int>
  {
    var admission = Admission<Int>(settings)
    for number in 0..<100 {
      let now = Self.start - 1_000_000 + UInt64(number)
      admission.computed(from: now - service, to: now)
    }
    return admission
  }

  private func admit(
    _ admission: inout Admission<Int>, _ work: Int, deadline: UInt64 = 50, at now: UInt64 = start
  ) -> String {
    let verdict = admission.admit(
      work, keyHash: UInt64(work) &* 0x9E37_79B9_7F4A_7C15, deadlineNanoseconds: now + deadline * millisecond, now: now)
    return "\(verdict)"
  }

  private func next(_ admission: inout Admission<Int>, at now: UInt64, many: Set<Int> = []) -> String {
    "\(admission.next(now: now, isWantedByMany: many.contains))"
  }

  /// Three wait, and somebody has waited without a break for longer than the interval.
  private func standing() -> (Admission<Int>, UInt64) {
    var admission = seasoned()
    _ = admit(&admission, 1)
    let now = Self.start + 150 * millisecond
    for work in 2...4 { _ = admit(&admission, work, at: now + UInt64(work)) }
    return (admission, now + 10)
  }

  @Test func `a lone miss is computed in the turn in which it came`() {
    var admission = seasoned()
    let step1 = admit(&admission, 7)
    #expect(step1 == "queued")
    admission.beginDrain(now: Self.start)
    let step2 = next(&admission, at: Self.start)
    #expect(step2 == "compute(7)")
    admission.computed(from: Self.start, to: Self.start + 200_000)
    let step3 = next(&admission, at: Self.start + 200_000)
    #expect(step3 == "rest")
    #expect(admission.isIdle)
  }

  @Test func `a turn computes one list, or as many as its budget holds`() {
    for (service, count) in [(200_000, 1), (40_000, 3), (20_000_000, 1)] as [(UInt64, Int)] {
      var admission = seasoned(service)
      for work in 0..<10 { _ = admit(&admission, work, deadline: 5_000) }
      var now = Self.start
      admission.beginDrain(now: now)
      var computed = 0
      while case .compute = admission.next(now: now, isWantedByMany: { _ in false }) {
        admission.computed(from: now, to: now + service)
        now += service
        computed += 1
      }
      #expect(computed == count, "\(service) ns each")
    }
  }

  @Test func `a burst is computed in the order in which it came`() {
    var admission = seasoned()
    for work in 1...3 { _ = admit(&admission, work) }
    admission.beginDrain(now: Self.start)
    let step4 = next(&admission, at: Self.start)
    #expect(step4 == "compute(1)")
  }

  @Test func `a queue that stands is worked off from its newest end, wanted keys first`() {
    var (admission, now) = standing()
    #expect(admission.isStanding(now))
    admission.beginDrain(now: now)
    let step5 = next(&admission, at: now)
    #expect(step5 == "shed(1, Gateway.ShedReason.sojourn)")
    let step6 = next(&admission, at: now, many: [3])
    #expect(step6 == "compute(3)")
    admission.beginDrain(now: now)
    let step7 = next(&admission, at: now)
    #expect(step7 == "compute(4)")
  }

  @Test func `in a queue that stands nobody waits longer than the target`() {
    var (admission, now) = standing()
    admission.beginDrain(now: now)
    #expect(admission.bound(now) == 5 * millisecond)
    let later = now + 6 * millisecond
    for work in 1...4 {
      let step = next(&admission, at: later)
      #expect(step == "shed(\(work), Gateway.ShedReason.sojourn)")
    }
    let step8 = next(&admission, at: later)
    #expect(step8 == "rest" && admission.counts[.sojourn] == 4)
  }

  @Test func `the bound holds as many as can be computed within it, and the oldest leaves for one more`() {
    var (admission, now) = standing()
    // 5 ms ÷ 200 µs.
    #expect(admission.limit(now) == 25)
    for work in 5...25 {
      let verdict = admit(&admission, work, at: now)
      #expect(verdict == "queued")
    }
    #expect(admission.waiting == 25)
    let step9 = admit(&admission, 26, at: now)
    #expect(step9 == "queuedInsteadOf(1)")
    #expect(admission.waiting == 25 && admission.counts[.queueFull] == 1)
  }

  @Test func `when computations become slower the queue's limit shrinks at once, to a half at most`() {
    var (admission, now) = standing()
    for number in 0..<24 as Range<UInt64> {
      let start = now + number * 320_000
      admission.computed(from: start, to: start + 320_000)
    }
    let limit = admission.limit(now)
    #expect(limit < 18 && limit >= 12, "\(limit)")
  }

  @Test func `a target below what a computation takes grows with it`() {
    var admission = seasoned(20 * millisecond)
    _ = admit(&admission, 1, deadline: 10_000)
    // 2 × 20 ms, and 20 such targets.
    #expect(!admission.isStanding(Self.start + 700 * millisecond))
    let now = Self.start + 850 * millisecond
    #expect(admission.bound(now) < 45 * millisecond && admission.bound(now) > 5 * millisecond)
  }

  @Test func `who cannot be in time is told at once`() {
    var admission = seasoned(10 * millisecond)
    // 10 ms and a reserve of an eighth of what is left.
    let step10 = admit(&admission, 1, deadline: 11)
    #expect(step10 == "shed(Gateway.ShedReason.late)")
    let step11 = admit(&admission, 2, deadline: 12)
    #expect(step11 == "queued")
    // Behind it: 20 ms and the reserve of 2 ms.
    let step12 = admit(&admission, 3, deadline: 21)
    #expect(step12 == "shed(Gateway.ShedReason.late)")
    let step13 = admit(&admission, 4, deadline: 23)
    #expect(step13 == "queued")
    #expect(admission.counts[.late] == 2)
  }

  @Test func `an estimate that forbids everything is forgotten`() {
    let admission = seasoned(400 * millisecond)
    #expect(!admission.canStart(deadlineNanoseconds: Self.start + 50 * millisecond, now: Self.start))
    // Halved every 100 ms: 400, 200, 100, 50, 25 ms.
    let later = Self.start + 420 * millisecond
    #expect(admission.canStart(deadlineNanoseconds: later + 50 * millisecond, now: later))
  }

  @Test func `lists that nobody waits for are computed when nobody waits for any`() {
    var admission = seasoned()
    let isAdmitted = admission.admitRefresh(1, now: Self.start)
    #expect(isAdmitted)
    _ = admit(&admission, 2)
    admission.beginDrain(now: Self.start)
    let step14 = next(&admission, at: Self.start)
    #expect(step14 == "compute(2)")
    admission.beginDrain(now: Self.start)
    let step15 = next(&admission, at: Self.start)
    #expect(step15 == "refresh(1)")
    let step16 = next(&admission, at: Self.start)
    #expect(step16 == "rest" && admission.isIdle)
  }

  /// Brings a level about by long turns.
  private func pressed(_ turn: UInt64) -> Admission<Int> {
    var admission = seasoned()
    _ = admission.admitRefresh(1, now: Self.start)
    _ = admit(&admission, 2)
    for number in 0..<4 {
      _ = admission.turnEnded(edgeNanoseconds: turn, waiting: 0, bufferedBytes: 0, now: Self.start + UInt64(number))
    }
    admission.beginDrain(now: Self.start)
    return admission
  }

  @Test func `at level 1 a refresh is dropped and an answer computed`() {
    var admission = pressed(3 * millisecond)
    #expect(admission.level == .noRefresh)
    let step17 = next(&admission, at: Self.start)
    #expect(step17 == "shed(1, Gateway.ShedReason.background)")
    let step18 = next(&admission, at: Self.start)
    #expect(step18 == "compute(2)")
    let isAdmitted = admission.admitRefresh(3, now: Self.start)
    #expect(!isAdmitted && admission.counts[.background] == 2)
  }

  @Test func `at level 3 a key must have been asked for before`() {
    var admission = pressed(10 * millisecond)
    #expect(admission.level == .hotOnly)
    let step19 = admit(&admission, 9)
    #expect(step19 == "shed(Gateway.ShedReason.cold)")
    let step20 = admit(&admission, 9)
    #expect(step20 == "queued")
  }

  @Test func `at level 4 nothing is computed, at level 5 misses are refused`() {
    for (turn, reason) in [(20, "pressure"), (40, "refused"), (80, "refused")] as [(UInt64, String)] {
      var admission = pressed(turn * millisecond)
      let step21 = admit(&admission, 9)
      #expect(step21 == "shed(Gateway.ShedReason.\(reason))")
      let step22 = next(&admission, at: Self.start)
      #expect(step22 == "shed(1, Gateway.ShedReason.background)")
      let step23 = next(&admission, at: Self.start)
      #expect(step23 == "shed(2, Gateway.ShedReason.\(reason))")
      let step24 = next(&admission, at: Self.start)
      #expect(step24 == "rest")
    }
  }

  @Test func `a turn answers a bounded number of those who waited in vain`() {
    var admission = seasoned()
    for work in 0..<200 { _ = admit(&admission, work, deadline: 1_000) }
    let now = Self.start + 200 * millisecond
    admission.beginDrain(now: now)
    var shed = 0
    while case .shed = admission.next(now: now, isWantedByMany: { _ in false }) { shed += 1 }
    #expect(shed == 64)
  }

  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64]) func `whatever is admitted comes out once`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var admission = Admission<Int>(AdmissionSettings())
    var inside: Set<Int> = []
    var now = Self.start
    for work in 0..<20_000 {
      now += UInt64.random(in: 0...400_000, using: &random)
      if Bool.random(using: &random) {
        switch admission.admit(
          work, keyHash: random.next(), deadlineNanoseconds: now + 50 * millisecond, now: now)
        {
        case .queued: inside.insert(work)
        case .queuedInsteadOf(let other):
          inside.insert(work)
          let was = inside.remove(other)
          #expect(was != nil, "seed \(seed)")
        case .shed: break
        }
      }
      admission.beginDrain(now: now)
      switch admission.next(now: now, isWantedByMany: { $0 % 3 == 0 }) {
      case .compute(let other):
        let was = inside.remove(other)
        #expect(was != nil, "seed \(seed)")
        admission.computed(from: now, to: now + 250_000)
        now += 250_000
      case .shed(let other, _):
        let was = inside.remove(other)
        #expect(was != nil, "seed \(seed)")
      case .rest: #expect(inside.isEmpty, "seed \(seed)")
      case .refresh: Issue.record("there was none, seed \(seed)")
      }
      _ = admission.turnEnded(
        edgeNanoseconds: .random(in: 0...30_000_000, using: &random), waiting: 0, bufferedBytes: 0, now: now)
      #expect(admission.waiting == inside.count, "seed \(seed)")
    }
  }
}
