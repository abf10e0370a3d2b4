import Glibc
import Snapshots
import TestSupport
import Testing

@testable import Retrieval

/// Index files that somebody else made, or that a disk has changed: an error, or searches that stay inside the catalogue.
/// Run with the address sanitizer too, which sees every read outside of the mapping.
@Suite struct SectionFuzzTests {
  private static let flat = try! Made(.gaussian, items: 333, dimension: 19, calibrated: false).built
  private static let listed = try! Made(.gaussian, items: 8300, dimension: 6, calibrated: false).built
  private static let small = 400

  @Test(arguments: [true, false]) func `random bytes anywhere in a section`(_ isFlat: Bool) throws {
    let built = isFlat ? Self.flat : Self.listed
    var fuzz = Fuzz(built, seed: 21)
    for _ in 0..<Self.small { try fuzz.change { bytes, random in
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
    } }
    #expect(fuzz.accepted > 10 && fuzz.refused > 10, "\(fuzz)")
  }

  @Test(arguments: [true, false]) func `hostile numbers in the place of counts, slots and scales`(_ isFlat: Bool) throws {
    let built = isFlat ? Self.flat : Self.listed
    let count = UInt32(built.view.count)
    let numbers: [UInt32] = [
      0, 1, 31, 32, 33, count - 1, count, count + 1, 1 << 27, 1 << 27 + 1, 1 << 31, .max - 1, .max,
      Float.infinity.bitPattern, Float.nan.bitPattern, Float.greatestFiniteMagnitude.bitPattern,
      (-Float.greatestFiniteMagnitude).bitPattern, Float.leastNonzeroMagnitude.bitPattern, Float(1e19).bitPattern,
    ]
    var fuzz = Fuzz(built, seed: 22)
    for _ in 0..<Self.small { try fuzz.change { bytes, random in
      for _ in 0..<Int.random(in: 1...3, using: &random) where bytes.count >= 4 {
        let place = Int.random(in: 0..<bytes.count / 4, using: &random)
        let number = numbers.randomElement(using: &random)!
        withUnsafeBytes(of: number.littleEndian) { bytes.replaceSubrange(4 * place..<4 * place + 4, with: $0) }
      }
    } }
    #expect(fuzz.accepted > 10 && fuzz.refused > 10, "\(fuzz)")
  }

  @Test func `sections of huge numbers make no search answer nonsense`() throws {
    // All of the gains, or of the column at the end, so that sums overflow: infinities and their differences order nothing.
    for tag in ["idx.blk", "idx.list", "idx.cent", "vec.f32"] as [SectionTag] {
      for value in [Float.greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude] {
        var fuzz = Fuzz(Self.listed, seed: 23)
        let (lists, blocks) = (Self.listed.view.listCount, Self.listed.view.blockCount)
        try fuzz.change(tag) { bytes, _ in
          let floats: Range<Int> = switch tag {
          case "idx.blk": 0..<blocks
          case "idx.list": bytes.count / 4 - tileCount(lists) * tileVectors..<bytes.count / 4
          case "idx.cent": bytes.count / 4 - tileCount(lists) * tileVectors..<bytes.count / 4
          default: 0..<bytes.count / 4
          }
          for place in floats {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.replaceSubrange(4 * place..<4 * place + 4, with: $0) }
          }
        }
        #expect(fuzz.accepted == 1, "\(tag), \(value)")
      }
    }
  }

  @Test func `every field of the head, each with every hostile number`() throws {
    for built in [Self.flat, Self.listed] {
      var fuzz = Fuzz(built, seed: 24)
      for field in 0..<8 {
        for number in [0, 1, 2, 7, 31, UInt32(built.view.count) + 1, 1 << 20, 1 << 27, 1 << 31, .max] as [UInt32] {
          try fuzz.change("idx.head") { bytes, _ in
            withUnsafeBytes(of: number.littleEndian) { bytes.replaceSubrange(4 * field..<4 * field + 4, with: $0) }
          }
        }
      }
      // Another metric or seed is a file of worse answers; everything else contradicts the other sections.
      #expect(fuzz.refused >= 50, "\(fuzz)")
    }
  }

  @Test func `another layout and another byte order are refused by name`() throws {
    for layout in [0, 1, 3, 0x0200_0000] as [UInt32] {
      let error = Self.refusal(Self.listed, "idx.head") { bytes in
        withUnsafeBytes(of: layout.littleEndian) { bytes.replaceSubrange(0..<4, with: $0) }
      }
      #expect(error?.code == .unsupportedSchema, "layout \(layout): \(String(describing: error))")
    }
  }

  @Test func `a file cut anywhere, or with any bit changed, is refused or harmless`() throws {
    let folder = TemporaryFolder()
    var writer = try SnapshotWriter(path: folder.file("index"))
    for (tag, section) in Self.flat.sections { try writer.add(tag, section) }
    try writer.seal()
    let whole = try Snapshot.open(path: folder.file("index"), verify: .checksums)
    let file = contents(folder.file("index"))
    #expect(file.count == whole.byteCount)
    var random = SeededRandom(seed: 25)
    for _ in 0..<60 {
      let cut = Array(file[..<Int.random(in: 0..<file.count, using: &random)])
      #expect(Self.opens(cut, .structure) == nil, "\(cut.count) bytes")
    }
    for _ in 0..<300 {
      var changed = file
      let bit = Int.random(in: 0..<8 * file.count, using: &random)
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(Self.opens(changed, .checksums) == nil, "bit \(bit)")
      if let index = Self.opens(changed, .structure) { try searches(index, "bit \(bit)") }
    }
  }

  private static func opens(_ bytes: [UInt8], _ verify: Snapshot.Verification) -> VectorIndex? {
    let span = bytes.span.bytes
    guard let snapshot = try? Snapshot.load(copying: span, name: "changed", verify: verify) else { return nil }
    return try? VectorIndex(snapshot)
  }

  private static func refusal(_ built: BuiltIndex, _ tag: SectionTag, _ change: (inout [UInt8]) -> Void) -> SnapshotError? {
    do throws(SnapshotError) {
      _ = try VectorIndex(Snapshot.inMemory(changed(built, tag, change)))
      return nil
    } catch { return error }
  }
}

private func contents(_ path: String) -> [UInt8] {
  let file = fopen(path, "rb")!
  defer { fclose(file) }
  fseek(file, 0, SEEK_END)
  var bytes = [UInt8](repeating: 0, count: ftell(file))
  rewind(file)
  precondition(fread(&bytes, 1, bytes.count, file) == bytes.count)
  return bytes
}

/// Changes one section after the other and searches whatever is accepted.
private struct Fuzz: CustomStringConvertible {
  let built: BuiltIndex
  var random: SeededRandom
  var accepted = 0, refused = 0

  init(_ built: BuiltIndex, seed: UInt64) {
    self.built = built
    random = SeededRandom(seed: seed)
  }

  var description: String { "seed \(random.seed): \(accepted) accepted, \(refused) refused" }

  mutating func change(_ tag: SectionTag? = nil, _ change: (inout [UInt8], inout SeededRandom) -> Void) throws {
    let tag = tag ?? built.sections.filter { !$0.section.bytes.isEmpty }.randomElement(using: &random)!.tag
    var random = random
    let sections = changed(built, tag) { change(&$0, &random) }
    self.random = random
    guard let index = try? VectorIndex(Snapshot.inMemory(sections)) else {
      refused += 1
      return
    }
    accepted += 1
    try searches(index, "\(tag), round \(accepted + refused) of seed \(random.seed)")
  }
}

private func changed(
  _ built: BuiltIndex, _ tag: SectionTag, _ change: (inout [UInt8]) -> Void
) -> [(SectionTag, SectionBuilder)] {
  built.sections.map { own, section in
    guard own == tag else { return (own, section) }
    var bytes = section.bytes
    change(&bytes)
    var changed = SectionBuilder()
    changed.column(bytes)
    return (own, changed)
  }
}

/// Every way of a search: no answer from outside, none that is not allowed, no number that is none.
private func searches(_ index: VectorIndex, _ what: String) throws {
  let scratch = SearchScratch()
  var allow = Bitmap(count: index.count)
  for item in stride(from: 0, to: index.count, by: 3) { allow.insert(UInt32(item)) }
  let excluded: [UInt32] = [0, 3, 4, 6]
  for value in [Float(1), 1e15] {
    let query = [Float](repeating: value, count: index.dimension)
    for effort in Effort.allCases {
      for allow in [nil, allow] {
        try index.search(query.span, count: 100, allow: allow, excluding: excluded.span, effort: effort, scratch: scratch)
        let hits = list(scratch)
        #expect(hits.count <= 100 && Set(hits.map(\.item)).count == hits.count, "\(what)")
        let isInside = hits.allSatisfy { hit in
          hit.item < index.count && hit.score.isFinite && !excluded.contains(hit.item) && (allow?.contains(hit.item) ?? true)
        }
        #expect(isInside, "\(what)")
      }
    }
    try index.search(query.span, count: 10, budget: SearchBudget(blocks: 3, refined: 20, rescored: 5), scratch: scratch)
    #expect(list(scratch).allSatisfy { $0.item < index.count }, "\(what)")
  }
}
