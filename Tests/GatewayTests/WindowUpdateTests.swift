import Bytes
import Events
import Model
import Testing

@testable import Gateway

@Suite struct WindowUpdateTests {
  private func update(_ items: [String], at time: UInt32) -> WindowUpdate {
    let user = UserHash(high: 1, low: 1)
    let events = items.map { EventRecord(type: .click, user: user, itemID: $0, time: time, eventID: $0) }
    return WindowUpdate(id: 1, user: user, events: events, batch: EventBatch(id: 1, connectionSlot: 0))
  }

  /// The events of a window, newest first.
  private func read(_ bytes: [UInt8]) throws -> [(item: String, time: UInt32)] {
    let window = try Window(bytes.span.bytes)
    var events: [(item: String, time: UInt32)] = []
    for index in 0..<window.count { events.append((String(copying: window.itemID(index)), window.time(index))) }
    return events
  }

  @Test func `events of one second stand in their order, each a second after the one before`() throws {
    let merged = try read(update(["a", "b", "c"], at: 100).merged(into: nil))
    #expect(merged.map(\.item) == ["c", "b", "a"])
    #expect(merged.map(\.time) == [102, 101, 100])
  }

  @Test func `a later event is later than all, also than those that ran ahead of the clock`() throws {
    let first = update(["a", "b", "c"], at: 100).merged(into: nil)
    let soon = try read(update(["d"], at: 101).merged(into: first.span.bytes))
    #expect(soon.first?.item == "d" && soon.first?.time == 103)
    let late = try read(update(["d"], at: 500).merged(into: first.span.bytes))
    #expect(late.first?.item == "d" && late.first?.time == 500)
  }

  @Test func `a window from elsewhere that ends at the end of time takes in events without a trap`() throws {
    let far = update(["a"], at: .max).merged(into: nil)
    let merged = try read(update(["b"], at: 100).merged(into: far.span.bytes))
    #expect(merged.map(\.item) == ["b", "a"] && merged.map(\.time) == [.max, .max])
  }

  @Test func `what is no window counts as none, and impressions do not enter`() throws {
    let garbage = Array("garbage".utf8)
    let merged = try read(update(["a"], at: 7).merged(into: garbage.span.bytes))
    #expect(merged.map(\.item) == ["a"])
    let shown = WindowUpdate(
      id: 1, user: UserHash(high: 1, low: 1),
      events: [EventRecord(type: .impression, user: UserHash(high: 1, low: 1), itemID: "a", time: 1, eventID: "a")],
      batch: EventBatch(id: 1, connectionSlot: 0))
    #expect(try read(shown.merged(into: nil)).isEmpty)
  }

  @Test func `of more than ten events the newest ten stay`() throws {
    let merged = try read(update((0..<25).map { "i\($0)" }, at: 100).merged(into: nil))
    #expect(merged.map(\.item) == (15..<25).reversed().map { "i\($0)" })
  }
}
