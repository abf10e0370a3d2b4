import Bytes
import FoundationEssentials
import Snapshots
import TestSupport
import Testing

@testable import Publishing

/// Servers that are slow, broken or mean harm. Each is refused with its code, and nothing of it stays on the disk.
@Suite struct HostileRepositoryTests {
  private let place = Workplace()

  init() throws { try place.publish(1) }

  @Test func `a server that stalls is let go, and the transfer taken up`() throws {
    let blob = place.blobName(1)
    let tries = Noted(0)
    let server = place.served { request, honestly in
      var reply = honestly()
      if request.path.hasSuffix(blob),
        tries.change({
          $0 += 1; return $0
        }) == 1
      {
        (reply.pieceBytes, reply.pauseMilliseconds) = (50, 2500)
      }
      return reply
    }
    let start = ContinuousClock.now
    let local = try place.hastyStore.pull("home", 1, from: remote(server.url))
    #expect(local.isVerified && tries.value == 2)
    #expect(ContinuousClock.now - start > .seconds(1))
  }

  @Test func `a server that never answers is let go`() throws {
    let silent = ScriptedPeer { socket, _ in
      _ = socket.waitForClose(milliseconds: 3000); _ = socket.receive(); _ = socket.waitForClose(milliseconds: 3000)
    }
    let error = #expect(throws: PublishError.self) { try remote("http://127.0.0.1:\(silent.port)").listing(of: "home") }
    #expect(error?.reason == .fetchFailed && error?.cause == .interrupted)
  }

  @Test func `a server that is not there is told of as such`() throws {
    let error = #expect(throws: PublishError.self) {
      try remote("http://127.0.0.1:\(freePort())").listing(of: "home")
    }
    #expect(error?.cause == .unreachable)
  }

  @Test func `wrong bytes are refused`() throws {
    try expectRefused(.digestMismatch, "") { $0.body[$0.body.count / 2] ^= 0x40 }
    try expectRefused(.digestMismatch, "") { $0.body = Array(repeating: 0, count: $0.body.count) }
  }

  @Test func `a body that is shorter than it should be is refused`() throws {
    try expectRefused(.digestMismatch, "fewer than") { $0.body.removeLast(10) }
  }

  @Test func `a huge Content-Length is refused before a byte is taken`() throws {
    try expectRefused(.digestMismatch, "announces") { $0.claimedLength = 1 << 40 }
  }

  @Test func `an endless body is cut off`() throws {
    try expectRefused(.digestMismatch, "goes on") { ($0.claimedLength, $0.isEndless) = (-1, true) }
  }

  @Test func `a body that ends early without a length is taken up, and given up in the end`() throws {
    try expectRefused(.fetchFailed, "ends after", .interrupted) {
      ($0.claimedLength, $0.body) = (-1, Array($0.body.prefix(100)))
    }
  }

  @Test func `a server that hands out a byte a connection is given up`() throws {
    let requests = Noted(0)
    try expectRefused(.fetchFailed, "", .interrupted) {
      requests.change { $0 += 1 }
      $0.cutAfter = 1
    }
    #expect((10...Resumption.attemptsMax).contains(requests.value), "\(requests.value)")
  }

  @Test(arguments: [500, 502, 503, 404, 403, 418]) func `an answer that is none fails the pull`(status: Int) throws {
    try expectRefused(.fetchFailed, "\(status == 404 ? "is not there" : "\(status)")") {
      $0 = WebPeer.Reply(status, "no")
    }
  }

  @Test func `a range that was not asked for is refused`() throws {
    let tries = Noted(0)
    try expectRefused(.fetchFailed, "asked for bytes") {
      if tries.change({
        $0 += 1; return $0
      }) == 1 {
        $0.cutAfter = 500
      } else {
        $0 = WebPeer.Reply(206, $0.body, ["Content-Range: bytes 0-99/100"])
      }
    }
  }

  @Test func `a redirect elsewhere is not followed`() throws {
    let visits = Noted(0)
    let elsewhere = place.served { _, honestly in
      visits.change { $0 += 1 }
      return honestly()
    }
    for target in ["\(elsewhere.url)/x", "https://127.0.0.1:1/x", "file:///etc/passwd", "//127.0.0.2/x"] {
      try expectRefused(.fetchFailed, "not followed") { $0 = WebPeer.Reply(302, [], ["Location: \(target)"]) }
    }
    #expect(visits.value == 0)
  }

  @Test func `a redirect within the server is followed, in circles it is not`() throws {
    let server = place.served { request, honestly in
      request.target.hasPrefix("/old/")
        ? WebPeer.Reply(301, [], ["Location: \(request.target.dropFirst(4))"]) : honestly()
    }
    #expect(try remote(server.url + "/old").manifest("home", 1).identity.version == 1)
    try expectRefused(.fetchFailed, "redirects more than") { $0 = WebPeer.Reply(302, [], ["Location: /models/x"]) }
  }

  @Test func `a bomb is cut off at the size of its manifest`() throws {
    let zeros = [UInt8](repeating: 0, count: 64 << 20)
    var bomb: [UInt8] = []
    try compressFrame(zeros.span.bytes) { piece in piece.withUnsafeBytes { bomb.append(contentsOf: $0) } }
    let good = try place.repository.manifest("home", 1).manifest
    let sections = good.sections.map { section in
      guard section.tag == "own" else { return section }
      return Manifest.Section(
        tag: section.tag, digest: section.digest, size: bomb.count, wireDigest: SHA256.digest(bomb.span.bytes),
        wireSize: bomb.count)
    }
    let forged = Manifest(model: "home", version: 1, details: good.details, sections: sections)
    try place.overwrite(place.path(inRepository: "1/manifest.json"), try forged.encoded())
    try place.overwrite(place.path(inRepository: "1/\(place.blobName(1))"), bomb)
    try expectRefused(.digestMismatch, "decompresses to more") { _ in }
  }

  @Test func `content that a server calls compressed is not unpacked by the transfer`() throws {
    // 10 MiB of zeros behind gzip would pass a length that is looked at on the wire.
    try expectRefused(.digestMismatch, "") {
      $0.fields.append("Content-Encoding: gzip")
      $0.body[5] ^= 1
    }
  }

  @Test func `a manifest that is endless, huge or nonsense is a fault, and other versions are listed`() throws {
    try place.publish(2)
    let cases: [@Sendable (inout WebPeer.Reply) -> Void] = [
      { ($0.claimedLength, $0.isEndless) = (-1, true) }, { $0.claimedLength = 1 << 40 },
      { $0 = WebPeer.Reply(200, #"{"schemaVersion":1}"#) }, { $0 = WebPeer.Reply(200, "") },
      { $0 = WebPeer.Reply(200, String(repeating: "[", count: 100_000)) },
    ]
    for (index, spoil) in cases.enumerated() {
      let server = place.served { request, honestly in
        var reply = honestly()
        if request.path.hasSuffix("2/manifest.json") { spoil(&reply) }
        return reply
      }
      let listing = try remote(server.url).listing(of: "home")
      #expect(Array(listing.versions.keys) == [1] && listing.faults[2]?.reason == .manifestInvalid, "case \(index)")
    }
  }

  @Test func `a manifest of another model or version is refused`() throws {
    let manifest = try place.bytes(place.path(inRepository: "1/manifest.json"))
    let server = place.served { request, honestly in
      request.path.hasSuffix("/7/manifest.json")
        ? WebPeer.Reply(200, manifest)
        : honestly()
    }
    let error = #expect(throws: PublishError.self) { try remote(server.url).manifest("home", 7) }
    #expect(error?.reason == .manifestInvalid)
  }

  @Test func `a manifest that was swapped between two reads is not what was chosen`() throws {
    let server = place.served()
    let repository = try remote(server.url)
    let chosen = try #require(try repository.listing(of: "home").versions[1])
    try FileManager.default.removeItem(atPath: place.repository.path)
    try place.publish(9)
    #expect(try repository.manifest("home", 1).identity != chosen)
    #expect(try repository.listing(of: "home").versions[1] != chosen)
  }

  @Test func `a tag that lies keeps a node on what it knows, and harms nothing`() throws {
    let server = place.served { request, honestly in
      request.field("if-none-match") != nil ? WebPeer.Reply(304, [], ["ETag: \"always\""]) : honestly()
    }
    let repository = try remote(server.url)
    let first = try repository.listing(of: "home")
    #expect(try repository.listing(of: "home").versions == first.versions)
    // A 304 that nobody asked for is no answer.
    let rude = place.served { _, _ in WebPeer.Reply(304) }
    #expect(#expect(throws: PublishError.self) { try remote(rude.url).manifest("home", 1) }?.reason == .fetchFailed)
  }

  @Test(arguments: [
    #"{"versions":[1,-1,0,99999999999]}"#, #"{"versions":[1,2,3,4,5,6,7,8,9]}"#,
  ]) func `versions that cannot be or are not there are passed over`(text: String) throws {
    let server = place.served { request, honestly in
      request.path.hasSuffix("versions.json") ? WebPeer.Reply(200, text) : honestly()
    }
    #expect(try Array(remote(server.url).listing(of: "home").versions.keys) == [1])
  }

  @Test(arguments: [#"{"versions":["../../x"]}"#, "[]", "", #"{"versions":[1.5]}"#])
  func `a list of versions that is none fails the look`(text: String) throws {
    let server = place.served { request, honestly in
      request.path.hasSuffix("versions.json") ? WebPeer.Reply(200, text) : honestly()
    }
    #expect(
      #expect(throws: PublishError.self) { try remote(server.url).listing(of: "home") }?.reason == .manifestInvalid)
  }

  @Test(arguments: ["[]", #"{"../x":1}"#, #"{"champion":-1}"#]) func `aliases that cannot be are refused`(text: String)
    throws
  {
    let server = place.served { request, honestly in
      request.path.hasSuffix("aliases.json") ? WebPeer.Reply(200, text) : honestly()
    }
    #expect(
      #expect(throws: PublishError.self) { try remote(server.url).listing(of: "home") }?.reason == .manifestInvalid)
  }

  @Test(arguments: ["..", "../home", "a/b", "", "Home", ".", "home?x"])
  func `a name that could be a path is never sent`(
    name: String
  ) throws {
    let server = place.served()
    let repository = try remote(server.url)
    #expect(throws: PublishError.self) { try repository.listing(of: name) }
    #expect(throws: PublishError.self) { try repository.manifest(name, 1) }
    #expect(throws: PublishError.self) { try repository.signature(of: name, version: 1) }
    #expect(throws: PublishError.self) { try place.hastyStore.pull(name, 1, from: repository) }
    #expect(server.requests == 0)
  }

  @Test func `models with names that are none are passed over`() throws {
    let server = place.served { _, _ in WebPeer.Reply(200, #"{"models":["home","../etc","A",""]}"#) }
    #expect(try remote(server.url).models() == ["home"])
  }

  /// Pulls version 1 from a server that spoils the blob `own`; nothing may stay behind.
  private func expectRefused(
    _ reason: RejectReason, _ words: String, _ cause: PublishError.Cause? = nil,
    _ spoil: @escaping @Sendable (inout WebPeer.Reply) -> Void
  ) throws {
    let blob = place.blobName(1)
    let server = place.served { request, honestly in
      var reply = honestly()
      if request.path.hasSuffix(blob) || request.path == "/models/x" { spoil(&reply) }
      return reply
    }
    let error = #expect(throws: PublishError.self, "\(words)") {
      try place.hastyStore.pull("home", 1, from: remote(server.url))
    }
    #expect(error?.reason == reason && error?.detail.contains(words) == true, "\(error.map(\.description) ?? "none")")
    if let cause { #expect(error?.cause == cause, "\(error.map(\.description) ?? "none")") }
    #expect(place.files(below: place.store.dataDirectory) == [], "\(words)")
  }
}
