import Publishing
import Testing

@testable import Gateway

@Suite struct VersionWaitsTests {
  /// Answers to one wait for a version that stands at `state`, at a time before its deadline.
  private func isAnswered(wanting wanted: ModelState, at state: ModelState?, now: UInt64 = 5) -> Bool {
    var waits = VersionWaits()
    waits.add(
      VersionWaits.Wait(
        model: "books", version: 3, wanted: wanted, deadlineNanoseconds: 10, isAbandoned: { false }, answer: {}))
    let ended = waits.takeEnded(now: now) { model, version in model == "books" && version == 3 ? state : nil }
    #expect(waits.isEmpty == !ended.isEmpty)
    return !ended.isEmpty
  }

  @Test func `a wait is over when the state is reached or passed`() {
    #expect(isAnswered(wanting: .serving, at: .serving))
    #expect(isAnswered(wanting: .ready, at: .serving))
    #expect(!isAnswered(wanting: .serving, at: .ready))
    #expect(!isAnswered(wanting: .ready, at: .warming))
  }

  @Test func `a version that will never serve keeps nobody waiting`() {
    #expect(isAnswered(wanting: .serving, at: .rejected))
    #expect(isAnswered(wanting: .serving, at: .unloaded))
    #expect(isAnswered(wanting: .serving, at: .draining))
  }

  @Test func `a version that is not here yet is waited for until the time is up`() {
    #expect(!isAnswered(wanting: .serving, at: nil, now: 9))
    #expect(isAnswered(wanting: .serving, at: nil, now: 10))
  }

  @Test func `the next deadline is the earliest`() {
    var waits = VersionWaits()
    #expect(waits.nextDeadlineNanoseconds == nil)
    for deadline: UInt64 in [30, 20, 40] {
      waits.add(
        VersionWaits.Wait(
          model: "books", version: 1, wanted: .serving, deadlineNanoseconds: deadline, isAbandoned: { false },
          answer: {})
      )
    }
    #expect(waits.nextDeadlineNanoseconds == 20)
    #expect(waits.takeEnded(now: 20) { _, _ in nil }.count == 1)
    #expect(waits.nextDeadlineNanoseconds == 30)
  }

  @Test func `who has gone is neither answered nor waited for`() {
    var waits = VersionWaits()
    waits.add(
      VersionWaits.Wait(
        model: "books", version: 1, wanted: .serving, deadlineNanoseconds: 10, isAbandoned: { true }, answer: {}))
    #expect(waits.takeEnded(now: 20) { _, _ in .serving }.isEmpty && waits.isEmpty)
  }
}
