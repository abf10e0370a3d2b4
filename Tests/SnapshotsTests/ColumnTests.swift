import Testing

@testable import Snapshots

@Suite struct ColumnTests {
  @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN]) func `one value that is not finite is found`(
    value: Float
  ) throws {
    for place in [0, 1, 500, 999] {
      var values = [Float](repeating: .greatestFiniteMagnitude, count: 1000)
      #expect(try isFinite(values))
      values[place] = value
      #expect(try !isFinite(values))
    }
  }

  @Test func `zeros, subnormals and the largest are finite`() throws {
    #expect(try isFinite([0, -0.0, .leastNonzeroMagnitude, -.greatestFiniteMagnitude]))
    #expect(try isFinite([]))
  }

  @Test func `a part of a column is the same numbers`() throws {
    var section = SectionBuilder()
    section.column((0..<10).map { UInt32($0) })
    let snapshot = try Snapshot.inMemory([("test", section)])
    var reader = try snapshot.section("test")
    let column = try reader.column(of: UInt32.self, count: 10)
    #expect(Array(column.extracting(3..<6)) == [3, 4, 5])
    #expect(column.extracting(10..<10).isEmpty)
    let span = column.span
    let last = span[9]
    #expect(last == 9)
  }

  private func isFinite(_ values: [Float]) throws -> Bool {
    var section = SectionBuilder()
    section.column(values)
    let snapshot = try Snapshot.inMemory([("test", section)])
    var reader = try snapshot.section("test")
    return try reader.column(of: Float.self, count: values.count).allFinite
  }
}
