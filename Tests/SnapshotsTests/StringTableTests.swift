import Testing

@testable import Snapshots

@Suite struct StringTableTests {
  @Test func `an empty table has no strings`() throws {
    let snapshot = try table { StringTable.write(into: &$0, [String]()) }
    var section = try snapshot.section("test")
    #expect(try StringTable(from: &section).isEmpty)
    try section.finish()
  }

  @Test func `strings are lent without a copy`() throws {
    let snapshot = try table { StringTable.write(into: &$0, [[1, 2], [], [3]]) }
    var section = try snapshot.section("test")
    let table = try StringTable(from: &section)
    let lengths = (0..<table.count).map { index in
      let bytes = table.bytes(at: index)
      return bytes.byteCount
    }
    #expect(lengths == [2, 0, 1])
    #expect(table.byteCount == 3)
  }

  @Test func `touching reads within a string, however short or long`() throws {
    for length in [0, 1, 2, 63, 64, 65, 128, 255, 256, 257, 5_000] {
      let snapshot = try table {
        StringTable.write(into: &$0, [[9], Array(repeating: 1, count: length), [7]] as [[UInt8]])
      }
      var section = try snapshot.section("test")
      let table = try StringTable(from: &section)
      // A byte of each of the first four lines, and the last: all of the string itself, none of its neighbours'.
      let sum = table.touch(1)
      #expect(sum <= 5 && (sum > 0) == (length > 0), "\(length) bytes: \(sum)")
      #expect(table.start(of: 1) == 1 && table.start(of: 2) == UInt64(1 + length))
    }
  }

  @Test(arguments: [[0, 2, 1, 3], [1, 2, 3, 3], [0, 1, 2, .max], [0, 1, 2, 4], [0, .max, 2, 3]] as [[UInt64]])
  func `offsets that fall, start late or leave the section are refused`(offsets: [UInt64]) throws {
    let snapshot = try table { section in
      section.count(3)
      section.column(offsets)
      section.column([UInt8]([1, 2, 3]))
    }
    var section = try snapshot.section("test")
    let error = #expect(throws: SnapshotError.self) { try StringTable(from: &section) }
    #expect(error?.code == .tensorInvalid)
  }

  @Test(arguments: [.max, 1 << 61, 1 << 40, 4] as [UInt64]) func `a count that the section cannot hold is refused`(
    count: UInt64
  ) throws {
    let snapshot = try table { section in
      section.scalar(count)
      section.column([UInt64]([0, 1, 2, 3]))
    }
    var section = try snapshot.section("test")
    #expect(throws: SnapshotError.self) { try StringTable(from: &section) }
  }

  @Test func `the first string that is not UTF-8 is found`() throws {
    let long = Array("a long run of ASCII before the trouble ".utf8)
    let snapshot = try table { StringTable.write(into: &$0, [Array("é".utf8), long, long + [0xFF], [0xC3]]) }
    var section = try snapshot.section("test")
    #expect(try StringTable(from: &section).firstInvalidUTF8() == 2)
    let clean = try table { StringTable.write(into: &$0, ["é🦜", String(repeating: "x", count: 16)]) }
    section = try clean.section("test")
    #expect(try StringTable(from: &section).firstInvalidUTF8() == nil)
  }

  private func table(_ compose: (inout SectionBuilder) -> Void) throws -> Snapshot {
    var section = SectionBuilder()
    compose(&section)
    return try Snapshot.inMemory([("test", section)])
  }
}
