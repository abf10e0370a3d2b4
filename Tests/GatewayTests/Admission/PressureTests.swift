import TestSupport
import Testing

@testable import Gateway

@Suite struct PressureTests {
  private let settings = AdmissionSettings()
  private let millisecond: UInt64 = 1_000_000

  private func signals(edge: UInt64 = 0, held: UInt64 = 0, waiting: Int = 0, buffered: Int = 0) -> Pressure.Signals {
    Pressure.Signals(
      edgeNanoseconds: edge, heldNanoseconds: held, standingNanoseconds: 100_000_000, waiting: waiting,
      bufferedBytes: buffered)
  }

  /// The level after enough turns alike.
  private func level(_ signals: Pressure.Signals) -> PressureLevel {
    var pressure = Pressure(settings)
    for turn in 1...4 { _ = pressure.note(signals, now: UInt64(turn)) }
    return pressure.level
  }

  @Test func `turns of 2,5 5 10 20 40 and 80 ms call for the levels one after the other`() {
    #expect(level(signals(edge: 2_499_999)) == .calm)
    for (place, turn) in [2.5, 5, 10, 20, 40, 80].enumerated() {
      #expect(level(signals(edge: UInt64(turn * 1e6))).rawValue == UInt8(place + 1), "\(turn) ms")
    }
  }

  @Test func `one long turn among short ones is no overload`() {
    var pressure = Pressure(settings)
    for turn in 1...20 {
      _ = pressure.note(signals(edge: turn % 3 == 0 ? 500 * millisecond : 50_000), now: UInt64(turn) * millisecond)
      #expect(pressure.level == .calm)
    }
  }

  @Test func `a queue that stands gives up background work and no more`() {
    #expect(level(signals(held: 24_000_000)) == .calm)
    #expect(level(signals(held: 25_000_000)) == .noRefresh)
    #expect(level(signals(held: 100_000_000)) == .longStale)
    #expect(level(signals(held: .max)) == .longStale)
  }

  @Test func `keys that wait and output that nobody reads call for levels that relieve them`() {
    #expect(level(signals(waiting: 4_999)) == .calm)
    #expect(level(signals(waiting: 5_000)) == .noRefresh)
    #expect(level(signals(waiting: 10_000)) == .refusing)
    #expect(level(signals(waiting: 1_000_000)) == .refusing)
    #expect(level(signals(buffered: 191 << 20)) == .calm)
    #expect(level(signals(buffered: 192 << 20)) == .refusing)
    #expect(level(signals(buffered: 256 << 20)) == .closed)
  }

  @Test func `it rises at once and falls one level after each quiet interval`() {
    var pressure = Pressure(settings)
    for turn in 0..<4 { _ = pressure.note(signals(edge: 80 * millisecond), now: UInt64(turn)) }
    #expect(pressure.level == .closed)
    var times: [UInt64] = []
    for tick in 0..<2_000 {
      let now = UInt64(tick) * millisecond
      if pressure.note(signals(), now: now) { times.append(now / millisecond) }
    }
    // Three short turns must have been seen before the quiet time starts.
    #expect(times.count == 6 && pressure.level == .calm, "\(times)")
    #expect(zip(times.dropFirst(), times).allSatisfy { $0 - $1 == 100 }, "\(times)")
  }

  @Test func `it stays while a signal is above half of what the level needs`() {
    var pressure = Pressure(settings)
    for turn in 0..<4 { _ = pressure.note(signals(edge: 20 * millisecond), now: UInt64(turn)) }
    for tick in 1...2_000 {
      _ = pressure.note(signals(edge: 10 * millisecond), now: UInt64(tick) * millisecond)
    }
    #expect(pressure.level == .popular)
    for tick in 2_001...4_000 {
      _ = pressure.note(signals(edge: 10 * millisecond - 1), now: UInt64(tick) * millisecond)
    }
    #expect(pressure.level == .hotOnly)
  }

  /// A level whose measure takes the signal away: the worst case for hysteresis.
  @Test func `a level that takes its own cause away is tried less and less often`() {
    var pressure = Pressure(settings)
    var rises: [UInt64] = []
    for tick in 0..<30_000 {
      let now = UInt64(tick) * millisecond
      let before = pressure.level
      _ = pressure.note(signals(edge: pressure.level >= .popular ? 0 : 20 * millisecond), now: now)
      if pressure.level > before { rises.append(now / millisecond) }
    }
    let gaps = zip(rises.dropFirst(), rises).map { $0 - $1 }
    #expect(gaps.last! >= 800, "\(gaps)")
    #expect(zip(gaps.dropFirst(), gaps).allSatisfy { $0 >= $1 }, "\(gaps)")
    #expect(pressure.changes < 90, "\(pressure.changes) changes in 30 s: \(rises)")
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func `more of any signal never calls for a lower level`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<2_000 {
      let less = signals(
        edge: .random(in: 0...100_000_000, using: &random), held: .random(in: 0...200_000_000, using: &random),
        waiting: .random(in: 0...12_000, using: &random), buffered: .random(in: 0...300 << 20, using: &random))
      var more = less
      switch Int.random(in: 0..<4, using: &random) {
      case 0: more.edgeNanoseconds += .random(in: 0...50_000_000, using: &random)
      case 1: more.heldNanoseconds += .random(in: 0...50_000_000, using: &random)
      case 2: more.waiting += .random(in: 0...5_000, using: &random)
      default: more.bufferedBytes += .random(in: 0...100 << 20, using: &random)
      }
      #expect(level(less) <= level(more), "seed \(seed): \(less) and \(more)")
    }
  }

  @Test func `each level gives up what the one before does, and more`() {
    for (lower, higher) in zip(PressureLevel.allCases, PressureLevel.allCases.dropFirst()) {
      #expect(lower < higher)
      #expect(lower.refreshes || !higher.refreshes)
      #expect(lower.writesMemcached || !higher.writesMemcached)
      #expect(!lower.servesLongStale || higher.servesLongStale)
      #expect(!lower.refusesMisses || higher.refusesMisses)
      #expect(lower.accepts || !higher.accepts)
    }
    #expect(PressureLevel.calm.refreshes && PressureLevel.refusing.accepts && !PressureLevel.closed.accepts)
  }
}
