import Bytes
import FoundationEssentials
import Publishing
import Snapshots
import TestSupport
import Testing

@testable import RepositoryServer

@Suite struct UploadTests {
  private func send(_ version: (manifest: PublishedManifest, blobs: [String: [UInt8]]), to served: ServedRepository) {
    let number = version.manifest.identity.version
    for (name, bytes) in version.blobs { #expect(served.put("/models/home/\(number)/\(name)", bytes)?.status == 201) }
  }

  @Test func `a version that is sent is the one that was made`() throws {
    let served = try ServedRepository()
    let version = try served.versionToSend()
    send(version, to: served)
    #expect(served.names("models/home/1").allSatisfy { $0 != "manifest.json" })
    #expect(served.get("/models/home/versions.json")?.text == "{\"versions\":[]}\n")
    #expect(served.put("/models/home/1/manifest.json.minisig", Array("untrusted comment: x\n".utf8))?.status == 201)
    let answer = try #require(served.put("/models/home/1/manifest.json", version.manifest.bytes))
    #expect(answer.status == 201)
    #expect(answer["ETag"] == served.get("/models/home/1/manifest.json")?["ETag"])
    #expect(try served.repository.manifest("home", 1) == version.manifest)
    let store = SnapshotStore(dataDirectory: served.folder.file("data"))
    #expect(try store.pull(version.manifest, from: served.repository).isVerified)
    #expect(served.counts.versionsCommitted == 1)
  }

  @Test func `sent twice is there once`() throws {
    let served = try ServedRepository()
    let version = try served.versionToSend()
    send(version, to: served)
    for (name, bytes) in version.blobs { #expect(served.put("/models/home/1/\(name)", bytes)?.status == 204) }
    #expect(served.put("/models/home/1/manifest.json", version.manifest.bytes)?.status == 201)
    #expect(served.put("/models/home/1/manifest.json", version.manifest.bytes)?.status == 204)
    for (name, bytes) in version.blobs { #expect(served.put("/models/home/1/\(name)", bytes)?.status == 204) }
  }

  @Test func `what is published never changes`() throws {
    let served = try ServedRepository()
    let first = try served.versionToSend(1)
    send(first, to: served)
    #expect(served.put("/models/home/1/manifest.json", first.manifest.bytes)?.status == 201)
    let second = try served.versionToSend(2)
    #expect(served.put("/models/home/1/manifest.json", second.manifest.bytes)?.status == 409)
    for (name, bytes) in first.blobs { #expect(served.put("/models/home/1/\(name)", bytes + [0])?.status == 409) }
    let name = String(repeating: "0", count: 64)
    #expect(served.put("/models/home/1/\(name)", [1])?.status == 409)
    #expect(try served.repository.manifest("home", 1) == first.manifest)
    #expect(!served.names("models/home/1").contains { $0.contains(".tmp-") })
  }

  @Test func `a manifest without its blobs is refused`() throws {
    let served = try ServedRepository()
    let version = try served.versionToSend()
    let answer = try #require(served.put("/models/home/1/manifest.json", version.manifest.bytes))
    #expect(answer.status == 409)
    #expect(answer.text.contains("are not there"))
    #expect(served.get("/models/home/1/manifest.json")?.status == 404)
    // The publisher may go on.
    send(version, to: served)
    #expect(served.put("/models/home/1/manifest.json", version.manifest.bytes)?.status == 201)
  }

  @Test func `a manifest whose blobs are others is refused`() throws {
    let served = try ServedRepository()
    let version = try served.versionToSend()
    for (place, (name, bytes)) in version.blobs.enumerated() {
      let sent = place == 0 ? Array(bytes.dropLast()) + [bytes.last! ^ 1] : bytes
      #expect(served.put("/models/home/1/\(name)", sent)?.status == 201)
    }
    let answer = try #require(served.put("/models/home/1/manifest.json", version.manifest.bytes))
    #expect(answer.status == 422)
    #expect(answer.text.contains("/problems/digest_mismatch"))
    #expect(served.get("/models/home/versions.json")?.text == "{\"versions\":[]}\n")
  }

  @Test func `a manifest of another version, or none at all, is refused`() throws {
    let served = try ServedRepository()
    let version = try served.versionToSend()
    for (path, bytes) in [
      ("/models/home/2/manifest.json", version.manifest.bytes),
      ("/models/other/1/manifest.json", version.manifest.bytes),
      ("/models/home/1/manifest.json", Array("{".utf8)), ("/models/home/1/manifest.json", []),
      ("/models/home/1/manifest.json", Array("{\"schemaVersion\":9}".utf8)),
    ] {
      let answer = try #require(served.put(path, bytes))
      #expect(answer.status == 422, "\(path)")
      #expect(answer["Content-Type"] == "application/problem+json")
    }
  }

  @Test func `a section that did not change is not sent again`() throws {
    let served = try ServedRepository()
    try served.publish(1)
    let second = try served.versionToSend(2, after: 1)
    let same = try #require(second.manifest.manifest.sections.first { $0.tag == "same" })
    #expect(second.manifest.identity.version == 2)
    let from1 = ["Needletail-Copy-From: 1"]
    #expect(served.put("/models/home/2/\(same.digest)", [], from1)?.status == 201)
    #expect(served.put("/models/home/2/\(same.digest)", [], from1)?.status == 204)
    for section in second.manifest.manifest.sections where section.tag != "same" {
      let name = "\(section.digest)"
      let expected = section.tag == "empty" ? 201 : 404
      #expect(served.put("/models/home/2/\(name)", [], from1)?.status == expected, "\(section.tag)")
      if expected == 404 { #expect(served.put("/models/home/2/\(name)", second.blobs[name]!)?.status == 201) }
    }
    #expect(served.put("/models/home/2/manifest.json", second.manifest.bytes)?.status == 201)
    let attributes = try FileManager.default.attributesOfItem(atPath: served.root + "/models/home/2/\(same.digest)")
    #expect(attributes[.referenceCount] as? Int == 2)
    #expect(served.put("/models/home/3/\(same.digest)", [], ["Needletail-Copy-From: ../1"])?.status == 400)
  }

  @Test func `only the token publishes`() throws {
    let served = try ServedRepository()
    let name = String(repeating: "0", count: 64)
    for path in ["/models/home/1/\(name)", "/models/home/1/manifest.json", "/models/home/aliases.json"] {
      for token in [nil, "", "wrong", "open sesamf", "open sesame!"] as [String?] {
        let answer = try #require(served.put(path, [1], token: token))
        #expect(answer.status == 401, "\(path) \(token ?? "none")")
        #expect(answer["WWW-Authenticate"] == "Bearer")
      }
    }
    let closed = try ServedRepository(.nobody)
    #expect(closed.put("/models/home/1/\(name)", [1])?.status == 403)
  }

  @Test func `a page in a browser does not publish where no token is asked for`() throws {
    let served = try ServedRepository(.everybody)
    let path = "/models/home/1/\(String(repeating: "0", count: 64))"
    #expect(served.put(path, [1], ["Origin: https://evil.example"], token: nil)?.status == 401)
    #expect(served.put(path, [1], token: nil)?.status == 201)
  }

  @Test func `aliases move by whoever saw where they were`() throws {
    let served = try ServedRepository()
    try served.publish(1)
    try served.publish(2)
    let path = "/models/home/aliases.json"
    let none = ["If-None-Match: *"]
    #expect(served.put(path, Array("{\"champion\":1}".utf8), none)?.status == 201)
    #expect(served.put(path, Array("{\"champion\":2}".utf8), none)?.status == 412)
    let tag = try #require(served.get(path)?["ETag"])
    #expect(served.put(path, Array("{\"champion\":2}".utf8), ["If-Match: \(tag)"])?.status == 201)
    #expect(served.put(path, Array("{\"champion\":1}".utf8), ["If-Match: \(tag)"])?.status == 412)
    #expect(try served.repository.aliases(of: "home").champion == 2)
    #expect(served.put(path, Array("{\"champion\":3}".utf8))?.status == 409)
    #expect(served.put(path, Array("{\"champion\":\"2\"}".utf8))?.status == 422)
    #expect(served.put("/models/home/versions.json", [])?.status == 405)
  }

  @Test func `a signature may come before the manifest, and anew after it`() throws {
    let served = try ServedRepository()
    let version = try served.versionToSend()
    send(version, to: served)
    let path = "/models/home/1/manifest.json.minisig"
    #expect(served.put(path, [65])?.status == 201)
    #expect(served.put("/models/home/1/manifest.json", version.manifest.bytes)?.status == 201)
    #expect(served.put(path, [65])?.status == 204)
    let tag = try #require(served.get(path)?["ETag"])
    #expect(served.put(path, [66])?.status == 201)
    #expect(served.get(path)?.body == [66])
    #expect(served.put(path, [67], ["If-Match: \(tag)"])?.status == 412)
    #expect(served.put(path, [UInt8](repeating: 65, count: 5000))?.status == 413)
  }

  @Test func `a publisher of ours knows this server by every answer`() throws {
    let served = try ServedRepository()
    let version = try served.publish()
    let blob = "/models/home/1/\(version.manifest.sections[0].digest)"
    for path in ["/models.json", "/nothing", blob, "/models/home/1/manifest.json"] {
      #expect(served.get(path)?["Needletail-Repository"] == "1", "\(path)")
    }
    #expect(served.put(blob, [1], token: nil)?["Needletail-Repository"] == "1")
  }

  @Test func `a version that another publisher writes is left to it`() throws {
    let served = try ServedRepository()
    let version = try served.versionToSend()
    try FileManager.default.createDirectory(atPath: served.root + "/models/home/1", withIntermediateDirectories: true)
    let lock = FolderLock.take(served.root + "/models/home/1", waiting: false)
    let (name, bytes) = version.blobs.first!
    #expect(served.put("/models/home/1/\(name)", bytes)?.status == 409)
    withExtendedLifetime(lock) {}
  }

  @Test func `a local publisher leaves a version alone that is being sent`() throws {
    let served = try ServedRepository()
    let version = try served.versionToSend()
    send(version, to: served)
    // Its sweep takes what nobody works on, and its number is the next free one.
    #expect(try served.publish(5).identity.version == 2)
    #expect(served.put("/models/home/1/manifest.json", version.manifest.bytes)?.status == 201)
    #expect(served.get("/models/home/versions.json")?.text == "{\"versions\":[1,2]}\n")
  }
}
