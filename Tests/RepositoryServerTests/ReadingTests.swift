import Bytes
import FoundationEssentials
import Publishing
import Snapshots
import TestSupport
import Testing

@testable import RepositoryServer

@Suite struct ReadingTests {
  @Test func `a version is served as it lies in the folder`() throws {
    let served = try ServedRepository()
    let version = try served.publish()
    let manifest = try #require(served.get("/models/home/1/manifest.json"))
    #expect(manifest.status == 200)
    #expect(manifest.body == version.bytes)
    #expect(manifest["Cache-Control"] == "public, max-age=31536000, immutable")
    for section in version.manifest.sections {
      let answer = try #require(served.get("/models/home/1/\(section.digest)"))
      #expect(answer.status == 200)
      #expect(digest(answer.body) == section.wireDigest, "\(section.tag)")
    }
  }

  @Test func `clients without a listing find models and versions`() throws {
    let served = try ServedRepository()
    #expect(served.get("/models.json")?.text == "{\"models\":[]}\n")
    #expect(served.get("/models/home/versions.json")?.status == 404)
    for seed in 1...3 { try served.publish(UInt64(seed)) }
    try FileManager.default.createDirectory(atPath: served.root + "/models/home/4", withIntermediateDirectories: true)
    #expect(served.get("/models.json")?.text == "{\"models\":[\"home\"]}\n")
    #expect(served.get("/models/home/versions.json")?.text == "{\"versions\":[1,2,3]}\n")
    #expect(served.get("/models/home/aliases.json")?.status == 404)
    try served.repository.setAlias("champion", of: "home", to: 2)
    let aliases = try #require(served.get("/models/home/aliases.json"))
    #expect(aliases.text == "{\"champion\":2}\n")
    #expect(aliases["Cache-Control"] == "no-cache")
  }

  @Test func `an unchanged file is not sent again`() throws {
    let served = try ServedRepository()
    let version = try served.publish()
    try served.repository.setAlias("champion", of: "home", to: 1)
    let blob = "/models/home/1/\(version.manifest.sections[0].digest)"
    for path in ["/models.json", "/models/home/versions.json", "/models/home/aliases.json", blob] {
      let tag = try #require(served.get(path)?["ETag"])
      #expect(tag.hasPrefix("\""), "\(path) has a strong tag")
      let answer = try #require(served.get(path, "If-None-Match: \(tag)"))
      #expect(answer.status == 304, "\(path)")
      #expect(answer["ETag"] == tag)
      #expect(served.get(path, "If-Match: \"other\"")?.status == 412, "\(path)")
    }
    let tag = try #require(served.get("/models/home/aliases.json")?["ETag"])
    try served.publish(2)
    try served.repository.setAlias("champion", of: "home", to: 2)
    #expect(served.get("/models/home/aliases.json", "If-None-Match: \(tag)")?.status == 200)
  }

  @Test func `a pull goes on where it broke off`() throws {
    let served = try ServedRepository()
    let version = try served.publish()
    let path = "/models/home/1/\(version.manifest.sections[0].digest)"
    let whole = try #require(served.get(path))
    let tag = try #require(whole["ETag"])
    let rest = try #require(served.get(path, "Range: bytes=1000-", "If-Range: \(tag)"))
    #expect(rest.status == 206)
    #expect(rest["Content-Range"] == "bytes 1000-\(whole.body.count - 1)/\(whole.body.count)")
    #expect(rest.body == Array(whole.body[1000...]))
    let other = try #require(served.get(path, "Range: bytes=1000-", "If-Range: \"other\""))
    #expect(other.status == 200)
    #expect(other.body == whole.body)
    let beyond = try #require(served.get(path, "Range: bytes=\(whole.body.count)-"))
    #expect(beyond.status == 416)
    #expect(beyond["Content-Range"] == "bytes */\(whole.body.count)")
    #expect(beyond["Content-Type"] == "application/problem+json")
  }

  @Test func `HEAD tells the length and sends nothing`() throws {
    let served = try ServedRepository()
    let version = try served.publish()
    let section = version.manifest.sections[0]
    let client = served.client()
    let head = try #require(client.ask("HEAD", "/models/home/1/\(section.digest)", ["Range: bytes=0-1"]))
    #expect(head.status == 200)
    #expect(head["Content-Length"] == "\(section.wireSize)")
    // The connection is in step: the next answer is the next request's.
    #expect(client.get("/models.json")?.text == "{\"models\":[\"home\"]}\n")
  }

  @Test func `nothing but the repository's files is served`() throws {
    let served = try ServedRepository()
    try served.publish()
    served.folder.write("secret", to: "repository/identity.key")
    served.folder.write("secret", to: "repository/models/home/identity.key")
    served.folder.write("secret", to: "outside")
    let digest = String(repeating: "0", count: 64)
    try FileManager.default.createSymbolicLink(
      atPath: served.root + "/models/home/1/\(digest)", withDestinationPath: served.folder.file("outside"))
    try FileManager.default.createSymbolicLink(
      atPath: served.root + "/models/home/7", withDestinationPath: served.root + "/models/home/1")
    try FileManager.default.createDirectory(
      atPath: served.root + "/models/home/1/\(digest.replacing("0", with: "1"))", withIntermediateDirectories: true)
    for path in [
      "/identity.key", "/models/home/identity.key", "/models/../identity.key", "/models/%2e%2e/identity.key",
      "/models/home/1/\(digest)", "/models/home/7/manifest.json", "/models/home/1/\(digest.replacing("0", with: "1"))",
      "/models/home/1/manifest.json?x=1", "//models.json", "/models/home", "/",
    ] {
      #expect(served.get(path)?.status == 404, "\(path)")
    }
  }

  @Test func `other methods are told what there is`() throws {
    let served = try ServedRepository()
    for method in ["POST", "DELETE", "PATCH", "OPTIONS"] {
      let answer = try #require(served.client().ask(method, "/models.json"))
      #expect(answer.status == 405, "\(method)")
      #expect(answer["Allow"] == "GET, HEAD, PUT")
    }
    #expect(served.client().ask("POST", "/echo", [], "abc")?.text == "POST false 3")
    #expect(
      served.client().ask("POST", "/echo", ["Authorization: Bearer \(ServedRepository.token)"])?.text == "POST true 0")
  }

  @Test func `a large file is sent by pieces while others are answered`() throws {
    let served = try ServedRepository()
    let version = try served.publish(bytes: 12_000_000)
    let section = try #require(version.manifest.sections.first { $0.tag == "own" })
    guard let slow = BlockingSocket(port: served.port, receiveBufferBytes: 4096) else {
      Issue.record("nobody listens")
      return
    }
    slow.send("GET /models/home/1/\(section.digest) HTTP/1.1\r\nHost: x\r\n\r\n")
    var text: [UInt8] = []
    // While one client has read a little and waits, others are served.
    text += slow.receiveBytes() ?? []
    for _ in 0..<5 { #expect(served.get("/models.json")?.status == 200) }
    #expect(served.counts.sentBytes < UInt64(section.wireSize), "not all of it waits in memory")
    while text.count < section.wireSize {
      guard let more = slow.receiveBytes(), !more.isEmpty else { break }
      text += more
    }
    let bodyStart = try #require(text.indices.first { text[$0...].starts(with: Array("\r\n\r\n".utf8)) }) + 4
    while text.count - bodyStart < section.wireSize, let more = slow.receiveBytes(), !more.isEmpty { text += more }
    #expect(digest(Array(text[bodyStart...])) == section.wireDigest)
  }

  @Test func `requests in a pipeline are answered in their order`() throws {
    let served = try ServedRepository()
    let version = try served.publish(bytes: 1_000_000)
    let client = served.client()
    let paths = version.manifest.sections.map { "/models/home/1/\($0.digest)" } + ["/nothing", "/models.json"]
    for path in paths { client.send(HTTPClient.request("GET", path)) }
    for section in version.manifest.sections {
      let body = try #require(client.receive()?.body)
      #expect(digest(body) == section.wireDigest)
    }
    #expect(client.receive()?.status == 404)
    #expect(client.receive()?.text == "{\"models\":[\"home\"]}\n")
  }
}
