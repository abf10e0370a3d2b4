import Bytes
import Dispatch
import Snapshots
import Synchronization
import TestSupport
import Testing

@testable import Publishing

@Suite struct FolderRepositoryTests {
  private let place = Workplace()

  @Test func `a published version is listed with the digest of its manifest`() throws {
    let published = try place.publish()
    #expect(published.identity.name == "home" && published.identity.version == 1)
    #expect(try place.repository.models() == ["home"])
    #expect(try place.repository.versions(of: "home") == [1])
    let manifest = try place.repository.manifest("home", 1)
    #expect(manifest.identity == published.identity)
    let bytes = try place.bytes(place.path(inRepository: "1/manifest.json"))
    #expect(SHA256.digest(bytes.span.bytes) == published.identity.digest)
    #expect(manifest.manifest.details == someDetails)
    #expect(manifest.manifest.sections.map(\.tag) == ["same", "own", "empty"])
    #expect(published.rawBytes == 79_000 && published.wireBytes < 79_000 && published.sentBytes == published.wireBytes)
  }

  @Test func `a blob is an LZ4 frame named by the digest of what it holds`() throws {
    try place.publish()
    let content = someBytes(9000, seed: 1)
    let name = SHA256.digest(content.span.bytes).description
    let frame = try place.bytes(place.path(inRepository: "1/\(name)"))
    var raw: [UInt8] = []
    var decompressor = try FrameDecompressor()
    try decompressor.feed(frame.span.bytes) { piece in piece.withUnsafeBytes { raw.append(contentsOf: $0) } }
    #expect(decompressor.isFinished && raw == content)
    #expect(frame.prefix(4) == [0x04, 0x22, 0x4D, 0x18])
  }

  @Test func `a section that did not change is not sent again`() throws {
    try place.publish(1)
    let second = try place.publish(2)
    #expect(second.identity.version == 2)
    #expect(second.sectionsReused == 2 && second.sectionsSent == 1)
    #expect(second.sentBytes < second.wireBytes)
    let same = SHA256.digest(someBytes(70_000, seed: 0).span.bytes).description
    #expect(links(place.path(inRepository: "2/\(same)")) == 2)
  }

  @Test func `a blob of the version before that is damaged is sent anew`() throws {
    try place.publish(1)
    let same = SHA256.digest(someBytes(70_000, seed: 0).span.bytes).description
    var bytes = try place.bytes(place.path(inRepository: "1/\(same)"))
    bytes[bytes.count / 2] ^= 1
    try place.overwrite(place.path(inRepository: "1/\(same)"), bytes)
    #expect(try place.publish(2).sectionsSent == 2)
    #expect(VerificationReport.verify(place.repository, model: "home", version: 2).isValid)
    #expect(VerificationReport.verify(place.repository, model: "home", version: 1).reason == .digestMismatch)
  }

  @Test func `without hard links the blob is copied`() throws {
    try place.publish(1)
    let disk = watchedDisk { (_, step, path) throws(DiskError) in
      if step == .link { throw DiskError(step: step, path: path, code: 18) }  // EXDEV
    }
    let second = try place.publish(2, to: FolderRepository(path: place.repository.path, disk: disk))
    #expect(second.sectionsReused == 2)
    #expect(VerificationReport.verify(place.repository, model: "home", version: 2).isValid)
  }

  @Test func `publishers at once get versions of their own`() throws {
    let path = try place.snapshot(place.sections(1))
    let repository = place.repository
    let versions = Mutex<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: 12) { _ in
      let version = try? repository.publish(snapshotPath: path, model: "home", details: someDetails).identity.version
      versions.withLock { $0.append(version ?? -1) }
    }
    #expect(versions.withLock { $0.sorted() } == Array(1...12))
    #expect(try repository.versions(of: "home") == Array(1...12))
  }

  @Test func `only decimal folders with a manifest are versions`() throws {
    try place.publish()
    for name in ["v2", "02", "0", "-3", "+4", "5 ", "1.5", "99999999999", "٣"] {
      try Disk().makeFolders(place.path(inRepository: name))
      try place.overwrite(place.path(inRepository: "\(name)/manifest.json"), Array("{}".utf8))
    }
    try Disk().makeFolders(place.path(inRepository: "7"))
    #expect(try place.repository.versions(of: "home") == [1])
  }

  @Test func `a folder left by a killed publisher is taken away, one in use is not`() throws {
    try place.publish()
    for version in [2, 3] {
      try Disk().makeFolders(place.path(inRepository: "\(version)"))
      try place.overwrite(place.path(inRepository: "\(version)/blob"), [1])
    }
    let lock = FolderLock.take(place.path(inRepository: "3"), waiting: false)
    #expect(try place.publish(2).identity.version == 4)
    #expect(place.names(place.path(inRepository: "")) == ["1", "3", "4"])
    withExtendedLifetime(lock) {}
  }

  @Test func `a repository that is not there has no models, a file is none`() throws {
    #expect(try place.repository.models() == [])
    #expect(try place.repository.versions(of: "home") == [])
    #expect(try place.repository.aliases(of: "home") == .none)
    place.folder.write("x", to: "repository")
    #expect(throws: PublishError.self) { try place.repository.models() }
  }

  @Test(arguments: ["..", "../home", "a/b", "", "Home", ".", "home\0x"]) func `a name that could be a path is refused`(
    name: String
  ) throws {
    let path = try place.snapshot(place.sections(1))
    let error = #expect(throws: PublishError.self) {
      try place.repository.publish(snapshotPath: path, model: name, details: someDetails)
    }
    #expect(error?.reason == .manifestInvalid)
    #expect(throws: PublishError.self) { try place.repository.manifest(name, 1) }
    #expect(throws: PublishError.self) { try place.repository.versions(of: name) }
    #expect(throws: PublishError.self) { try place.store.pull(name, 1, from: place.repository) }
    #expect(place.names(place.folder.path) == ["x.ntsnap"])
  }

  @Test func `a manifest in the wrong place is refused`() throws {
    try place.publish(1)
    try Disk().makeFolders(place.path(inRepository: "5"))
    try place.overwrite(
      place.path(inRepository: "5/manifest.json"), try place.bytes(place.path(inRepository: "1/manifest.json")))
    let error = #expect(throws: PublishError.self) { try place.repository.manifest("home", 5) }
    #expect(error?.reason == .manifestInvalid && error?.detail.contains("home/1") == true)
    let listing = try place.repository.listing(of: "home")
    #expect(Array(listing.versions.keys) == [1] && listing.faults[5]?.reason == .manifestInvalid)
  }

  @Test func `a damaged snapshot or wrong details publish nothing`() throws {
    let path = try place.snapshot(place.sections(1))
    var bytes = try place.bytes(path)
    bytes[5000] ^= 1
    try place.overwrite(path, bytes)
    #expect(
      #expect(throws: PublishError.self) {
        try place.repository.publish(snapshotPath: path, model: "home", details: someDetails)
      }?.reason == .digestMismatch)
    var details = someDetails
    details.dimension = 0
    let good = try place.snapshot(place.sections(1))
    #expect(throws: PublishError.self) {
      try place.repository.publish(snapshotPath: good, model: "home", details: details)
    }
    #expect(try place.repository.models() == [])
  }

  @Test func `progress comes to its end`() throws {
    let path = try place.snapshot(place.sections(1))
    var seen: [TransferProgress] = []
    _ = try place.repository.publish(snapshotPath: path, model: "home", details: someDetails) { seen.append($0) }
    #expect(seen.last == TransferProgress(bytesDone: 79_000, bytesTotal: 79_000))
    #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.bytesDone <= $1.bytesDone })
  }

  // Aliases

  @Test func `an alias moves, and others stay`() throws {
    try place.publish(1)
    try place.publish(2)
    try place.repository.setAlias(Aliases.champion, of: "home", to: 1)
    try place.repository.setAlias(Aliases.challenger, of: "home", to: 2)
    #expect(try place.repository.aliases(of: "home") == Aliases(champion: 1, challenger: 2))
    try place.repository.setAlias(Aliases.champion, of: "home", to: 2)
    try place.repository.setAlias(Aliases.challenger, of: "home", to: nil)
    #expect(try place.repository.aliases(of: "home") == Aliases(champion: 2))
  }

  @Test func `an alias never points to a version that is not there`() throws {
    try place.publish(1)
    try Disk().makeFolders(place.path(inRepository: "2"))
    for version in [0, 2, 3, -1] {
      #expect(throws: PublishError.self) { try place.repository.setAlias("champion", of: "home", to: version) }
    }
    #expect(throws: PublishError.self) { try place.repository.setAlias("../x", of: "home", to: 1) }
    #expect(try place.repository.aliases(of: "home") == .none)
  }

  @Test func `publishers that move different aliases at once lose none`() throws {
    try place.publish(1)
    let repository = place.repository
    DispatchQueue.concurrentPerform(iterations: 16) { index in
      try? repository.setAlias("alias-\(index)", of: "home", to: 1)
    }
    #expect(try repository.aliases(of: "home").versions.count == 16)
  }

  @Test(arguments: [
    "[]", "{\"champion\":\"1\"}", "{\"champion\":-1}", "{\"../x\":1}", "{\"champion\":1.5}", "",
    "{\"champion\":99999999999}",
  ])
  func `aliases that cannot be are refused`(text: String) throws {
    try place.publish(1)
    try place.overwrite(place.path(inRepository: "aliases.json"), Array(text.utf8))
    #expect(#expect(throws: PublishError.self) { try place.repository.aliases(of: "home") }?.reason == .manifestInvalid)
  }
}
