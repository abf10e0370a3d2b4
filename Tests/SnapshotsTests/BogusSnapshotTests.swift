import Bytes
import TestSupport
import Testing

@testable import Snapshots

/// Files that are damaged, foreign or made to do harm. None may be served, and none may be read outside its bytes
/// (`make test` runs these under AddressSanitizer).
@Suite struct BogusSnapshotTests {
  private let good: [UInt8] = {
    var ids = SectionBuilder()
    StringTable.write(into: &ids, (0..<20).map { "item-\($0)" })
    var vectors = SectionBuilder()
    vectors.column((0..<70).map(Float.init))
    return composed([("ids", ids), ("vec.f32", vectors), ("empty", SectionBuilder())])
  }()

  @Test func `the good file is accepted`() throws {
    #expect(try load(good).sections.map(\.tag) == ["ids", "vec.f32", "empty"])
  }

  @Test func `a flip of any bit of the header is refused`() {
    for offset in 0..<SnapshotFormat.headerBytes {
      var bytes = good
      bytes[offset] ^= 1 << UInt8(offset % 8)
      #expect(throws: SnapshotError.self, "byte \(offset)") { try load(bytes, .structure) }
    }
  }

  @Test func `a header cut at any byte is refused`() {
    for length in 0...SnapshotFormat.headerBytes {
      let error = #expect(throws: SnapshotError.self) { try load(Array(good[..<length])) }
      #expect(error?.code == (length < 8 ? .unsupportedSchema : .digestMismatch), "length \(length)")
    }
  }

  @Test func `a file cut or grown anywhere is refused`() {
    for length in stride(from: SnapshotFormat.headerBytes, to: good.count, by: 7) {
      #expect(throws: SnapshotError.self, "length \(length)") { try load(Array(good[..<length]), .structure) }
    }
    for extra in [1, 63, 64, 4096] {
      #expect(throws: SnapshotError.self, "\(extra) more") {
        try load(good + [UInt8](repeating: 0, count: extra), .structure)
      }
    }
  }

  @Test func `a flip of any byte behind the header is found by the checksums`() {
    for offset in SnapshotFormat.headerBytes..<good.count {
      var bytes = good
      bytes[offset] ^= 0x10
      let error = #expect(throws: SnapshotError.self, "byte \(offset)") { try load(bytes) }
      #expect(error?.code == .digestMismatch)
    }
  }

  @Test func `a flip in a section names the section, and passes where only structure is asked for`() throws {
    let vectors = try load(good).entry("vec.f32")
    var bytes = good
    bytes[vectors.offset + 5] ^= 1
    let error = #expect(throws: SnapshotError.self) { try load(bytes) }
    #expect(error?.section == "vec.f32")
    _ = try load(bytes, .structure)
  }

  @Test func `a foreign file is no snapshot`() throws {
    let folder = TemporaryFolder()
    for (text, code) in [
      ("{\"schemaVersion\":1}", SnapshotError.Code.unsupportedSchema), ("", .digestMismatch),
      (String(repeating: "NTSNAP01", count: 600), .digestMismatch),
    ] {
      let error = #expect(throws: SnapshotError.self) {
        try Snapshot.open(path: folder.write(text, to: "x"), verify: .checksums)
      }
      #expect(error?.code == code)
      #expect(error?.file == folder.file("x"))
    }
  }

  @Test func `what is not a file cannot be opened`() {
    let folder = TemporaryFolder()
    for path in [folder.path, folder.file("missing"), "/dev/null", ""] {
      let error = #expect(throws: SnapshotError.self, "\(path)") { try Snapshot.open(path: path, verify: .structure) }
      #expect(error?.code == .fetchFailed)
    }
  }

  @Test func `a newer format is refused as such`() {
    let error = refusal { $0[8] = 2 }
    #expect(error?.code == .unsupportedSchema)
    #expect(error?.detail == "has format version 2; this program reads 1")
  }

  // A header whose checksum holds but whose table is a lie: what an attacker would write.

  @Test(arguments: [UInt64.max, .max - 63, 1 << 63, 1 << 62, 1 << 40] as [UInt64]) func `an offset beyond the file`(
    offset: UInt64
  ) {
    #expect(refusal { set(&$0, entry: 1, field: 8, offset) }?.code == .manifestInvalid)
  }

  @Test(arguments: [UInt64.max, .max - 4096, 1 << 63, 1 << 40] as [UInt64]) func `a length beyond the file`(
    length: UInt64
  ) {
    #expect(refusal { set(&$0, entry: 1, field: 16, length) }?.detail.contains("beyond the end") == true)
  }

  @Test func `a section that is not aligned`() {
    #expect(refusal { set(&$0, entry: 2, field: 8, UInt64(good.count) - 1) }?.detail.contains("not aligned") == true)
  }

  @Test func `sections that overlap`() {
    #expect(refusal { set(&$0, entry: 1, field: 8, 4096) }?.detail.contains("overlap") == true)
  }

  @Test func `a hole before a section`() {
    #expect(refusal { set(&$0, entry: 0, field: 16, 0) }?.detail.contains("hole") == true)
  }

  @Test func `a section inside the header`() {
    #expect(refusal { set(&$0, entry: 0, field: 8, 64) }?.detail.contains("overlap") == true)
  }

  @Test func `two sections of one tag`() {
    #expect(refusal { set(&$0, entry: 1, field: 0, SectionTag("ids").code) }?.detail.contains("two sections") == true)
  }

  @Test(arguments: [0, 0x2F, 0x61_0061, .max] as [UInt64]) func `a tag that cannot be`(code: UInt64) {
    #expect(refusal { set(&$0, entry: 0, field: 0, code) }?.detail.contains("no tag has") == true)
  }

  @Test(arguments: [4, 125, 126, 1 << 31, .max] as [UInt32]) func `a count of sections that is not the table's`(
    count: UInt32
  ) {
    let error = refusal { bytes in
      for byte in 0..<4 { bytes[12 + byte] = UInt8(truncatingIfNeeded: count >> UInt32(8 * byte)) }
    }
    #expect(error?.code == .manifestInvalid)
  }

  @Test func `bytes in the reserved part of the header`() {
    for offset in [24, 63, 64 + 3 * 32, 4087] { #expect(refusal { $0[offset] = 1 }?.code == .manifestInvalid) }
  }

  @Test func `a file that goes on behind its last section`() {
    var bytes = good + [UInt8](repeating: 0, count: 64)
    let error = refusal(of: &bytes) { bytes in set(&bytes, at: 16, UInt64(bytes.count)) }
    #expect(error?.detail == "goes on after its last section")
  }

  @Test func `random bytes with a good magic and checksum never crash`() {
    for seed in UInt64(0)..<300 {
      var random = SeededRandom(seed: seed)
      var bytes = good
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        bytes[Int.random(in: 12..<SnapshotFormat.tableOffset + 4 * 32, using: &random)] =
          UInt8.random(in: 0...255, using: &random)
      }
      seal(&bytes)
      // Whatever is accepted lies inside.
      guard let snapshot = try? load(bytes, .structure) else { continue }
      for section in snapshot.sections { #expect(section.end <= bytes.count, "seed \(seed)") }
    }
  }

  private func load(_ bytes: [UInt8], _ verify: Snapshot.Verification = .checksums) throws -> Snapshot {
    try Snapshot.load(copying: bytes.span.bytes, name: "test", verify: verify)
  }

  /// Why the good file is refused after a change to its header, whose checksum is made to hold again.
  private func refusal(_ change: (inout [UInt8]) -> Void) -> SnapshotError? {
    var bytes = good
    return refusal(of: &bytes, change)
  }

  private func refusal(of bytes: inout [UInt8], _ change: (inout [UInt8]) -> Void) -> SnapshotError? {
    change(&bytes)
    seal(&bytes)
    let changed = bytes
    return #expect(throws: SnapshotError.self) { try load(changed, .structure) }
  }

  private func seal(_ bytes: inout [UInt8]) {
    let head = Array(bytes[..<SnapshotFormat.checksumOffset])
    let checksum = xxh3(head.span.bytes)
    set(&bytes, at: SnapshotFormat.checksumOffset, checksum)
  }

  private func set(_ bytes: inout [UInt8], entry: Int, field: Int, _ value: UInt64) {
    set(&bytes, at: SnapshotFormat.tableOffset + entry * SnapshotFormat.entryBytes + field, value)
  }

  private func set(_ bytes: inout [UInt8], at offset: Int, _ value: UInt64) {
    for byte in 0..<8 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
  }
}
