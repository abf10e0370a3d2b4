import TestSupport
import Testing

@testable import Snapshots

@Suite struct SectionReaderTests {
  @Test(arguments: [.max, .max / 4 + 1, 1 << 61, 1 << 40, 5, -1, .min] as [Int])
  func `a column that does not fit is refused`(count: Int) throws {
    let (snapshot, _) = try reader { $0.column([Float(1), 2, 3, 4]) }
    var section = try snapshot.section("test")
    let error = #expect(throws: SnapshotError.self) { try section.column(of: Float.self, count: count) }
    #expect(error?.code == .tensorInvalid)
    #expect(error?.section == "test")
  }

  @Test func `a count above what can be is refused where it stands`() throws {
    let (snapshot, _) = try reader {
      $0.scalar(UInt32(1))
      $0.scalar(UInt64.max)
    }
    var section = try snapshot.section("test")
    _ = try section.scalar(of: UInt32.self)
    let error = #expect(throws: SnapshotError.self) { try section.count(max: 10) }
    #expect(error?.offset == 4)
  }

  @Test func `a section that ends early or goes on is refused`() throws {
    let (snapshot, _) = try reader { $0.scalar(UInt32(1)) }
    var section = try snapshot.section("test")
    #expect(throws: SnapshotError.self) { try section.finish() }
    #expect(throws: SnapshotError.self) { try section.double() }
    #expect(try section.scalar(of: UInt32.self) == 1)
    try section.finish()
    #expect(throws: SnapshotError.self) { try section.scalar(of: UInt8.self) }
    #expect(throws: SnapshotError.self) { try section.column(of: UInt8.self, count: 1) }
  }

  @Test func `bytes in the gap before a column are refused`() throws {
    let (snapshot, _) = try reader { section in
      section.scalar(UInt32(1))
      section.scalar(UInt8(1))
      section.column([UInt8(9)])
    }
    var section = try snapshot.section("test")
    _ = try section.scalar(of: UInt32.self)
    let error = #expect(throws: SnapshotError.self) { try section.column(of: UInt8.self, count: 1) }
    #expect(error?.offset == 4)
  }

  @Test func `text longer than its section or not UTF-8 is refused`() throws {
    for bytes in [[UInt8]([200, 0, 0, 0, 65]), [255, 255, 255, 255], [2, 0, 0, 0, 0xC3, 0x28]] {
      let (snapshot, _) = try reader { section in for byte in bytes { section.scalar(byte) } }
      var section = try snapshot.section("test")
      #expect(throws: SnapshotError.self, "\(bytes)") { try section.text() }
    }
  }

  @Test func `a missing section is named`() throws {
    let (snapshot, _) = try reader { $0.scalar(UInt8(1)) }
    let error = #expect(throws: SnapshotError.self) { try snapshot.section("absent") }
    #expect(error?.description == "memory, section absent: the section is missing (tensor_invalid)")
  }

  @Test func `whatever is written in whatever order is read back`() throws {
    for seed in UInt64(0)..<60 {
      var random = SeededRandom(seed: seed)
      let values = (0..<Int.random(in: 0...30, using: &random)).map { _ in Value.random(using: &random) }
      let (snapshot, _) = try reader { section in for value in values { value.write(into: &section) } }
      var section = try snapshot.section("test")
      for value in values { #expect(try Value.read(like: value, from: &section) == value, "seed \(seed)") }
      try section.finish()
    }
  }

  @Test func `columns begin at multiples of 64 bytes in memory`() throws {
    let (snapshot, _) = try reader { section in
      section.scalar(UInt8(1))
      section.column([UInt16(1)])
      section.column([Float(1), 2])
    }
    var section = try snapshot.section("test")
    _ = try section.scalar(of: UInt8.self)
    let first = try section.column(of: UInt16.self, count: 1)
    let second = try section.column(of: Float.self, count: 2)
    #expect(first.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress!) % 64 } == 0)
    #expect(second.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress!) % 64 } == 0)
  }
}

/// A snapshot of one section, "test".
private func reader(_ compose: (inout SectionBuilder) -> Void) throws -> (Snapshot, SectionReader) {
  var section = SectionBuilder()
  compose(&section)
  let snapshot = try Snapshot.inMemory([("test", section)])
  return (snapshot, try snapshot.section("test"))
}

/// One step of a section, for the round trip.
private enum Value: Equatable {
  case byte(UInt8), signed(Int64), float(UInt32), text(String), floats([Float]), words([UInt16]), strings([String])

  static func random(using random: inout SeededRandom) -> Value {
    let count = Int.random(in: 0...40, using: &random)
    switch Int.random(in: 0..<7, using: &random) {
    case 0: return .byte(.random(in: 0...255, using: &random))
    case 1: return .signed(.random(in: .min ... .max, using: &random))
    case 2: return .float(UInt32.random(in: 0...UInt32.max, using: &random))
    case 3: return .text(String(repeating: "ü🦜x", count: count))
    case 4: return .floats((0..<count).map { _ in random.gaussian() })
    case 5: return .words((0..<count).map { UInt16($0) })
    default: return .strings((0..<count).map { String(repeating: "é", count: $0 % 5) })
    }
  }

  func write(into section: inout SectionBuilder) {
    switch self {
    case .byte(let value): section.scalar(value)
    case .signed(let value): section.scalar(value)
    case .float(let bits): section.float(Float(bitPattern: bits))
    case .text(let value): section.text(value)
    case .floats(let values): section.column(values)
    case .words(let values): section.column(values)
    case .strings(let values): StringTable.write(into: &section, values)
    }
  }

  static func read(like value: Value, from section: inout SectionReader) throws -> Value {
    switch value {
    case .byte: return .byte(try section.scalar())
    case .signed: return .signed(try section.scalar())
    case .float: return .float(try section.float().bitPattern)
    case .text: return .text(try section.text())
    case .floats(let values): return .floats(Array(try section.column(of: Float.self, count: values.count)))
    case .words(let values): return .words(Array(try section.column(of: UInt16.self, count: values.count)))
    case .strings:
      let table = try StringTable(from: &section)
      return .strings((0..<table.count).map { table.string(at: $0) })
    }
  }
}
