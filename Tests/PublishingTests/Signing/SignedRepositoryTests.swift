import Bytes
import FoundationEssentials
import Snapshots
import TestSupport
import Testing

@testable import Publishing

/// Signed versions from publishing to a restart.
@Suite struct SignedRepositoryTests {
  private let place = Workplace()
  private let key = MinisignVectors.key
  private let keyring = MinisignVectors.keyring

  private func publishSigned(_ seed: UInt64 = 1, by key: SigningKey? = MinisignVectors.key) throws -> PublishedVersion {
    try place.repository.publish(
      snapshotPath: place.snapshot(place.sections(seed)), model: "home", details: someDetails, options: PublishOptions(signedBy: key))
  }

  private func pull(_ version: Int) throws -> LocalSnapshot {
    let manifest = try place.repository.manifest("home", version)
    let signature = try place.repository.signature(of: "home", version: version)
    _ = try keyring.verify(manifest: manifest.bytes, signature: signature, model: "home", version: version)
    return try place.store.pull(manifest, signature: signature, from: place.repository)
  }

  @Test func `a signed version says who signed it, and for what`() throws {
    let published = try publishSigned()
    let bytes = try place.repository.manifest("home", 1).bytes
    let signature = try place.repository.signature(of: "home", version: 1)
    let found = try keyring.verify(manifest: bytes, signature: signature, model: "home", version: 1)
    #expect(found.keyID == key.id && found.comment["model"] == "home" && found.comment.version == 1)
    #expect(published.identity.version == 1)
  }

  @Test func `a version without a signature, or with another's, is refused before a blob is read`() throws {
    _ = try publishSigned(by: nil)
    _ = try publishSigned(2, by: MinisignVectors.foreignKey)
    #expect(reason { try pull(1) } == .signatureMissing)
    #expect(reason { try pull(2) } == .signatureInvalid)
    // One version's signature beside another's manifest.
    _ = try publishSigned(3)
    _ = try publishSigned(4)
    let third = try place.bytes(place.path(inRepository: "3/manifest.json.minisig"))
    try place.overwrite(place.path(inRepository: "4/manifest.json.minisig"), third)
    #expect(reason { try pull(4) } == .signatureInvalid)
    // An old version under a new number: the manifest itself says which it is.
    linkTree(place.path(inRepository: "3"), place.path(inRepository: "5"))
    #expect(reason { try pull(5) } == .manifestInvalid)
    #expect(place.names(place.folder.file("data/models/home")) == [])
  }

  @Test func `a signature file that is far too long is no signature`() throws {
    _ = try publishSigned()
    try place.overwrite(place.path(inRepository: "1/manifest.json.minisig"), someBytes(1 << 20, seed: 1))
    #expect(reason { try pull(1) } == .manifestInvalid)
  }

  @Test func `the signature stays beside the snapshot, is asked for at a restart, and goes with it`() throws {
    _ = try publishSigned()
    let local = try pull(1)
    #expect(try place.store.endorsement(of: local.identity, by: keyring).keyID == key.id)
    let other = Keyring([MinisignVectors.foreignKey.publicKey])
    #expect(reason { try place.store.endorsement(of: local.identity, by: other) } == .signatureInvalid)
    #expect(place.store.lastGood(of: "home", accepts: { _ in false }) == nil)
    #expect(place.store.lastGood(of: "home") == local)

    let path = local.path.replacing(".ntsnap", with: ".json.minisig")
    let signature = try place.bytes(path)
    try FileManager.default.removeItem(atPath: path)
    #expect(reason { try place.store.endorsement(of: local.identity, by: keyring) } == .signatureMissing)
    // The bytes need not travel again for it.
    let manifest = try place.repository.manifest("home", 1)
    #expect(try place.store.pull(manifest, signature: signature, from: FolderRepository(path: "/nowhere")) == local)
    #expect(try place.store.endorsement(of: local.identity, by: keyring).keyID == key.id)

    try place.store.remove(local.identity)
    #expect(place.names(place.folder.file("data/models/home")) == [])
  }

  @Test func `a signature that a killed pull left is swept away`() throws {
    try Disk().makeFolders(place.folder.file("data/models/home"))
    try place.overwrite(place.path(inData: "1-12345678.json.minisig"), [1])
    place.store.sweep()
    #expect(place.names(place.folder.file("data/models/home")) == [])
  }

  @Test func `no disk that stops while a signed version is published lets it be seen without its signature`() throws {
    for failing in 0..<200 {
      let place = Workplace()
      let disk = watchedDisk { (step, kind, path) throws(DiskError) in
        if step >= failing { throw DiskError(step: kind, path: path, code: 28) }
      }
      let repository = FolderRepository(path: place.folder.file("repository"), disk: disk)
      let path = try place.snapshot(place.sections(1))
      let outcome = Result {
        try repository.publish(snapshotPath: path, model: "home", details: someDetails, options: PublishOptions(signedBy: key))
      }
      for version in try place.repository.versions(of: "home") {
        let bytes = try place.repository.manifest("home", version).bytes
        let signature = try place.repository.signature(of: "home", version: version)
        #expect(keyring.refusal(of: bytes, signature, version: version) == nil, "step \(failing)")
      }
      if case .success = outcome { return }
    }
    Issue.record("a publish takes more than 200 steps")
  }

  @Test func `aliases of signed versions are signed, and need the key`() throws {
    _ = try publishSigned()
    #expect(reason { try place.repository.setAlias("champion", of: "home", to: 1) } == .signatureMissing)
    #expect(!exists(place.path(inRepository: "aliases.json")))
    try place.repository.setAlias("champion", of: "home", to: 1, sign: key.signAliases(of: "home"))
    let listing = try place.repository.listing(of: "home")
    try place.store.believe(listing, of: "home", under: keyring)
    #expect(listing.aliases.champion == 1)
    #expect(reason { try place.repository.setAlias("champion", of: "home", to: nil) } == .signatureMissing)
  }

  @Test func `aliases of before, of others and of nobody are not followed`() throws {
    _ = try publishSigned()
    _ = try publishSigned(2)
    try place.repository.setAlias("champion", of: "home", to: 1, sign: key.signAliases(of: "home"))
    let old = try place.repository.listing(of: "home")
    try place.store.believe(old, of: "home", under: keyring)
    try place.repository.setAlias("champion", of: "home", to: 2, sign: key.signAliases(of: "home"))
    try place.store.believe(place.repository.listing(of: "home"), of: "home", under: keyring)

    #expect(reason { try place.store.believe(old, of: "home", under: keyring) } == .rollbackRefused)
    try FileManager.default.removeItem(atPath: place.path(inRepository: "aliases.json"))
    #expect(
      reason { try place.store.believe(place.repository.listing(of: "home"), of: "home", under: keyring) }
        == .rollbackRefused)
    try place.overwrite(place.path(inRepository: "aliases.json"), Aliases(champion: 1).encoded())
    #expect(
      reason { try place.store.believe(place.repository.listing(of: "home"), of: "home", under: keyring) }
        == .signatureInvalid)
    try FileManager.default.removeItem(atPath: place.path(inRepository: "aliases.json.minisig"))
    #expect(
      reason { try place.store.believe(place.repository.listing(of: "home"), of: "home", under: keyring) }
        == .signatureMissing)
    try place.store.believe(place.repository.listing(of: "home"), of: "home", under: .empty)
  }
}
