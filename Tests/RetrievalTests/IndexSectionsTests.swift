import Snapshots
import TestSupport
import Testing

@testable import Retrieval

/// The index in a file: the same bytes for the same seed, the same answers from a mapping, and nothing but an error from
/// bytes that somebody else made.
@Suite struct IndexSectionsTests {
  private static let flat = try! Made(.clustered(spread: 0.75, normSigma: 0.25), items: 333, dimension: 19).built
  private static let listed = try! Made(.clustered(spread: 0.75, normSigma: 0.25), items: 9000, dimension: 6).built

  @Test func `a mapped index answers like the one that was built`() throws {
    let folder = TemporaryFolder()
    for built in [Self.flat, Self.listed] {
      let path = folder.file("index-\(built.view.count)")
      try write(built, to: path)
      let (memory, mapped) = (VectorIndex(built), try VectorIndex(Snapshot.open(path: path, verify: .checksums)))
      #expect(mapped.count == memory.count && mapped.metric == memory.metric && mapped.efforts == memory.efforts)
      let (first, second) = (SearchScratch(), SearchScratch())
      for item in stride(from: UInt32(0), to: UInt32(built.view.count), by: 41) {
        try memory.searchNeighbors(of: item, count: 20, allow: nil, effort: .recall95, scratch: first)
        try mapped.searchNeighbors(of: item, count: 20, allow: nil, effort: .recall95, scratch: second)
        #expect(list(first) == list(second))
      }
    }
  }

  @Test func `a seed gives the same bytes at every kernel level, another seed other lists`() throws {
    let vectors = SyntheticVectors(.clustered(spread: 0.75, normSigma: 0.25), items: 9000, dimension: 6, users: 40, seed: 2)
    func bytes(_ kernels: Kernels, seed: UInt64) throws -> [[UInt8]] {
      try IndexBuilder.build(
        vectors: vectors.items, count: 9000, dimension: 6, metric: .dot, seed: seed, calibration: vectors.users,
        kernels: kernels
      ).sections.map(\.section.bytes)
    }
    let reference = try bytes(#require(Kernels(.scalar)), seed: 1)
    for kernels in Kernels.available { #expect(try bytes(kernels, seed: 1) == reference) }
    #expect(try bytes(.active, seed: 9) != reference)
  }

  @Test func `vectors that cannot be an index are refused with their place`() {
    func refusal(_ vectors: [Float], _ count: Int, _ dimension: Int, calibration: [Float]? = nil) -> IndexBuildError? {
      do throws(IndexBuildError) {
        _ = try IndexBuilder.build(
          vectors: vectors, count: count, dimension: dimension, metric: .dot, seed: 1, calibration: calibration)
        return nil
      } catch { return error }
    }
    #expect(refusal([1, 2, 3], 2, 2) == .shape(expected: 4, got: 3))
    #expect(refusal([1, 2, .nan, 4], 2, 2) == .notFinite(item: 1))
    #expect(refusal([1, .infinity, 3, 4], 2, 2) == .notFinite(item: 0))
    #expect(refusal([1, 2, 3, 1e30], 2, 2) == .notFinite(item: 1))
    #expect(refusal([], 1, 0) == .dimensionOutOfRange(0))
    #expect(refusal([], 1, 5000) == .dimensionOutOfRange(5000))
    #expect(refusal([], -1, 2) == .countOutOfRange(-1))
    #expect(refusal([1, 2], 1, 2, calibration: [1]) == .shape(expected: 2, got: 1))
    #expect(refusal([1, 2], 1, 2, calibration: [.nan, 1]) == nil)
    #expect(refusal([0, 0, 0, 0], 2, 2) == nil)
  }

  @Test func `a count, order or item that cannot be is refused`() throws {
    let (head, slots) = (Self.sections(Self.listed, "idx.head"), Self.sections(Self.listed, "idx.slot"))
    // Layout, metric, items, dimension, lists, blocks.
    for field in 0..<6 {
      for value in [UInt32(0), 7, 9001, .max] where !(field == 1 && value == 0) {
        var bytes = head
        put(value, at: 4 * field, in: &bytes)
        #expect(try refusal("idx.head", bytes) != nil, "field \(field) is \(value)")
      }
    }
    for item in [UInt32(9000), .max, first(slots, 1)] {
      var bytes = slots
      put(item, at: 0, in: &bytes)
      #expect(try refusal("idx.slot", bytes) != nil, "item \(item)")
    }
    var lists = Self.sections(Self.listed, "idx.list")
    put(3, at: 0, in: &lists)
    #expect(try refusal("idx.list", lists) != nil)
    var blocks = Self.sections(Self.listed, "idx.blk")
    put(Float.nan.bitPattern, at: 0, in: &blocks)
    #expect(try refusal("idx.blk", blocks)?.code == .nonFiniteValues)
    var efforts = Self.sections(Self.listed, "idx.eff")
    put(0, at: 0, in: &efforts)
    #expect(try refusal("idx.eff", efforts) != nil)
  }

  @Test func `a section that is cut, longer or missing is refused`() throws {
    for (tag, section) in Self.listed.sections {
      let bytes = section.bytes
      for length in [0, 1, bytes.count / 2, bytes.count - 1] {
        #expect(try refusal(tag, Array(bytes[..<length])) != nil, "\(tag) of \(length) bytes")
      }
      #expect(try refusal(tag, bytes + [0]) != nil, "\(tag) with a byte more")
      #expect(try refusal(tag, nil) != nil, "\(tag) missing")
    }
  }

  private static func sections(_ built: BuiltIndex, _ tag: SectionTag) -> [UInt8] {
    built.sections.first { $0.tag == tag }!.section.bytes
  }

  /// The error of reading the listed index with one section replaced, or left out.
  private func refusal(_ tag: SectionTag, _ bytes: [UInt8]?) throws -> SnapshotError? {
    let snapshot = try snapshot(of: Self.listed, replacing: tag, with: bytes)
    do throws(SnapshotError) {
      _ = try VectorIndex(snapshot)
      return nil
    } catch { return error }
  }

  private func snapshot(of built: BuiltIndex, replacing tag: SectionTag, with bytes: [UInt8]?) throws -> Snapshot {
    let folder = TemporaryFolder()
    try write(built, to: folder.file("index"), replacing: tag, with: bytes)
    return try Snapshot.open(path: folder.file("index"), verify: .structure)
  }

  private func write(
    _ built: BuiltIndex, to path: String, replacing replaced: SectionTag? = nil, with bytes: [UInt8]? = nil
  ) throws {
    var writer = try SnapshotWriter(path: path)
    for (tag, section) in built.sections {
      guard tag == replaced else {
        try writer.add(tag, section)
        continue
      }
      guard let bytes else { continue }
      let span = bytes.span.bytes
      try writer.add(tag, span)
    }
    try writer.seal()
  }

  private func put(_ value: UInt32, at offset: Int, in bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + 4, with: $0) }
  }

  private func first(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self) }
  }
}
