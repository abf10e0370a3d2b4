import Bytes
import FoundationEssentials
import Snapshots
import TestSupport
import Testing

@testable import Model

/// A snapshot file of which one byte is another than was written: by a disk, a memory, a cable. Whoever reads it with its
/// checksums refuses it with a reason; whoever took it for verified may answer otherwise, and neither crashes nor reads
/// outside of the file.
@Suite struct FlippedByteTests {
  private let toy = ToyModel(items: 24, users: 6)

  private func bytes() throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: toy.snapshot().file)))
  }

  /// What comes of a file: the code it is refused with, or its answers.
  private func outcome(_ bytes: [UInt8], _ verify: Snapshot.Verification) -> (SnapshotError.Code?, [UInt8]) {
    do throws(SnapshotError) {
      let span = bytes.span.bytes
      let snapshot = try Snapshot.load(copying: span, name: "flipped", verify: verify)
      return (nil, answers(try ToyModel.model(snapshot, checks: verify)))
    } catch { return (error.code, []) }
  }

  /// A list of every kind.
  private func answers(_ model: ServingModel) -> [UInt8] {
    let scratch = ComputeScratch()
    var lists = ByteBuffer()
    let window = window([("item-3", .click, ToyModel.now), ("item-4", .view, ToyModel.now)])
    var subjects: [Subject] = [.segment(0), .segment(1), .user(ToyModel.hash("new"))]
    subjects += toy.content.users.map { .user($0.hash) }
    if let item = model.subject(item: "item-5".utf8.span.bytes) { subjects.append(item) }
    for subject in subjects {
      let query = ListQuery(subject: subject, keyHash: 1, now: ToyModel.now)
      _ = try? model.render(query, for: .home, scratch: scratch, into: &lists)
      let bytes = window.span.bytes
      _ = try? model.render(query, for: .home, window: Window(bytes), scratch: scratch, into: &lists)
    }
    _ = try? model.renderTrending(
      segment: nil, for: .trending, keyHash: 1, now: ToyModel.now, scratch: scratch, into: &lists)
    return Array(copying: lists.bytes)
  }

  @Test func `a flip of any byte of the header is refused with a reason, or changes no answer`() throws {
    let good = try bytes()
    let (_, truth) = outcome(good, .checksums)
    #expect(!truth.isEmpty)
    let firstSection = try toy.snapshot().sections.map(\.offset).min()!
    var random = SeededRandom(seed: 20)
    var harmless = 0
    for place in 0..<firstSection {
      var flipped = good
      flipped[place] ^= UInt8.random(in: 1...255, using: &random)
      let (code, found) = outcome(flipped, .checksums)
      guard code == nil else { continue }
      harmless += 1
      #expect(found == truth, "byte \(place) of the header")
    }
    // The header is under a checksum, and what is unused of it must be zero.
    #expect(harmless == 0)
  }

  @Test func `a flip anywhere in a section or between two is refused by the checksums`() throws {
    let good = try bytes()
    var random = SeededRandom(seed: 21)
    for entry in try toy.snapshot().sections where entry.byteCount > 0 {
      let places = [0, entry.byteCount - 1] + (0..<6).map { _ in Int.random(in: 0..<entry.byteCount, using: &random) }
      for place in places {
        var flipped = good
        flipped[entry.offset + place] ^= UInt8(1) << UInt8.random(in: 0...7, using: &random)
        let (code, _) = outcome(flipped, .checksums)
        #expect(code == .digestMismatch, "\(entry.tag), byte \(place)")
      }
      let end = entry.offset + entry.byteCount
      if end < good.count, end % 64 != 0 {
        var flipped = good
        flipped[end] ^= 1
        let (code, _) = outcome(flipped, .checksums)
        #expect(code == .digestMismatch, "after \(entry.tag)")
      }
    }
  }

  /// A disk that rots under a file that was verified: what a restart maps without hashing it.
  @Test func `a flip that nobody looks for is refused with a reason, or serves without reading outside of the file`()
    throws
  {
    let good = try bytes()
    var random = SeededRandom(seed: 22)
    var (refused, served) = (0, 0)
    for entry in try toy.snapshot().sections where entry.byteCount > 0 {
      for _ in 0..<8 {
        var flipped = good
        flipped[entry.offset + Int.random(in: 0..<entry.byteCount, using: &random)] ^= UInt8.random(
          in: 1...255, using: &random)
        let (code, _) = outcome(flipped, .structure)
        if code == nil { served += 1 } else { refused += 1 }
      }
    }
    #expect(refused > 10 && served > 10, "\(refused) refused, \(served) served")
  }
}
