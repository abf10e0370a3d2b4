import Bytes
import Snapshots
import TestSupport
import Testing

@testable import Publishing

@Suite struct SnapshotStoreTests {
  private let place = Workplace()

  @Test func `what was published is pulled byte for byte`() throws {
    let published = try place.publish()
    let local = try place.store.pull("home", 1, from: place.repository)
    #expect(local.identity == published.identity && local.isVerified)
    #expect(local.path == place.path(inData: "1-\(published.identity.digest8).ntsnap"))
    #expect(try place.bytes(local.path) == place.bytes(place.folder.file("x.ntsnap")))
    _ = try Snapshot.open(path: local.path, verify: .structure)
  }

  @Test func `whatever the sections, they survive publishing and pulling`() throws {
    for seed in UInt64(0)..<12 {
      var random = SeededRandom(seed: seed)
      let sections = (0..<Int.random(in: 0...6, using: &random)).map { index in
        (
          SectionTag("s\(index)")!,
          someBytes([0, 1, 63, 64, 4096, 300_000, 5 << 20].randomElement(using: &random)!, seed: seed)
        )
      }
      let place = Workplace()
      let path = try place.snapshot(sections)
      let version = try place.repository.publish(snapshotPath: path, model: "home", details: someDetails).identity
        .version
      let local = try place.store.pull("home", version, from: place.repository)
      #expect(try place.bytes(local.path) == place.bytes(path), "seed \(seed)")
    }
  }

  @Test func `a second pull reads nothing from the repository`() throws {
    try place.publish()
    let first = try place.store.pull("home", 1, from: place.repository)
    let manifest = try place.repository.manifest("home", 1)
    let nowhere = FolderRepository(path: "/nowhere")
    #expect(try place.store.pull(manifest, from: nowhere) == first)
  }

  @Test func `a file that lost its mark is checked again, not pulled again`() throws {
    try place.publish()
    let manifest = try place.repository.manifest("home", 1)
    let local = try place.store.pull(manifest, from: place.repository)
    try Disk().remove(local.path + ".verified")
    #expect(place.store.localSnapshots(of: "home").map(\.isVerified) == [false])
    #expect(try place.store.pull(manifest, from: FolderRepository(path: "/nowhere")).isVerified)
  }

  @Test func `a file that was changed after its mark is not trusted, and replaced`() throws {
    try place.publish()
    let local = try place.store.pull("home", 1, from: place.repository)
    var bytes = try place.bytes(local.path)
    bytes[4100] ^= 1
    try place.overwrite(local.path, bytes)
    let found = try #require(place.store.localSnapshots(of: "home").first)
    #expect(!found.isVerified)
    #expect(#expect(throws: PublishError.self) { try place.store.verify(found) }?.reason == .digestMismatch)
    #expect(try place.store.pull("home", 1, from: place.repository).isVerified)
    _ = try Snapshot.open(path: local.path, verify: .checksums)
  }

  @Test func `a node restarts on what served last, without a repository`() throws {
    for seed in UInt64(1)...3 { try place.publish(seed) }
    let versions = try (1...3).map { try place.store.pull("home", $0, from: place.repository) }
    #expect(place.store.lastGood(of: "home") == versions[2])
    try place.store.recordServing(versions[1].identity)
    #expect(place.store.models() == ["home"])
    #expect(place.store.lastGood(of: "home") == versions[1])
    try place.store.remove(versions[1].identity)
    #expect(place.store.lastGood(of: "home") == versions[2])
    #expect(place.store.lastGood(of: "other") == nil)
  }

  @Test func `pruning keeps the newest, what is in use and what served last`() throws {
    for seed in UInt64(1)...6 { try place.publish(seed) }
    let all = try (1...6).map { try place.store.pull("home", $0, from: place.repository) }
    try place.store.recordServing(all[1].identity)
    let mapped = try Snapshot.open(path: all[2].path, verify: .structure)
    let gone = try place.store.prune("home", keep: 2, inUse: [all[0].identity])
    #expect(gone.map(\.version) == [4, 3])
    #expect(place.store.localSnapshots(of: "home").map(\.identity.version) == [6, 5, 2, 1])
    // What was mapped stays readable.
    let entry = mapped.sections[0]
    #expect(xxh3(mapped.bytes(of: entry)) == entry.checksum)
    #expect(place.names(place.path(inData: "")).count == 4 * 3 + 1)
  }

  @Test func `a disk without room is said before anything is written`() throws {
    try place.publish()
    let store = SnapshotStore(
      dataDirectory: place.store.dataDirectory, disk: Disk(), freeBytes: { _ in SnapshotStore.reservedBytes + 79_000 })
    let error = #expect(throws: PublishError.self) { try store.pull("home", 1, from: place.repository) }
    #expect(error?.reason == .fetchFailed && error?.detail.contains("are free") == true)
    #expect(place.files(below: store.dataDirectory) == [])
  }

  @Test func `sweeping removes what nobody is writing, and nothing else`() throws {
    try place.publish()
    let local = try place.store.pull("home", 1, from: place.repository)
    try place.overwrite(place.path(inData: "2-00000000.ntsnap.tmp-dead"), [1])
    try place.overwrite(place.path(inData: "2-00000000.json"), [1])
    try place.overwrite(place.path(inData: "3-00000000.ntsnap.verified"), [1])
    do {
      let writing = try TemporaryFile(target: place.path(inData: "4-00000000.ntsnap"), disk: Disk())
      place.store.sweep()
      #expect(place.names(place.path(inData: "")).filter(isTemporary).count == 1)
      withExtendedLifetime(writing) {}
    }
    place.store.sweep()
    #expect(place.names(place.path(inData: "")).count == 3)
    #expect(place.store.localSnapshots(of: "home") == [local])
  }

  @Test func `progress counts the bytes of all sections`() throws {
    try place.publish()
    var seen: [TransferProgress] = []
    _ = try place.store.pull("home", 1, from: place.repository) { seen.append($0) }
    #expect(seen.last?.fraction == 1 && seen.last?.bytesTotal == 79_000)
  }

  @Test func `a report names the sections and their digests`() throws {
    try place.publish()
    let local = try place.store.pull("home", 1, from: place.repository)
    let report = SnapshotReport(try Snapshot.open(path: local.path, verify: .checksums), digests: true)
    #expect(report.sections.map(\.tag) == ["same", "own", "empty"])
    #expect(report.sections.map(\.sha256) == local.manifest.sections.map { $0.digest.description })
    #expect(VerificationReport.verify(path: local.path).isValid)
    #expect(VerificationReport.verify(path: "/nowhere").reason == .fetchFailed)
  }
}
