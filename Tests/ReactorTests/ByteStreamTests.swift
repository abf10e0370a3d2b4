import Glibc
import Reactor
import TestSupport
import Testing

@Suite struct ByteStreamTests {
  @Test(arguments: Core.allCases)
  func `bytes come back from an echo over TCP`(core: Core) throws {
    let loop = core.loop()
    let listener = try listen(loop, arrange: echo)
    let client = Recorder.connect(loop, to: listener.address)
    client.onConnected = { $0.write("hello") }
    client.onReceived = { [loop] client, _ in if client.bytes.count == 5 { loop.stop() } }
    loop.runToEnd()
    #expect(client.text == "hello")
    #expect(client.events == ["connected", "received", "ended"])
    #expect(client.ends == ["closed here"])
  }

  @Test(arguments: Core.allCases)
  func `bytes come back from an echo over a unix socket`(core: Core) throws {
    let loop = core.loop()
    let folder = TemporaryFolder()
    let listener = try listen(loop, try SocketAddress(folder.file("echo.sock")), arrange: echo)
    let client = Recorder.connect(loop, to: listener.address)
    client.onConnected = { $0.write("hello") }
    client.onReceived = { [loop] client, _ in if client.bytes.count == 5 { loop.stop() } }
    loop.runToEnd()
    #expect(client.text == "hello")
  }

  @Test(arguments: Core.allCases)
  func `writes before the connection is made are sent in order once it is`(core: Core) throws {
    let loop = core.loop()
    let listener = try listen(loop) { server in
      server.onReceived = { [loop] server, _ in if server.text == "one two three" { loop.stop() } }
    }
    let client = Recorder.connect(loop, to: listener.address)
    #expect(client.write("one "))
    #expect(client.write("two "))
    #expect(client.stream.queuedBytes == 8)
    client.onConnected = { $0.write("three") }
    loop.runToEnd()
    #expect(client.events.prefix(2) == ["connected", "drained"])
  }

  @Test(arguments: Core.allCases)
  func `what the kernel does not take is queued, counted, drained and complete`(core: Core) throws {
    let loop = core.loop()
    let blocks = (0..<24).map { block in (0..<1 << 10).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ block) } }
      .map { line in Array(repeating: line, count: 1 << 10).flatMap { $0 } }
    let total = blocks.count << 20
    var received: Recorder?
    let listener = try listen(loop) { server in
      received = server
      server.bytes.reserveCapacity(total)
      server.onReceived = { [loop] server, _ in if server.bytes.count == total { loop.stop() } }
    }
    let client = Recorder.connect(loop, to: listener.address)
    var queuedMost = 0
    client.onConnected = { client in
      for block in blocks {
        #expect(client.write(block))
        queuedMost = max(queuedMost, client.stream.queuedBytes)
      }
    }
    client.onDrained = { #expect($0.stream.queuedBytes == 0) }
    loop.runToEnd()
    #expect(queuedMost > 1 << 20)
    #expect(client.events == ["connected", "drained", "ended"])
    for (index, block) in blocks.enumerated() {
      let matches = received!.bytes.withUnsafeBytes { memcmp($0.baseAddress! + index << 20, block, 1 << 20) == 0 }
      #expect(matches, "block \(index)")
    }
  }

  @Test(arguments: Core.allCases)
  func `a paused reader receives nothing, the writer queues, and resuming delivers all`(core: Core) throws {
    let loop = core.loop()
    let total = 16 << 20
    var reader: Recorder?
    let listener = try listen(loop) { server in
      reader = server
      server.stream.pauseReading()
      server.onReceived = { [loop] server, _ in if server.bytes.count == total { loop.stop() } }
    }
    let client = Recorder.connect(loop, to: listener.address)
    client.onConnected = { $0.write([UInt8](repeating: 7, count: total)) }
    let later = Timer(loop: loop) {
      #expect(reader!.bytes.isEmpty)
      #expect(client.stream.queuedBytes > 0)
      reader!.stream.resumeReading()
    }
    later.start(milliseconds: 50)
    loop.runToEnd()
    #expect(reader!.bytes.count == total)
  }

  @Test(arguments: Core.allCases)
  func `pausing inside received stops at once and resuming goes on`(core: Core) throws {
    let loop = core.loop()
    let listener = try listen(loop, arrange: echo)
    let client = Recorder.connect(loop, to: listener.address)
    var isPaused = false
    let later = Timer(loop: loop) {
      isPaused = false
      client.stream.resumeReading()
    }
    client.onConnected = { $0.write([UInt8](repeating: 1, count: 1 << 20)) }
    client.onReceived = { [loop] client, _ in
      #expect(!isPaused)
      guard client.bytes.count < 1 << 20 else { return loop.stop() }
      guard client.events.count == 2 else { return }
      client.events.append("paused")
      isPaused = true
      client.stream.pauseReading()
      later.start(milliseconds: 20)
    }
    loop.runToEnd()
    #expect(client.bytes.count == 1 << 20)
  }

  @Test(arguments: Core.allCases)
  func `finishing sends the queue first, then FIN, and answers still come`(core: Core) throws {
    let loop = core.loop()
    let total = 8 << 20
    var server: Recorder?
    let listener = try listen(loop) { accepted in
      server = accepted
      accepted.afterInput = .keepWriting
      accepted.onInputEnded = { accepted in
        accepted.write("got \(accepted.bytes.count)")
        accepted.stream.finishWriting()
      }
    }
    let client = Recorder.connect(loop, to: listener.address)
    client.onConnected = { client in
      client.write([UInt8](repeating: 1, count: total))
      client.stream.finishWriting()
      #expect(!client.write("late"))
    }
    client.onEnded = { [loop] _ in loop.stop() }
    loop.runToEnd()
    #expect(client.text == "got \(total)")
    #expect(client.ends == ["closed by peer"])
    #expect(server!.ends == ["closed by peer"])
  }

  @Test func `a peer that only finishes sending closes the stream by default`() throws {
    let loop = Core.libuv.loop()
    var ends: [String] = []
    let listener = try listen(loop) { server in
      server.onEnded = { [loop] server in
        ends = server.ends
        loop.stop()
      }
    }
    let peer = try RawPeer(to: listener.address)
    peer.send("x")
    peer.finish()
    loop.runToEnd()
    #expect(ends == ["closed by peer"])
  }

  @Test func `a peer's reset is a failure`() throws {
    let loop = Core.libuv.loop()
    var ends: [String] = []
    let listener = try listen(loop) { server in
      server.onEnded = { [loop] server in
        ends = server.ends
        loop.stop()
      }
    }
    try RawPeer(to: listener.address).reset()
    loop.runToEnd()
    #expect(ends == ["failed ECONNRESET"])
  }

  @Test func `a write to a peer that is gone fails, and the next is refused`() throws {
    let loop = Core.libuv.loop()
    var results: [Bool] = []
    var ends: [String] = []
    var keep: Recorder?
    let listener = try listen(loop) { server in
      keep = server
      server.stream.pauseReading()
      server.onEnded = { [loop] server in
        ends = server.ends
        loop.stop()
      }
    }
    try RawPeer(to: listener.address).reset()
    let later = Timer(loop: loop) {
      results.append(keep!.write("a"))
      results.append(keep!.write("b"))
    }
    later.start(milliseconds: 20)
    loop.runToEnd()
    #expect(results == [false, false])
    #expect(ends == ["failed ECONNRESET"] || ends == ["failed EPIPE"])
  }

  @Test(arguments: Core.allCases)
  func `closing inside received is safe, ends once, later, and refuses writes`(core: Core) throws {
    let loop = core.loop()
    var server: Recorder?
    let listener = try listen(loop) { accepted in
      server = accepted
      accepted.onReceived = { accepted, _ in
        accepted.stream.close()
        accepted.stream.close()
        #expect(accepted.ends.isEmpty)
        let isOpen = accepted.stream.isOpen
        #expect(!isOpen)
        #expect(!accepted.write("late"))
        accepted.stream.resumeReading()
        accepted.stream.finishWriting()
        #expect(accepted.stream.peerAddress == nil)
      }
    }
    let client = Recorder.connect(loop, to: listener.address)
    client.onConnected = { $0.write([UInt8](repeating: 1, count: 1 << 20)) }
    client.onEnded = { [loop] _ in loop.stop() }
    loop.runToEnd()
    #expect(server!.ends == ["closed here"])
  }

  @Test(arguments: Core.allCases)
  func `closing inside connected, drained and inputEnded is safe`(core: Core) throws {
    let loop = core.loop()
    let listener = try listen(loop) { server in
      server.onInputEnded = { $0.stream.close() }
      server.onReceived = { server, _ in if server.events.count == 1 { server.stream.pauseReading() } }
    }
    let first = Recorder.connect(loop, to: listener.address)
    first.onConnected = { $0.stream.close() }
    let second = Recorder.connect(loop, to: listener.address)
    second.write("queued")
    second.onDrained = { $0.stream.close() }
    let last = Timer(loop: loop) { [loop] in loop.stop() }
    last.start(milliseconds: 50)
    loop.runToEnd()
    #expect(first.events == ["connected", "ended"])
    #expect(second.events == ["connected", "drained", "ended"])
  }

  @Test(arguments: Core.allCases)
  func `closing discards the queue`(core: Core) throws {
    let loop = core.loop()
    let listener = try listen(loop) { $0.stream.pauseReading() }
    let client = Recorder.connect(loop, to: listener.address)
    client.onConnected = { client in
      client.write([UInt8](repeating: 1, count: 32 << 20))
      #expect(client.stream.queuedBytes > 0)
      client.stream.close()
      #expect(client.stream.queuedBytes == 0)
    }
    client.onEnded = { [loop] _ in loop.stop() }
    loop.runToEnd()
    #expect(client.events == ["connected", "ended"])
  }

  @Test(arguments: ["127.0.0.1:1", "/nowhere/at/all.sock"], Core.allCases)
  func `a connection that cannot be made ends without having been connected`(address: String, core: Core) throws {
    let loop = core.loop()
    let client = Recorder.connect(loop, to: try SocketAddress(address))
    #expect(client.events.isEmpty, "told inside the call")
    client.write("queued for nobody")
    client.onEnded = { #expect(!$0.write("late")) }
    loop.runToEnd()
    #expect(client.events == ["ended"])
    #expect(client.ends == [address.hasPrefix("/") ? "failed ENOENT" : "failed ECONNREFUSED"])
  }

  @Test func `a connect that fails inside the call is told on a later turn`() throws {
    let loop = Core.libuv.loop()
    // A broadcast address: connect(2) itself answers.
    let client = Recorder.connect(loop, to: try SocketAddress("255.255.255.255:9"))
    #expect(client.events.isEmpty)
    #expect(!client.write("x"))
    loop.runToEnd()
    #expect(client.events == ["ended"])
    #expect(client.ends[0].hasPrefix("failed E"))
  }

  @Test(arguments: Core.allCases)
  func `the stream keeps its handler until it has ended, and no longer`(core: Core) throws {
    let loop = core.loop()
    var isGone = false
    let listener = try listen(loop) { server in
      server.onReceived = { server, _ in server.stream.close() }
      server.onDeinit = { isGone = true }
    }
    let client = Recorder.connect(loop, to: listener.address)
    client.onConnected = { $0.write("x") }
    client.onEnded = { [loop] _ in
      // The server's stream ended before its FIN was seen here.
      #expect(isGone)
      loop.stop()
    }
    loop.runToEnd()
  }

  @Test(arguments: Core.allCases)
  func `a dropped stream is closed`(core: Core) throws {
    let loop = core.loop()
    let listener = try Listener(loop: loop, address: .anyPort) { stream in _ = consume stream }
    let client = Recorder.connect(loop, to: listener.address)
    client.onEnded = { [loop] _ in loop.stop() }
    loop.runToEnd()
    #expect(client.ends == ["closed by peer"])
  }

  @Test(arguments: Core.allCases)
  func `a stream that starts after its loop has stopped ends at once`(core: Core) throws {
    let loop = core.loop()
    loop.stop()
    let stream = ByteStream.connect(loop: loop, to: .anyPort)
    loop.runToEnd()
    let late = Recorder(stream)
    late.stream.start(late)
    #expect(late.ends == ["closed here"])
  }

  @Test(arguments: Core.allCases)
  func `peers have addresses`(core: Core) throws {
    let loop = core.loop()
    var seen: SocketAddress?
    let listener = try listen(loop) { server in
      seen = server.stream.peerAddress
      server.stream.setUserTimeout(milliseconds: 5_000)
    }
    let client = Recorder.connect(loop, to: listener.address)
    client.onConnected = { [loop] client in
      #expect(client.stream.peerAddress == listener.address)
      let later = Timer(loop: loop) { loop.stop() }
      later.start(milliseconds: 20)
      client.onDeinit = { _ = later }
    }
    loop.runToEnd()
    #expect(seen?.description.hasPrefix("127.0.0.1:") == true)
  }

  @Test(arguments: Core.allCases)
  func `many streams talk at once in small and large messages`(core: Core) throws {
    let loop = core.loop()
    let seed: UInt64 = 20
    var random = SeededRandom(seed: seed)
    let listener = try listen(loop, arrange: echo)
    var open = 40
    let clients = (0..<open).map { _ in
      let message = [UInt8](
        repeating: UInt8(truncatingIfNeeded: random.next()), count: Int.random(in: 1...300_000, using: &random))
      let client = Recorder.connect(loop, to: listener.address)
      client.onConnected = { $0.write(message) }
      client.onReceived = { client, _ in if client.bytes.count >= message.count { client.stream.close() } }
      client.onEnded = { [loop] client in
        #expect(client.bytes == message, "seed \(seed)")
        open -= 1
        if open == 0 { loop.stop() }
      }
      return client
    }
    loop.runToEnd()
    #expect(clients.allSatisfy { $0.ends == ["closed here"] })
  }
}
