import Bytes
import FoundationEssentials
import Glibc
import Publishing
import Reactor
import Snapshots
import TestSupport
import Testing

@testable import RepositoryServer

@Suite struct HostileClientTests {
  private let name = String(repeating: "0", count: 64)
  private var authorized: String { "Authorization: Bearer \(ServedRepository.token)\r\n" }

  /// Short times, for tests that wait them out.
  private var impatient: ServerLimits {
    var limits = ServerLimits()
    (limits.headSeconds, limits.idleSeconds, limits.paceSeconds, limits.lingerSeconds) = (1, 1, 1, 1)
    return limits
  }

  private func connect(_ served: ServedRepository, receiveBufferBytes: Int32? = nil) -> BlockingSocket {
    BlockingSocket(port: served.port, receiveBufferBytes: receiveBufferBytes)!
  }

  /// Whether the server closes within the time, whatever it sends before.
  private func closes(_ socket: borrowing BlockingSocket, withinSeconds seconds: Int) -> Bool {
    let end = time(nil) + seconds
    while time(nil) <= end { if socket.receive(timeoutMilliseconds: 200) == nil { return true } }
    return false
  }

  @Test func `a client that says nothing, or half a head, is sent away`() throws {
    let served = try ServedRepository(limits: impatient)
    let silent = connect(served)
    let half = connect(served)
    half.send("GET /models.json HTTP/1.1\r\nHo")
    let (silentIsClosed, halfIsClosed) = (closes(silent, withinSeconds: 5), closes(half, withinSeconds: 5))
    #expect(silentIsClosed && halfIsClosed)
    #expect(served.counts.connectionsTimedOut == 2)
  }

  @Test func `a reader that stops is sent away, and nobody waits for it`() throws {
    let served = try ServedRepository(limits: impatient)
    let version = try served.publish(bytes: 20_000_000)
    let section = try #require(version.manifest.sections.first { $0.tag == "own" })
    let stopped = connect(served, receiveBufferBytes: 4096)
    stopped.send("GET /models/home/1/\(section.digest) HTTP/1.1\r\nHost: x\r\n\r\n")
    _ = stopped.receive()
    let end = time(nil) + 8
    while served.counts.connectionsTimedOut == 0, time(nil) < end { usleep(100_000) }
    #expect(served.counts.connectionsTimedOut == 1)
    #expect(served.get("/models.json")?.status == 200)
  }

  @Test func `an upload that drips is ended, and leaves nothing`() throws {
    let served = try ServedRepository(limits: impatient)
    let slow = connect(served)
    slow.send("PUT /models/home/1/\(name) HTTP/1.1\r\nHost: x\r\n\(authorized)Content-Length: 1000000\r\n\r\n")
    let end = time(nil) + 8
    while served.counts.connectionsTimedOut == 0, time(nil) < end {
      slow.send("x")
      usleep(100_000)
    }
    #expect(served.counts.connectionsTimedOut == 1)
    waitUntil { served.names("models/home/1").isEmpty }
    #expect(served.names("models/home/1") == [])
  }

  @Test func `an upload that breaks off leaves nothing`() throws {
    let served = try ServedRepository()
    do {
      let client = connect(served)
      client.send("PUT /models/home/1/\(name) HTTP/1.1\r\nHost: x\r\n\(authorized)Content-Length: 1000000\r\n\r\n")
      client.send([UInt8](repeating: 7, count: 300_000))
      waitUntil { served.names("models/home/1").count == 1 }
      client.reset()
    }
    waitUntil { served.names("models/home/1").isEmpty }
    #expect(served.names("models/home/1") == [])
    #expect(served.get("/models/home/1/\(name)")?.status == 404)
  }

  @Test func `more connections than allowed are closed, the others are served`() throws {
    var limits = ServerLimits()
    limits.connectionsMax = 3
    let served = try ServedRepository(limits: limits)
    let clients = (0..<3).map { _ in served.client() }
    for client in clients { #expect(client.get("/models.json")?.status == 200) }
    #expect(served.client().get("/models.json") == nil)
    #expect(clients[0].get("/models.json")?.status == 200)
    #expect(served.counts.connectionsRefused >= 1)
  }

  @Test func `an upload without the token is refused before its body is sent`() throws {
    let served = try ServedRepository()
    let client = served.client()
    client.send(
      "PUT /models/home/1/\(name) HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n")
    let answer = try #require(client.receive())
    #expect(answer.status == 401)
    #expect(answer["Connection"] == "close")
    #expect(client.closes())
  }

  @Test func `who may publish is told to go on`() throws {
    let served = try ServedRepository()
    let client = served.client()
    client.send(
      "PUT /models/home/1/\(name) HTTP/1.1\r\nHost: x\r\n\(authorized)Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    #expect(client.receive()?.status == 100)
    client.send("hello")
    #expect(client.receive()?.status == 201)
    #expect(client.get("/models/home/1/\(name)")?.text == "hello")
  }

  @Test func `the refusal of a large upload reaches a client that sends on`() throws {
    let served = try ServedRepository()
    let client = served.client()
    client.send("PUT /models/home/1/\(name) HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n")
    client.send([UInt8](repeating: 0, count: 500_000))
    #expect(client.receive()?.status == 401)
  }

  @Test func `a small refused body is thrown away, and the connection goes on`() throws {
    let served = try ServedRepository()
    let client = served.client()
    client.send("PUT /models/home/1/manifest.json HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n")
    client.send("GET /identity.key HTTP/1.1\r\n\r\n")
    #expect(client.receive()?.status == 401)
    #expect(client.get("/models.json")?.status == 200)
  }

  @Test(arguments: [
    ("Content-Length: 99999999999999999999", 400), ("Content-Length: 999999999999999", 413),
    ("Content-Length: -1", 400),
    ("Content-Length: 5\r\nContent-Length: 6", 400), ("Transfer-Encoding: gzip, chunked", 501),
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
  ])
  func `a length that cannot be is refused`(_ field: String, _ status: Int) throws {
    let served = try ServedRepository()
    let client = served.client()
    client.send("PUT /models/home/1/\(name) HTTP/1.1\r\nHost: x\r\n\(authorized)\(field)\r\n\r\n")
    #expect(client.receive()?.status == status, "\(field)")
    #expect(served.names("models/home/1") == [])
  }

  @Test func `a blob may come in chunks, a manifest not without end`() throws {
    let served = try ServedRepository()
    let client = served.client()
    client.send(
      "PUT /models/home/1/\(name) HTTP/1.1\r\nHost: x\r\n\(authorized)Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    #expect(client.receive()?.status == 201)
    #expect(client.get("/models/home/1/\(name)")?.text == "abcde")
    client.send(
      "PUT /models/home/1/manifest.json HTTP/1.1\r\nHost: x\r\n\(authorized)Transfer-Encoding: chunked\r\n\r\nfffffff\r\n"
    )
    #expect(client.receive()?.status == 413)
  }

  @Test func `garbage is answered with 400 and closed`() throws {
    let served = try ServedRepository()
    for text in [
      "\u{0}\u{1}\u{2}\r\n\r\n", "GET / HTTP/1.1\n\n", "GET  /models.json HTTP/1.1\r\n\r\n", "\r\n\r\n\r\n\r\n",
    ] {
      let client = served.client()
      client.send(text)
      #expect(client.receive()?.status == 400, "\(text.debugDescription)")
    }
    #expect(served.get("/models.json")?.status == 200)
  }

  @Test func `a pipeline that is never read is not kept in memory`() throws {
    let served = try ServedRepository(limits: impatient)
    let client = connect(served, receiveBufferBytes: 4096)
    let request = Array(HTTPClient.request("GET", "/models.json").utf8)
    let flood = Array(repeatElement(request, count: 2000).joined())
    // Until the kernels of both sides are full: the server has stopped reading, or has closed.
    var (idle, sent, at) = (0, 0, 0)
    while idle < 50, sent < 64 << 20 {
      guard let count = client.sendSome(flood[at...]) else { break }
      sent += count
      at = (at + count) % flood.count
      idle = count == 0 ? idle + 1 : 0
      if count == 0 { usleep(20_000) }
    }
    #expect(sent < 64 << 20, "it took \(sent) bytes without an end")
    #expect(served.get("/models.json")?.status == 200)
  }

  @Test func `a long pipeline is answered to its end, in order`() throws {
    let served = try ServedRepository()
    let count = 5000
    let client = served.client()
    let flood = (0..<count).map { HTTPClient.request("GET", $0 % 2 == 0 ? "/models.json" : "/nothing") }.joined()
    let port = served.port
    // Sent while answers are read: neither side waits for the other.
    nonisolated(unsafe) let sending = client
    let sender = try LoopThread.spawn(name: "sender") { sending.send(flood) }
    for number in 0..<count {
      guard client.receive()?.status == (number % 2 == 0 ? 200 : 404) else {
        Issue.record("answer \(number) of \(count) from port \(port) is another, or none")
        break
      }
    }
    sender.join()
  }

  @Test func `what a killed server left is swept`() throws {
    let folder = TemporaryFolder()
    let root = folder.file("repository")
    let old = "\(root)/models/home/3"
    for path in [old, "\(root)/models/home/4", "\(root)/models/home/5"] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    for path in [
      "\(old)/\(name).tmp-1f", "\(old)/\(name)", "\(root)/models/home/aliases.json.tmp-2e",
      "\(root)/models/home/4/\(name).tmp-3d", "\(root)/models/home/4/\(name)", "\(root)/models/home/5/manifest.json",
    ] {
      try Data([1]).write(to: URL(filePath: path))
    }
    let held = try TemporaryFile(target: "\(root)/models/home/5/x", disk: Disk())
    var times = [timespec](repeating: timespec(tv_sec: time(nil) - 7200, tv_nsec: 0), count: 2)
    utimensat(AT_FDCWD, old, &times, 0)
    let removed = IntakeSweep(root: root, disk: Disk()).run(nowSeconds: time(nil))
    // Version 3 was abandoned two hours ago: but removing its temporary file has just changed the folder.
    #expect(removed.count == 3, "\(removed)")
    utimensat(AT_FDCWD, old, &times, 0)
    #expect(IntakeSweep(root: root, disk: Disk()).run(nowSeconds: time(nil)) == ["models/home/3"])
    #expect(access("\(root)/models/home/4/\(name)", F_OK) == 0, "its publisher may come back")
    #expect(access("\(root)/models/home/5/manifest.json", F_OK) == 0)
    let left = try FileManager.default.contentsOfDirectory(atPath: "\(root)/models/home/5")
    #expect(left.count == 2, "a file that is being written stays")
    withExtendedLifetime(held) {}
  }

  private func waitUntil(_ holds: () -> Bool) {
    let end = time(nil) + 10
    while !holds(), time(nil) < end { usleep(10_000) }
  }
}
