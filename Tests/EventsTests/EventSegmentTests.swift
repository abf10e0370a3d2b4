import Bytes
import FoundationEssentials
import TestSupport
import Testing

@testable import Events

private func record(_ number: Int) -> EventRecord {
  EventRecord(
    type: .click, user: UserHash(high: UInt64(number), low: 7), itemID: "item \"\(number)\"", time: 1_790_000_000,
    eventID: "e\(number)", recommendationID: number.isMultiple(of: 2) ? nil : "01KAZ", position: number)
}

@Suite struct EventSegmentTests {
  @Test func `records come back from a file that several batches and processes wrote`() throws {
    let folder = TemporaryFolder()
    for batch in 0..<3 {
      var writer = try SegmentWriter(folder: folder.path)
      try writer.write([record(batch), record(batch + 10)], now: 1_790_000_000)
    }
    let name = SegmentWriter.name(hour: 1_790_000_000 / 3600)
    #expect(name == "2026-09-21T14.jsonl.lz4")
    let text = try SegmentReader.lines(of: folder.file(name))
    let lines = String(copying: text.bytes).split(separator: "\n")
    #expect(lines.count == 6)
    #expect(
      lines[0]
        == #"{"user":"AAAAAAAAAAAAAAAH","item":"item \"0\"","event":"click","timestamp":1790000000,"eventId":"e0","position":0}"#
    )
    #expect(lines[2].contains(#""recommendationId":"01KAZ""#))
  }

  @Test func `a torn last frame ends the file quietly, damage before it is an error`() throws {
    let folder = TemporaryFolder()
    var writer = try SegmentWriter(folder: folder.path)
    try writer.write([record(1)], now: 1_790_000_000)
    try writer.write([record(2)], now: 1_790_000_000)
    let path = folder.file(SegmentWriter.name(hour: 1_790_000_000 / 3600))
    let whole = try Data(contentsOf: URL(filePath: path))
    for cut in 1..<20 {
      try whole.dropLast(cut).write(to: URL(filePath: path))
      let text = try SegmentReader.lines(of: path)
      #expect(String(copying: text.bytes).split(separator: "\n").count == 1, "cut \(cut)")
    }
    var damaged = whole
    damaged[30] ^= 0xFF
    try damaged.write(to: URL(filePath: path))
    #expect(throws: SegmentError.self) { _ = try SegmentReader.lines(of: path).count }
  }

  @Test func `the file changes with the hour`() throws {
    let folder = TemporaryFolder()
    var writer = try SegmentWriter(folder: folder.path)
    try writer.write([record(1)], now: 3599)
    try writer.write([record(1)], now: 3600)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
        "1970-01-01T00.jsonl.lz4", "1970-01-01T01.jsonl.lz4",
      ])
  }

  @Test func `a folder that cannot be made is an error with its path`() {
    #expect(throws: SegmentError.self) { _ = try SegmentWriter(folder: "/proc/none/events") }
  }
}

@Suite struct EventDeduplicatorTests {
  @Test func `an id counts once for at least an hour`() {
    var known = EventDeduplicator(now: 0)
    var results: [Bool] = []
    for now: UInt32 in [0, 1, 3599, 3600, 7199] { results.append(known.isNew(42, now: now)) }
    #expect(results == [true, false, false, false, false])
    let afterTwoHours = known.isNew(42, now: 7200)
    #expect(afterTwoHours)
  }

  @Test func `more ids than it holds push out the oldest, and memory stays bounded`() {
    var known = EventDeduplicator(now: 0, idsMax: 100)
    for id in 0..<1000 { _ = known.isNew(UInt64(id), now: 1) }
    let (recent, first) = (known.isNew(999, now: 1), known.isNew(0, now: 1))
    #expect(!recent && first)
  }

  @Test func `a clock that is set back forgets nothing`() {
    var known = EventDeduplicator(now: 10_000)
    _ = known.isNew(1, now: 10_000)
    let again = known.isNew(1, now: 100)
    #expect(!again)
  }
}
