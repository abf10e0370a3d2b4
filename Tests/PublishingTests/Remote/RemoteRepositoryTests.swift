import Bytes
import FoundationEssentials
import Glibc
import Snapshots
import TestSupport
import Testing

@testable import Publishing

/// A repository on a plain web server that takes PUT, over real sockets.
@Suite struct RemoteRepositoryTests {
  private let place = Workplace()

  @Test func `what was published over HTTP is pulled over HTTP, byte for byte`() throws {
    let server = place.served()
    let published = try place.publish(1, to: remote(server.url))
    #expect(published.identity.version == 1 && published.isNew && published.notes == [])
    let local = try place.hastyStore.pull("home", 1, from: remote(server.url))
    #expect(local.identity == published.identity && local.isVerified)
    #expect(try place.bytes(local.path) == place.bytes(place.folder.file("x.ntsnap")))
    #expect(VerificationReport.verify(place.repository, model: "home", version: 1).isValid)
  }

  @Test func `a listing over HTTP says what the folder says`() throws {
    let server = place.served()
    for seed in UInt64(1)...3 { try place.publish(seed, to: remote(server.url)) }
    let repository = try remote(server.url)
    try repository.setAlias("champion", of: "home", to: 2)
    #expect(try repository.models() == ["home"])
    let listing = try repository.listing(of: "home")
    let folder = try place.repository.listing(of: "home")
    #expect(listing.versions == folder.versions && listing.aliases == folder.aliases)
    #expect(listing.aliasesFile == folder.aliasesFile)
  }

  @Test func `versions are found without a file that lists them`() throws {
    for seed in UInt64(1)...3 { try place.publish(seed) }
    try place.repository.setAlias("champion", of: "home", to: 1)
    let server = place.served()
    #expect(try Set(remote(server.url).listing(of: "home").versions.keys) == [1, 2, 3])
    let error = #expect(throws: PublishError.self) { try remote(server.url).models() }
    #expect(error?.detail.contains("--model") == true)
  }

  @Test func `a version whose publisher died before it told of it is found`() throws {
    let server = place.served()
    try place.publish(1, to: remote(server.url))
    try place.publish(2)  // Writes no versions.json.
    #expect(try Set(remote(server.url).listing(of: "home").versions.keys) == [1, 2])
  }

  @Test func `a second look at what has not changed moves no content`() throws {
    for seed in UInt64(1)...3 { try place.publish(seed) }
    try place.repository.setAlias("champion", of: "home", to: 2)
    let sent = Noted(0)
    let server = place.served { _, honestly in
      let reply = honestly()
      if reply.status == 200 { sent.change { $0 += reply.body.count } }
      return reply
    }
    let repository = try remote(server.url)
    let first = try repository.listing(of: "home")
    #expect(sent.value > 0)
    sent.change { $0 = 0 }
    #expect(try repository.listing(of: "home") == first)
    #expect(sent.value == 0)
    // And what changes is seen.
    try place.repository.setAlias("champion", of: "home", to: 3)
    #expect(try repository.listing(of: "home").aliases.champion == 3)
  }

  @Test func `a section that did not change is fetched from no network`() throws {
    let server = place.served()
    try place.publish(1, to: remote(server.url))
    try place.publish(2, to: remote(server.url))
    let fetched = Noted<[String]>([])
    let watching = place.served { request, honestly in
      fetched.change { $0.append(request.path) }
      return honestly()
    }
    let repository = try remote(watching.url)
    _ = try place.hastyStore.pull("home", 1, from: repository)
    fetched.change { $0 = [] }
    var last: TransferProgress?
    let local = try place.hastyStore.pull("home", 2, from: repository) { last = $0 }
    #expect(fetched.value.filter { $0.count > 60 } == ["/models/home/2/\(place.blobName(2))"])
    #expect(last == TransferProgress(bytesDone: 79_000, bytesTotal: 79_000, bytesReused: 70_000))
    #expect(try place.bytes(local.path) == place.bytes(place.folder.file("x.ntsnap")))
  }

  @Test func `a held section that the disk has damaged is fetched instead`() throws {
    try place.publish(1)
    try place.publish(2)
    let old = try place.store.pull("home", 1, from: place.repository)
    // In the middle of the section, with the times of the file put back: the mark still holds.
    let times = try FileManager.default.attributesOfItem(atPath: old.path)[.modificationDate] as? Date
    var bytes = try place.bytes(old.path)
    bytes[8192] ^= 1
    let handle = try FileReaderWriter(old.path)
    handle.write(bytes)
    try FileManager.default.setAttributes([.modificationDate: try #require(times)], ofItemAtPath: old.path)
    let local = try place.store.pull("home", 2, from: place.repository)
    _ = try Snapshot.open(path: local.path, verify: .checksums)
    #expect(local.isVerified)
  }

  @Test func `a connection that breaks again and again is taken up where it broke`() throws {
    try place.publish(1)
    let ranges = Noted<[String]>([])
    let server = place.served { request, honestly in
      var reply = honestly()
      if request.path.count > 60 {
        ranges.change { $0.append(request.field("range") ?? "all") }
        reply.cutAfter = 9000
      }
      return reply
    }
    let local = try place.hastyStore.pull("home", 1, from: remote(server.url))
    #expect(try place.bytes(local.path) == place.bytes(place.folder.file("x.ntsnap")))
    #expect(Array(ranges.value.prefix(3)) == ["all", "bytes=9000-", "bytes=18000-"])
  }

  @Test func `a server that knows no ranges sends all again, and that is enough`() throws {
    try place.publish(1)
    let tries = Noted(0)
    let root = place.repository.path
    let server = place.served { request, honestly in
      guard request.path.count > 60 else { return honestly() }
      var reply = WebPeer.Reply(
        200, (try? Data(contentsOf: URL(filePath: root + request.path))).map { Array($0) } ?? [])
      if tries.change({
        $0 += 1; return $0
      }) % 2 == 1 {
        reply.cutAfter = reply.body.count / 2
      }
      return reply
    }
    let local = try place.hastyStore.pull("home", 1, from: remote(server.url))
    #expect(try place.bytes(local.path) == place.bytes(place.folder.file("x.ntsnap")))
    #expect(tries.value > 3)
  }

  @Test func `a pull keeps to its bandwidth`() throws {
    // Noise, so that as much travels.
    var random = SystemRandomNumberGenerator()
    let noise = (0..<6_000_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    _ = try place.repository.publish(
      snapshotPath: place.snapshot([("own", noise)]), model: "home", details: someDetails)
    let server = place.served()
    var access = briefAccess()
    access.rateBytesMax = 4_000_000
    let start = ContinuousClock.now
    _ = try place.hastyStore.pull("home", 1, from: remote(server.url, access))
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let bytes = try place.repository.manifest("home", 1).manifest.wireBytes
    // libcurl takes up to a second's worth at once; the last of them is not waited for.
    #expect(seconds > Double(bytes) / 4_000_000 / 2, "\(bytes) bytes in \(seconds) s")
  }

  @Test func `a token goes along, and without it the sentence says so`() throws {
    try place.publish(1)
    let server = place.served { request, honestly in
      request.field("authorization") == "Bearer geheim" ? honestly() : WebPeer.Reply(401, "who?")
    }
    let error = #expect(throws: PublishError.self) { try remote(server.url).listing(of: "home") }
    #expect(error?.cause == .notAllowed)
    var access = briefAccess()
    access.tokenFile = place.folder.write("geheim\n", to: "token")
    #expect(try remote(server.url, access).listing(of: "home").versions.count == 1)
  }

  @Test func `a pull ends when the process does`() throws {
    try place.publish(1)
    let isEnding = Noted(false)
    let server = place.served { request, honestly in
      var reply = honestly()
      if request.path.count > 60 {
        isEnding.change { $0 = true }
        (reply.pieceBytes, reply.pauseMilliseconds) = (100, 20)
      }
      return reply
    }
    var access = briefAccess()
    access.isCancelled = { isEnding.value }
    let start = ContinuousClock.now
    let error = #expect(throws: PublishError.self) {
      try place.hastyStore.pull("home", 1, from: remote(server.url, access))
    }
    #expect(error?.reason == .fetchFailed && ContinuousClock.now - start < .seconds(3))
    #expect(place.files(below: place.store.dataDirectory) == [])
  }
}

/// Writes into a file that is there, without giving it another inode.
private struct FileReaderWriter {
  private let handle: Int32
  init(_ path: String) throws { handle = open(path, O_WRONLY) }
  func write(_ bytes: [UInt8]) {
    _ = pwrite(handle, bytes, bytes.count, 0)
    close(handle)
  }
}
