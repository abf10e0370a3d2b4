import Dispatch
import FoundationEssentials
import Publishing
import Synchronization
import TestSupport
import Testing

@testable import RepositoryServer

/// Our own publisher and puller against our own server: the two halves of a fleet without a shared disk.
@Suite struct RemotePublisherTests {
  private let served: ServedRepository

  init() throws { served = try ServedRepository() }

  private func remote(token: String? = ServedRepository.token) throws -> any WritableRepository {
    var access = RepositoryAccess()
    if let token { access.tokenFile = served.folder.write(token + "\n", to: "token-\(token.count)") }
    return try RepositoryLocation(parsing: "http://127.0.0.1:\(served.port)").open(access)
  }

  @discardableResult
  private func publish(
    _ seed: UInt64, to repository: any WritableRepository, options: PublishOptions = PublishOptions()
  ) throws -> PublishedVersion {
    let path = try served.snapshot([("same", someBytes(70_000, seed: 0)), ("own", someBytes(9000, seed: seed))])
    return try repository.publish(
      snapshotPath: path, model: "home", details: someDetails, options: options, progress: { _ in })
  }

  @Test func `what is published is pulled, and what did not change is linked by the server`() throws {
    let first = try publish(1, to: remote())
    #expect(first.identity.version == 1 && first.sectionsSent == 2 && first.notes == [])
    let second = try publish(2, to: remote())
    #expect(second.identity.version == 2 && second.sectionsSent == 1 && second.sectionsReused == 1)
    #expect(second.notes == [])
    let repository = try remote()
    #expect(try repository.models() == ["home"])
    #expect(try repository.listing(of: "home").versions == served.repository.listing(of: "home").versions)
    let store = SnapshotStore(dataDirectory: served.folder.file("data"))
    #expect(try store.pull("home", 2, from: repository).identity == second.identity)
    try repository.setAlias("champion", of: "home", to: 1)
    #expect(try served.repository.aliases(of: "home").champion == 1)
  }

  @Test func `a signature is there before its manifest, and one that a killed publisher left is replaced`() throws {
    _ = served.put("/models/home/1/manifest.json.minisig", Array("untrusted comment: left\n".utf8))
    var options = PublishOptions()
    options.sign = { published in Array("untrusted comment: \(published.identity)\n".utf8) }
    let published = try publish(1, to: remote(), options: options)
    let signature = try served.repository.signature(of: "home", version: published.identity.version)
    #expect(signature == Array("untrusted comment: \(published.identity)\n".utf8))
  }

  @Test func `without the token nothing is written`() throws {
    for token in [nil, "sesame open"] {
      #expect(#expect(throws: PublishError.self) { try publish(1, to: remote(token: token)) }?.cause == .notAllowed)
    }
    #expect(served.names("models") == [])
  }

  @Test func `publishers at once get versions of their own`() throws {
    let remotes = try (0..<4).map { _ in try remote() }
    let paths = try (0..<4).map { number in
      let path = try served.snapshot([("own", someBytes(9000, seed: UInt64(number)))])
      try FileManager.default.moveItem(atPath: path, toPath: path + "\(number)")
      return path + "\(number)"
    }
    let versions = Mutex<Set<Int>>([])
    let failures = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 4) { index in
      do {
        let version = try remotes[index].publish(
          snapshotPath: paths[index], model: "home", details: someDetails, options: PublishOptions(),
          progress: { _ in }
        ).identity.version
        versions.withLock { _ = $0.insert(version) }
      } catch { failures.withLock { $0.append("\(error)") } }
    }
    #expect(failures.withLock { $0 } == [])
    #expect(versions.withLock { $0.count } == 4)
    for version in versions.withLock({ $0 }) {
      #expect(VerificationReport.verify(try remote(), model: "home", version: version).isValid, "\(version)")
    }
  }
}
