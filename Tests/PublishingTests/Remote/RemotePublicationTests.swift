import Bytes
import Dispatch
import FoundationEssentials
import Snapshots
import Synchronization
import TestSupport
import Testing

@testable import Publishing

/// Publishing to a server that knows neither locks nor renames.
@Suite struct RemotePublicationTests {
  private let place = Workplace()

  @Test func `the manifest comes last, its signature right before it`() throws {
    let puts = Noted<[String]>([])
    let server = place.served { request, honestly in
      if request.method == "PUT" { puts.change { $0.append(String(request.path.split(separator: "/").last!)) } }
      return honestly()
    }
    var options = PublishOptions()
    options.sign = { published in Array("signed \(published.identity)".utf8) }
    let published = try place.publish(1, to: remote(server.url), options: options)
    #expect(puts.value.prefix(3).allSatisfy { $0.count == 64 })
    #expect(puts.value.dropFirst(3) == ["manifest.json.minisig", "manifest.json", "versions.json", "models.json"])
    let signature = try remote(server.url).signature(of: "home", version: 1)
    #expect(signature == Array("signed \(published.identity)".utf8))
    #expect(try place.repository.signature(of: "home", version: 1) == signature)
  }

  @Test func `the very same snapshot is not published twice`() throws {
    let server = place.served()
    var options = PublishOptions()
    options.reusesSameContent = true
    for repository in [try remote(server.url), place.repository] as [any WritableRepository] {
      let first = try place.publish(1, to: repository, options: options)
      let again = try place.publish(1, to: repository, options: options)
      #expect(!again.isNew && again.identity == first.identity && again.sentBytes == 0)
    }
    #expect(try place.publish(2, to: place.repository, options: options).identity.version == 2)
    // What an earlier version held is news again.
    #expect(try place.publish(1, to: place.repository, options: options).identity.version == 3)
  }

  @Test func `what an interrupted publish sent is not sent again`() throws {
    let server = place.served { request, honestly in
      request.method == "PUT" && request.path.hasSuffix("manifest.json") ? WebPeer.Reply(403, "not yet") : honestly()
    }
    let error = #expect(throws: PublishError.self) { try place.publish(1, to: remote(server.url)) }
    #expect(error?.cause == .notAllowed)
    #expect(try remote(server.url).listing(of: "home").versions.isEmpty)
    let willing = place.served()
    let again = try place.publish(1, to: remote(willing.url))
    #expect(again.identity.version == 1 && again.sectionsSent == 0 && again.sectionsReused == 3)
    #expect(VerificationReport.verify(place.repository, model: "home", version: 1).isValid)
  }

  @Test func `a server that stumbles is tried again`() throws {
    let count = Noted(0)
    let server = place.served { request, honestly in
      guard request.method == "PUT",
        count.change({
          $0 += 1; return $0
        }) % 3 == 1
      else { return honestly() }
      return WebPeer.Reply(503, Array("full".utf8), ["Retry-After: 0"])
    }
    #expect(try place.publish(1, to: remote(server.url)).identity.version == 1)
    #expect(VerificationReport.verify(place.repository, model: "home", version: 1).isValid)
  }

  @Test func `publishers at once get versions of their own`() throws {
    let server = place.served()
    let paths = try (0..<4).map { try place.snapshot(place.sections(UInt64($0)), named: "\($0).ntsnap") }
    let versions = Mutex<[Int]>([])
    let url = server.url
    DispatchQueue.concurrentPerform(iterations: 4) { index in
      let version = try? remote(url).publish(
        snapshotPath: paths[index], model: "home", details: someDetails
      ).identity.version
      versions.withLock { $0.append(version ?? -1) }
    }
    #expect(versions.withLock { Set($0).count } == 4 && !versions.withLock { $0.contains(-1) })
    for version in versions.withLock({ $0 }) {
      #expect(VerificationReport.verify(place.repository, model: "home", version: version).isValid, "\(version)")
    }
    #expect(try remote(server.url).listing(of: "home").versions.count == 4)
  }

  @Test func `an answer to the manifest that is lost makes no second version`() throws {
    let isLost = Noted(false)
    let server = place.served { request, honestly in
      let reply = honestly()
      guard request.method == "PUT", request.path.hasSuffix("manifest.json"), !isLost.value else { return reply }
      isLost.change { $0 = true }
      return WebPeer.Reply(502, "gateway")
    }
    #expect(try place.publish(1, to: remote(server.url)).identity.version == 1)
    #expect(try place.repository.versions(of: "home") == [1])
  }

  @Test func `a blob of another compressor under the same number is left alone`() throws {
    try place.publish(1)
    // Of the right name and length, and not what this publisher's manifest would say.
    try Disk().makeFolders(place.path(inRepository: "2"))
    var frame = try place.bytes(place.path(inRepository: "1/\(place.blobName(1))"))
    let server = place.served()
    frame[frame.count - 1] ^= 1
    try place.overwrite(place.path(inRepository: "2/\(place.blobName(1))"), frame)
    let published = try place.publish(1, to: remote(server.url))
    #expect(published.identity.version == 3)
    #expect(VerificationReport.verify(place.repository, model: "home", version: 3).isValid)
    #expect(try place.bytes(place.path(inRepository: "2/\(place.blobName(1))")) == frame)
    #expect(try remote(server.url).listing(of: "home").versions.keys.sorted() == [1, 3])
  }

  @Test func `aliases that many move at once lose none`() throws {
    let server = place.served()
    try place.publish(1, to: remote(server.url))
    let url = server.url
    DispatchQueue.concurrentPerform(iterations: 6) { index in
      try? remote(url).setAlias("alias-\(index)", of: "home", to: 1)
    }
    #expect(try place.repository.aliases(of: "home").versions.count == 6)
    #expect(throws: PublishError.self) { try remote(server.url).setAlias("x", of: "home", to: 7) }
    #expect(throws: PublishError.self) { try remote(server.url).setAlias("../x", of: "home", to: 1) }
  }

  @Test func `a signed alias is not replaced by an unsigned one`() throws {
    let server = place.served()
    try place.publish(1, to: remote(server.url))
    for repository in [try remote(server.url), place.repository] as [any Repository] {
      try repository.setAlias("champion", of: "home", to: 1) { aliases, before in
        Array("\(before?.count ?? 0) before \(aliases.count)".utf8)
      }
      #expect(try repository.aliasesFile(of: "home")?.signature != nil)
      #expect(
        #expect(throws: PublishError.self) { try repository.setAlias("other", of: "home", to: 1) }?.reason
          == .signatureMissing)
      try repository.setAlias("champion", of: "home", to: nil) { _, _ in [1] }
    }
  }

  @Test func `an alias that points there already is signed when there is a key`() throws {
    let server = place.served()
    for repository in [try remote(server.url), place.repository] as [any WritableRepository] {
      let version = try place.publish(1, to: repository).identity.version
      try repository.setAlias("champion", of: "home", to: version)
      #expect(try repository.aliasesFile(of: "home")?.signature == nil)
      let key = MinisignVectors.key
      try repository.setAlias("champion", of: "home", to: version, sign: key.signAliases(of: "home"))
      let aliases = try #require(try repository.aliasesFile(of: "home"))
      _ = try MinisignVectors.keyring.verify(aliases: aliases, model: "home")
      try FileManager.default.removeItem(atPath: place.path(inRepository: "aliases.json"))
      try FileManager.default.removeItem(atPath: place.path(inRepository: "aliases.json.minisig"))
    }
  }

  @Test func `a plan says what would be sent and sends nothing`() throws {
    try place.publish(1)
    let count = Noted(0)
    let server = place.served { request, honestly in
      if request.method == "PUT" { count.change { $0 += 1 } }
      return honestly()
    }
    let path = try place.snapshot(place.sections(2))
    let plan = try PublishPlan(snapshotPath: path, model: "home", in: remote(server.url))
    // A plain server has no way to take a section from the version before.
    #expect(plan.nextVersion == 2 && plan.sections.map(\.isThere) == [false, false, false] && !plan.isSame)
    let same = try PublishPlan(
      snapshotPath: place.snapshot(place.sections(1)), model: "home", in: remote(server.url))
    #expect(same.isSame && same.sections.allSatisfy(\.isThere))
    let folder = try PublishPlan(snapshotPath: place.snapshot(place.sections(2)), model: "home", in: place.repository)
    #expect(folder.sections.map(\.isThere) == [true, false, true])
    #expect(count.value == 0)
  }
}
