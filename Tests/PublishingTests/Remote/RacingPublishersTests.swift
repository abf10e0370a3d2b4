import Bytes
import FoundationEssentials
import Snapshots
import TestSupport
import Testing

@testable import Publishing

/// Publishers that want the same number, at the moments where they can harm each other.
@Suite struct RacingPublishersTests {
  private let place = Workplace()
  private let options = PublishOptions(signedBy: MinisignVectors.key)

  private func rival() throws -> Rival {
    Rival(root: place.repository.path, snapshotPath: try place.snapshot(place.sections(2), named: "rival.ntsnap"))
  }

  private func expectSigned(_ version: Int) throws {
    let bytes = try place.repository.manifest("home", version).bytes
    let signature = try place.repository.signature(of: "home", version: version)
    #expect(MinisignVectors.keyring.refusal(of: bytes, signature, version: version) == nil, "\(version)")
    #expect(VerificationReport.verify(place.repository, model: "home", version: version).isValid, "\(version)")
  }

  @Test func `a publisher that loses after it signed puts the winner's signature back`() throws {
    let isOver = Noted(false)
    let (rival, options) = (try rival(), options)
    let server = place.served { request, honestly in
      // It has found no manifest: now the other commits, and the late one's signature comes on top.
      if request.method == "GET", request.path.hasSuffix("/1/manifest.json.minisig"), !isOver.value {
        isOver.change { $0 = true }
        rival.publish(options)
      }
      return honestly()
    }
    let late = try place.publish(1, to: remote(server.url), options: options)
    #expect(isOver.value && late.identity.version == 2)
    try expectSigned(1)
    try expectSigned(2)
  }

  @Test func `a publisher whose manifest is refused puts the winner's signature back, too`() throws {
    let isOver = Noted(false)
    let (rival, options) = (try rival(), options)
    let server = place.served { request, honestly in
      if request.method == "PUT", request.path.hasSuffix("/1/manifest.json") { return WebPeer.Reply(403, "no") }
      if request.method == "GET", request.path.hasSuffix("/1/manifest.json.minisig"), !isOver.value {
        isOver.change { $0 = true }
        rival.publish(options)
      }
      return honestly()
    }
    #expect(throws: PublishError.self) { try place.publish(1, to: remote(server.url), options: options) }
    try expectSigned(1)
  }

  @Test func `a number that was committed while blobs were sent is not signed`() throws {
    let isOver = Noted(false)
    let puts = Noted<[String]>([])
    let (rival, options) = (try rival(), options)
    let server = place.served { request, honestly in
      if request.method == "PUT" { puts.change { $0.append(request.path) } }
      if request.method == "PUT", !isOver.value {
        isOver.change { $0 = true }
        rival.publish(options)
      }
      return honestly()
    }
    #expect(try place.publish(1, to: remote(server.url), options: options).identity.version == 2)
    #expect(!puts.value.contains { $0.hasSuffix("/1/manifest.json.minisig") })
    try expectSigned(1)
    try expectSigned(2)
  }

  @Test func `where conditions are passed over, a publisher looks whose manifest stayed`() throws {
    let other = try place.repository.publish(
      snapshotPath: place.snapshot(place.sections(9)), model: "home", details: someDetails)
    let manifest = try place.bytes(place.path(inRepository: "\(other.identity.version)/manifest.json"))
    try FileManager.default.removeItem(atPath: place.path(inRepository: "1/manifest.json"))
    let path = place.repository.path
    let isOver = Noted(false)
    let server = place.served { request, _ in
      let fields = request.fields.filter { $0.name.lowercased() != "if-none-match" }
      let asked = WebPeer.Request(method: request.method, target: request.target, fields: fields, body: request.body)
      let reply = WebFolder.answer(asked, in: path)
      if request.method == "PUT", request.path.hasSuffix("/1/manifest.json"), !isOver.value {
        isOver.change { $0 = true }
        try? Data(manifest).write(to: URL(filePath: path + request.path))
      }
      return reply
    }
    #expect(try place.publish(1, to: remote(server.url)).identity.version == 2)
    #expect(isOver.value)
    for version in [1, 2] {
      #expect(VerificationReport.verify(place.repository, model: "home", version: version).isValid, "\(version)")
    }
  }
}

/// Another publisher, over a connection of its own: the server of a test is busy while it answers.
private struct Rival: Sendable {
  let root: String
  let snapshotPath: String

  func publish(_ options: PublishOptions) {
    let aside = WebFolder(root)
    #expect(throws: Never.self) {
      try remote(aside.url).publish(
        snapshotPath: snapshotPath, model: "home", details: someDetails, options: options)
    }
  }
}
