import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import Snapshots

@Suite struct SnapshotWriterTests {
  @Test func `whatever sections are written, the same are mapped`() throws {
    for seed in UInt64(0)..<25 {
      var random = SeededRandom(seed: seed)
      let folder = TemporaryFolder()
      var expected: [(SectionTag, [UInt8])] = []
      var writer = try SnapshotWriter(path: folder.file("x"))
      for index in 0..<Int.random(in: 0...12, using: &random) {
        let length = Int.random(in: 0...3, using: &random) == 0 ? 0 : Int.random(in: 0...9000, using: &random)
        let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        let tag = SectionTag("s\(index)")!
        try writer.begin(tag)
        var sent = 0
        while sent < length {
          let piece = Array(bytes[sent..<min(length, sent + Int.random(in: 1...4000, using: &random))])
          try writer.append(piece.span.bytes)
          sent += piece.count
        }
        expected.append((tag, bytes))
      }
      try writer.seal()
      let snapshot = try Snapshot.open(path: folder.file("x"), verify: .checksums)
      #expect(snapshot.sections.map(\.tag) == expected.map(\.0), "seed \(seed)")
      for (entry, (_, bytes)) in zip(snapshot.sections, expected) {
        let found = snapshot.bytes(of: entry)
        #expect(found.withUnsafeBytes { Array($0) } == bytes, "seed \(seed)")
      }
    }
  }

  @Test func `the bytes of a snapshot are a function of its content`() throws {
    let folder = TemporaryFolder()
    var section = SectionBuilder()
    section.column([Float(1), 2])
    for name in ["a", "b"] {
      var writer = try SnapshotWriter(path: folder.file(name))
      try writer.add("one", section)
      try writer.add("two", section)
      try writer.seal()
    }
    let a = try Data(contentsOf: URL(filePath: folder.file("a")))
    #expect(try a == Data(contentsOf: URL(filePath: folder.file("b"))))
    #expect(Array(a) == composed([("one", section), ("two", section)]))
  }

  @Test func `a writer dropped unsealed leaves nothing`() throws {
    let folder = TemporaryFolder()
    do {
      var writer = try SnapshotWriter(path: folder.file("x"))
      try writer.add("one", [1, 2, 3].span.bytes)
      #expect(try names(in: folder).count == 1)
      #expect(try names(in: folder).allSatisfy(isTemporary))
    }
    #expect(try names(in: folder) == [])
  }

  @Test func `a disk that fails at any step leaves the old file as it was`() throws {
    let folder = TemporaryFolder()
    var old = try SnapshotWriter(path: folder.file("x"))
    try old.add("old", [1].span.bytes)
    try old.seal()
    var failures = 0
    while true {
      let disk = failing(at: failures)
      do {
        var writer = try SnapshotWriter(path: folder.file("x"), disk: disk)
        try writer.add("new", [2].span.bytes)
        try writer.seal()
        break
      } catch {
        #expect(error.code == .writeFailed && error.detail.contains("No space left"))
      }
      // Failing to make the new name durable comes after the rename: then the new file is there, and whole.
      let tags = try Snapshot.open(path: folder.file("x"), verify: .checksums).sections.map(\.tag)
      #expect(tags == ["old"] || (tags == ["new"] && failures == 7), "step \(failures)")
      #expect(try names(in: folder) == ["x"], "step \(failures)")
      failures += 1
    }
    #expect(failures >= 7)
    #expect(try Snapshot.open(path: folder.file("x"), verify: .checksums).has("new"))
  }

  @Test func `two sections of one tag or too many are refused`() throws {
    let folder = TemporaryFolder()
    var writer = try SnapshotWriter(path: folder.file("x"))
    try writer.add("s0", [1].span.bytes)
    do {
      try writer.begin("s0")
      Issue.record("a second s0")
    } catch { #expect(error.code == .manifestInvalid) }
    for index in 1..<SnapshotFormat.sectionsMax { try writer.add(SectionTag("s\(index)")!, SectionBuilder()) }
    do {
      try writer.begin("more")
      Issue.record("more than \(SnapshotFormat.sectionsMax)")
    } catch { #expect(error.code == .manifestInvalid) }
    try writer.seal()
    #expect(try Snapshot.open(path: folder.file("x"), verify: .checksums).sections.count == 125)
  }

  @Test func `a folder that is not there cannot be written to`() {
    let folder = TemporaryFolder()
    let error = #expect(throws: SnapshotError.self) { _ = try SnapshotWriter(path: folder.file("no/x")) }
    #expect(error?.code == .writeFailed)
  }

  private func names(in folder: TemporaryFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path)
  }

  /// A disk whose step number `step` finds no space.
  private func failing(at step: Int) -> Disk {
    let counter = Counter()
    return Disk { (kind, path) throws(DiskError) in
      if counter.next() == step { throw DiskError(step: kind, path: path, code: 28) }
    }
  }
}

private final class Counter: Sendable {
  private let value = Atomic<Int>(0)
  func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
}
