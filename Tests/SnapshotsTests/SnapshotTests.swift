import Testing
import TestSupport

@testable import Snapshots

@Suite struct SnapshotTests {
  @Test func `what a builder writes a reader reads, from a mapped file`() throws {
    let folder = TemporaryFolder()
    var section = SectionBuilder()
    section.scalar(UInt8(7))
    section.count(3)
    section.float(1.5)
    section.text("höme")
    section.column([Float(1), 2, 3])
    section.column([UInt64]())
    section.column([UInt16(9), 8])
    StringTable.write(into: &section, ["a", "", "Ünïcode"])
    var writer = try SnapshotWriter(path: folder.file("x.ntsnap"))
    try writer.add("first", section)
    try writer.add("empty", SectionBuilder())
    try writer.seal()

    let snapshot = try Snapshot.open(path: folder.file("x.ntsnap"), verify: .checksums)
    #expect(snapshot.sections.map(\.tag) == ["first", "empty"])
    var reader = try snapshot.section("first")
    #expect(try reader.scalar(of: UInt8.self) == 7)
    #expect(try reader.count(max: 3) == 3)
    #expect(try reader.float() == 1.5)
    #expect(try reader.text() == "höme")
    let floats = try reader.column(of: Float.self, count: 3)
    #expect(Array(floats) == [1, 2, 3] && floats.allFinite)
    #expect(try reader.column(of: UInt64.self, count: 0).isEmpty)
    #expect(Array(try reader.column(of: UInt16.self, count: 2)) == [9, 8])
    let table = try StringTable(from: &reader)
    #expect((0..<table.count).map { table.string(at: $0) } == ["a", "", "Ünïcode"])
    try reader.finish()
    snapshot.prefault()
    #expect(snapshot.residentBytes > 0)
  }
}
