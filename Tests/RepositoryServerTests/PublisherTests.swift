import FoundationEssentials
import Publishing
import Snapshots
import TestSupport
import Testing

@testable import RepositoryServer

/// Our own publisher and our own reader, over the wire.
@Suite struct PublisherTests {
  private func remote(_ served: ServedRepository) throws -> any WritableRepository {
    var access = RepositoryAccess()
    access.tokenFile = served.folder.write(ServedRepository.token.replacing(" ", with: "-"), to: "token")
    return try RepositoryLocation(parsing: "http://127.0.0.1:\(served.port)").open(access)
  }

  private func served() throws -> ServedRepository {
    try ServedRepository(.token(ServedRepository.token.replacing(" ", with: "-")))
  }

  private func publish(_ seed: UInt64, _ served: ServedRepository, _ remote: any WritableRepository) throws
    -> PublishedVersion
  {
    let path = try served.snapshot([("same", someBytes(70_000, seed: 0)), ("own", someBytes(9000, seed: seed))])
    return try remote.publish(
      snapshotPath: path, model: "home", details: someDetails, options: PublishOptions(), progress: { _ in })
  }

  @Test func `what our publisher sends, our reader pulls; what did not change is linked`() throws {
    let served = try served()
    let remote = try remote(served)
    #expect(try publish(1, served, remote).identity.version == 1)
    let second = try publish(2, served, remote)
    #expect(second.identity.version == 2)
    #expect(second.sectionsReused == 1 && second.sectionsSent == 1)
    #expect(served.counts.blobsLinked == 1)
    #expect(second.notes == [], "the server makes its lists itself")
    try remote.setAlias("champion", of: "home", to: 1)
    let listing = try remote.listing(of: "home")
    #expect(listing.versions.keys.sorted() == [1, 2])
    #expect(listing.aliases.champion == 1)
    let store = SnapshotStore(dataDirectory: served.folder.file("data"))
    #expect(try store.pull("home", 2, from: remote).isVerified)
  }

  @Test func `two publishers that meet get a number each`() throws {
    let served = try served()
    try served.publish(7)
    let version = try publish(1, served, remote(served))
    #expect(version.identity.version == 2)
    #expect(try served.publish(8).identity.version == 3)
  }

  @Test func `a publisher without the right token is told`() throws {
    let served = try served()
    var access = RepositoryAccess()
    access.tokenFile = served.folder.write("wrong-token-of-some-length", to: "wrong")
    let remote = try RepositoryLocation(parsing: "http://127.0.0.1:\(served.port)").open(access)
    let error = #expect(throws: PublishError.self) { try publish(1, served, remote) }
    #expect(
      error?.detail.contains("401") == true || error?.detail.contains("token") == true, "\(String(describing: error))")
    #expect(served.names("models") == [])
  }
}
