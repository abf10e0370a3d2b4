import Bytes
import Configuration
import Model
import TestSupport
import Testing

@testable import Gateway

@Suite struct BatchTests {
  private let placements = try! Placements(Settings(Configuration(flags: [:])))

  /// A visit in which every field says something.
  private func visit() throws -> Visit {
    let visit = Visit()
    visit.begin(id: 7, Shelf(1, placements[1], nil), startedNanoseconds: 8, deadlineNanoseconds: 9, count: 10)
    visit.exchange = Exchange(.init(scope: .user))
    visit.user = UserHash(high: 1, low: 2)
    visit.userRow = nil
    visit.item = 3
    visit.segment = 4
    visit.isFiltered = true
    visit.filter = try ItemFilter(query: "category:a".utf8.span.bytes)
    visit.narrowed = try ItemFilter(query: "category:b".utf8.span.bytes)
    visit.prefetched = .l2
    visit.isCollapsed = true
    visit.times.computeNanoseconds = 5
    visit.ground.isWindowForeign = true
    return visit
  }

  private func fields(_ visit: Visit) -> [String] {
    Mirror(reflecting: visit).children.map { "\($0.label ?? ""): \($0.value)" }
  }

  @Test func `two visits that change places are each what the other was`() throws {
    let (one, other) = (try visit(), Visit())
    let (before, blank) = (fields(one), fields(other))
    // A field that is not swapped would be the other request's: one more here is one more in `changePlaces`.
    #expect(before.count == 19)
    one.changePlaces(with: other)
    #expect(fields(one) == blank && fields(other) == before)
    one.changePlaces(with: other)
    #expect(fields(one) == before && fields(other) == blank)
  }

  @Test func `a part is found by its visit while it waits, and not when it is decided or in its connection's place`() {
    let batch = Batch()
    for number in 1...3 {
      batch.add().visit.begin(
        id: UInt64(number), Shelf(0, placements[0], nil), startedNanoseconds: 0, deadlineNanoseconds: 0, count: 1)
    }
    #expect((1...4).map { batch.part(ofVisit: $0) } == [0, 1, 2, nil])
    batch.current = 1
    batch[2].answer = Exchange.Answer(source: .trending, tier: .popular)
    #expect((1...4).map { batch.part(ofVisit: $0) } == [0, nil, nil, nil])
    batch.current = nil
    batch.next = 1
    #expect((1...4).map { batch.part(ofVisit: $0) } == [nil, 1, nil, nil])
    batch.next = 3
    #expect(batch.isComposed && batch.part(ofVisit: 2) == nil)
    batch.reset()
    #expect(batch.count == 0 && batch.shown.isEmpty && batch.body.isEmpty && batch.add().answer == nil)
  }

  @Test func `one status stands for all answers: the farthest from a hit, and of hits the shortest time`() {
    func answer(_ tier: Tier, _ reason: FallbackReason? = nil) -> Exchange.Answer {
      Exchange.Answer(
        source: .trending, tier: tier, fallback: reason.map { Fallback(reason: $0, source: .trending, tier: tier) })
    }
    func status(_ answers: [(Exchange.Answer, Int, Bool)]) -> (Tier?, Int, Bool) {
      var status = BatchStatus()
      for (answer, remaining, isCollapsed) in answers {
        status.note(answer, remainingSeconds: remaining, isCollapsed: isCollapsed)
      }
      return (status.answer?.tier, status.remainingSeconds, status.isCollapsed)
    }
    #expect(status([]) == (nil, 0, false))
    #expect(status([(answer(.l1), 30, false), (answer(.l1), 20, false), (answer(.popular), 60, false)]) == (.l1, 20, false))
    #expect(status([(answer(.popular), 60, false)]) == (.popular, 60, false))
    #expect(status([(answer(.l2), 30, false), (answer(.stale), -5, false), (answer(.l1), 9, false)]) == (.stale, -5, false))
    #expect(status([(answer(.computed), 60, true), (answer(.l1), 3, false)]) == (.computed, 3, true))
    #expect(status([(answer(.computed), 60, true), (answer(.computed), 60, false)]) == (.computed, 60, false))
    let forced = status([(answer(.computed), 60, false), (answer(.popular, .deadlineExceeded), 60, false)])
    #expect(forced == (.popular, 60, false))
  }
}
