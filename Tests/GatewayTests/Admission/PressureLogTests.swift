import Testing

@testable import Gateway

@Suite struct PressureLogTests {
  private let second: UInt64 = 1_000_000_000

  @Test func `the first change is written at once, the next ones together a second later`() {
    var log = PressureLog()
    log.note(.longStale)
    let first = log.line(.longStale, now: 5 * second)
    #expect(first == PressureLog.Line(level: .longStale, highest: .longStale, changes: 1))
    var early: [PressureLog.Line?] = []
    for level in [PressureLevel.refusing, .popular, .calm] {
      log.note(level)
      early.append(log.line(level, now: 5 * second + 1))
    }
    #expect(early.allSatisfy { $0 == nil })
    let later = log.line(.calm, now: 6 * second)
    #expect(later == PressureLog.Line(level: .calm, highest: .refusing, changes: 3))
    let nothing = log.line(.calm, now: 60 * second)
    #expect(nothing == nil)
  }
}
