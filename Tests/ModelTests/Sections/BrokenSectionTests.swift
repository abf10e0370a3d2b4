import Bytes
import Snapshots
import TestSupport
import Testing

@testable import Model

/// Snapshots whose checksums hold and whose content does not: damaged by their maker, or forged.
@Suite struct BrokenSectionTests {
  let toy = ToyModel(items: 24, users: 6)

  /// The toy's snapshot with one section changed, or left out when `change` returns nil.
  private func rewritten(
    _ original: Snapshot, _ tag: SectionTag, _ change: ([UInt8]) -> [UInt8]?
  ) throws -> Snapshot {
    let path = toy.folder.file("broken.ntsnap")
    var writer = try SnapshotWriter(path: path)
    for entry in original.sections {
      var bytes: [UInt8]? = Array(copying: original.bytes(of: entry))
      if entry.tag == tag { bytes = change(bytes!) }
      if let bytes { try writer.add(entry.tag, bytes.span.bytes) }
    }
    try writer.seal()
    return try Snapshot.open(path: path, verify: .checksums)
  }

  private func fault(_ snapshot: Snapshot, checks: Snapshot.Verification = .checksums) -> SnapshotError? {
    do throws(SnapshotError) {
      _ = try ToyModel.model(snapshot, checks: checks)
      return nil
    } catch { return error }
  }

  /// The error of a toy whose section has one number replaced at a byte offset.
  private func fault<T: FixedWidthInteger>(_ tag: SectionTag, at offset: Int, _ value: T) throws -> SnapshotError? {
    let broken = try rewritten(toy.snapshot(), tag) { bytes in
      var bytes = bytes
      withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
      return bytes
    }
    return fault(broken)
  }

  @Test func `the toy itself is whole`() throws {
    #expect(fault(try toy.snapshot()) == nil)
  }

  @Test func `a missing, shortened, emptied or lengthened section is refused by name`() throws {
    let original = try toy.snapshot()
    for entry in original.sections {
      let changes: [(String, ([UInt8]) -> [UInt8]?)] = [
        ("missing", { _ in nil }), ("empty", { _ in [] }), ("short", { $0.dropLast() }),
        ("half", { Array($0.prefix($0.count / 2)) }),
        ("long", { $0 + [0] }), ("much longer", { $0 + [UInt8](repeating: 0, count: 64) }),
      ]
      for (name, change) in changes {
        let bytes = Array(copying: original.bytes(of: entry))
        // An index without lists has an empty section of them.
        guard change(bytes) != bytes else { continue }
        let error = fault(try rewritten(original, entry.tag, change))
        #expect(error != nil, "\(entry.tag) \(name)")
        #expect(
          error?.section == entry.tag || entry.tag == "idx.head" || entry.tag == "model",
          "\(entry.tag) \(name): \(error!)")
      }
    }
  }

  @Test func `wrong numbers are refused with a code`() throws {
    #expect(try fault(ModelTag.head, at: 0, 2 as UInt32)?.code == .unsupportedSchema)
    #expect(try fault(ModelTag.head, at: 4, 0 as UInt32)?.code == .tensorInvalid)
    #expect(try fault(ModelTag.head, at: 4, 25 as UInt32)?.code == .dimensionChanged)
    #expect(try fault(ModelTag.head, at: 8, 7 as UInt32)?.code == .tensorInvalid)
    #expect(try fault(ModelTag.head, at: 12, 3 as UInt32)?.code == .tensorInvalid)
    #expect(try fault(ModelTag.head, at: 16, 9 as UInt32)?.code == .dimensionChanged)
    #expect(try fault(ModelTag.head, at: 20, 1 as UInt32)?.code == .dimensionChanged)
    #expect(try fault(ModelTag.head, at: 20, 7 as UInt32)?.code == .tensorInvalid)
    #expect(try fault(ModelTag.popularity, at: 4, Float.nan.bitPattern)?.code == .nonFiniteValues)
    #expect(try fault(ModelTag.segments, at: 0, Float.infinity.bitPattern)?.code == .nonFiniteValues)
    #expect(try fault(ModelTag.userVectors, at: 0, Float.nan.bitPattern)?.code == .nonFiniteValues)
    #expect(try fault(ModelTag.userSegments, at: 0, 2 as UInt16)?.code == .tensorInvalid)
    #expect(try fault(ModelTag.userHashes, at: 0, UInt64.max)?.code == .tensorInvalid)
    #expect(try fault(ModelTag.foldIn, at: 4, Float(0).bitPattern)?.code == .nonFiniteValues)
    #expect(try fault(ModelTag.foldIn, at: 0, Float.nan.bitPattern)?.code == .nonFiniteValues)
    #expect(try fault(ModelTag.probes, at: 8, 0 as UInt64)?.code == .tensorInvalid)
    #expect(try fault(ModelTag.ids, at: 0, UInt64.max)?.code == .tensorInvalid)
    #expect(try fault(ModelTag.trending, at: 64, UInt64.max)?.code == .tensorInvalid)
    #expect(try fault(ModelTag.seen, at: 64, UInt64.max)?.code == .tensorInvalid)
  }

  @Test func `an id that was changed no longer has its hash`() throws {
    let original = try toy.snapshot()
    let broken = try rewritten(original, ModelTag.ids) { bytes in
      var bytes = bytes
      let place = bytes.indices.first { bytes[$0...].starts(with: Array("item-".utf8)) }!
      bytes[place] = UInt8(ascii: "x")
      return bytes
    }
    #expect(fault(broken)?.detail.contains("hash") == true)
  }

  @Test func `metadata that would break an answer is refused`() throws {
    let original = try toy.snapshot()
    for (from, to) in [
      ("{\"title\"", "[\"title\""), ("\"url\"", "\"url\\"), ("\",\"note", "\" \"note"), ("ü", "\u{1}\u{1}"),
    ] {
      let broken = try rewritten(original, ModelTag.metadata) { bytes in
        var bytes = bytes
        let place = bytes.indices.first { bytes[$0...].starts(with: Array(from.utf8)) }!
        bytes.replaceSubrange(place..<place + to.utf8.count, with: to.utf8)
        return bytes
      }
      #expect(fault(broken)?.code == .tensorInvalid, "\(from) → \(to)")
    }
    let notText = try rewritten(original, ModelTag.metadata) { bytes in
      var bytes = bytes
      let place = bytes.indices.first { bytes[$0...].starts(with: Array("Title".utf8)) }!
      bytes[place] = 0xFF
      return bytes
    }
    #expect(fault(notText)?.detail.contains("UTF-8") == true)
  }

  @Test func `ranking weights that order nothing are refused`() throws {
    let broken = try rewritten(toy.snapshot(), ModelTag.ranking) { bytes in
      var bytes = bytes
      let name = Array("\"diversity\":".utf8)
      let place = bytes.indices.first { bytes[$0...].starts(with: name) }!
      bytes[place + name.count] = UInt8(ascii: "9")
      return bytes
    }
    let error = fault(broken)
    #expect(error?.section == ModelTag.ranking, "\(String(describing: error))")
  }

  /// A byte that differs may be a legal value; then the model must serve as any other does.
  @Test func `whatever byte is changed, the file is refused or serves`() throws {
    let original = try toy.snapshot()
    var random = SeededRandom(seed: 4_711)
    var refused = 0
    var served = 0
    for round in 0..<600 {
      let entry = original.sections[round % original.sections.count]
      guard entry.byteCount > 0 else { continue }
      let place = Int.random(in: 0..<entry.byteCount, using: &random)
      let value = [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random)!
      let broken = try rewritten(original, entry.tag) { bytes in
        var bytes = bytes
        bytes[place] = value
        return bytes
      }
      do throws(SnapshotError) {
        let checks: Snapshot.Verification = round % 3 == 0 ? .structure : .checksums
        exercise(try ToyModel.model(broken, checks: checks))
        served += 1
      } catch { refused += 1 }
    }
    #expect(refused > 50, "seed 4711: \(refused) refused, \(served) served")
    #expect(served > 50, "seed 4711: \(refused) refused, \(served) served")
  }

  /// Every lookup and every kind of list.
  private func exercise(_ model: ServingModel) {
    let scratch = ComputeScratch()
    var value = ByteBuffer()
    for item in 0..<UInt32(model.itemCount) {
      _ = model.item(id: model.itemID(item))
      _ = model.title(item)
      _ = model.itemCategories(item).map { model.categoryName($0) }
    }
    for user in toy.content.users { _ = model.user(user.hash).map { model.seen(by: $0).count } }
    _ = model.segment(for: .any)
    _ = model.checkProbes(scratch)
    let window = window([("item-3", .click, ToyModel.now), ("item-4", .view, ToyModel.now)])
    var subjects: [Subject] = [.segment(0), .segment(1), .user(toy.content.users[0].hash), .user(ToyModel.hash("new"))]
    if let item = model.subject(item: "item-5".utf8.span.bytes) { subjects.append(item) }
    for subject in subjects {
      let query = ListQuery(
        subject: subject, filter: try! ItemFilter(query: "-category:beta".utf8.span.bytes), keyHash: 1,
        now: ToyModel.now)
      _ = try? model.render(query, for: .home, window: Window(window.span.bytes), scratch: scratch, into: &value)
    }
    _ = try? model.renderTrending(
      segment: nil, for: .trending, keyHash: 1, now: ToyModel.now, scratch: scratch, into: &value)
  }
}
