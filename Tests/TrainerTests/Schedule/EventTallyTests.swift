import Bytes
import Events
import FoundationEssentials
import TestSupport
import Testing

@testable import Trainer

@Suite struct EventTallyTests {
  let folder = TemporaryFolder()
  private var events: String { folder.file("events") }

  private func write(_ count: Int, _ type: EventType = .click, hour: UInt32 = 10) throws {
    var writer = try SegmentWriter(folder: events)
    let user = UserHash(high: 1, low: 2)
    try writer.write(
      (0..<count).map { EventRecord(type: type, user: user, itemID: "i\($0)", time: hour * 3600, eventID: "e\($0)") },
      now: hour * 3600)
  }

  private func path(hour: UInt32 = 10) -> String { "\(events)/\(SegmentWriter.name(hour: hour))" }

  @Test func `events are counted as they come, impressions are not`() throws {
    var tally = EventTally()
    #expect(tally.look(at: [events]) == [])
    #expect(tally.newEvents == 0)
    try write(5)
    try write(7, .impression)
    #expect(tally.look(at: [events]) == [])
    #expect(tally.newEvents == 5)
    try write(3)
    try write(4, hour: 11)
    #expect(tally.look(at: [events]) == [])
    #expect(tally.newEvents == 12)
    #expect(tally.look(at: [events]) == [])
    #expect(tally.newEvents == 12)
  }

  @Test func `what a run has read is no longer new, what came meanwhile is`() throws {
    var tally = EventTally()
    try write(5)
    _ = tally.look(at: [events])
    let mark = tally.mark
    try write(2)
    _ = tally.look(at: [events])
    tally.learnt(mark)
    #expect(tally.newEvents == 2)
  }

  @Test func `the count outlives the process`() throws {
    var tally = EventTally()
    try write(5)
    _ = tally.look(at: [events])
    tally.learnt(tally.mark)
    var read = try JSONDecoder().decode(EventTally.self, from: JSONEncoder().encode(tally))
    #expect(read == tally)
    try write(3)
    _ = read.look(at: [events])
    #expect(read.newEvents == 3)
  }

  @Test func `a frame that is being written is counted when it is whole`() throws {
    var tally = EventTally()
    try write(50)
    let whole = try Data(contentsOf: URL(filePath: path()))
    for cut in [1, whole.count / 2, whole.count - 1] {
      try whole.prefix(cut).write(to: URL(filePath: path()))
      #expect(tally.look(at: [events]) == [], "cut after \(cut)")
      #expect(tally.newEvents == 0, "cut after \(cut)")
    }
    try whole.write(to: URL(filePath: path()))
    #expect(tally.look(at: [events]) == [])
    #expect(tally.newEvents == 50)
  }

  @Test func `a damaged file is told of once, and counts up to the damage`() throws {
    var tally = EventTally()
    try write(5)
    _ = tally.look(at: [events])
    var bytes = try Data(contentsOf: URL(filePath: path()))
    bytes.append(contentsOf: [UInt8](repeating: 0xEE, count: 100))
    try bytes.write(to: URL(filePath: path()))
    let faults = tally.look(at: [events])
    #expect(faults.count == 1 && faults[0].contains("damaged"), "\(faults)")
    #expect(tally.newEvents == 5)
    #expect(tally.look(at: [events]) == [])
    try write(4, hour: 11)
    #expect(tally.look(at: [events]) == [])
    #expect(tally.newEvents == 9)
  }

  @Test func `a file that is gone takes its count along, one that is replaced is counted anew`() throws {
    var tally = EventTally()
    try write(5)
    try write(6, hour: 11)
    _ = tally.look(at: [events])
    try FileManager.default.removeItem(atPath: path())
    _ = tally.look(at: [events])
    #expect(tally.newEvents == 6)
    try FileManager.default.removeItem(atPath: path(hour: 11))
    try write(1, hour: 11)
    _ = tally.look(at: [events])
    #expect(tally.newEvents == 1)
  }
}
