import Memcached
import TestSupport
import Testing

/// Peers that are no honest memcached. None of them may make the client give a wrong value, hang or give up.
@Suite(.serialized) struct BogusPeerTests {
  private static let greeting = "VERSION 1.6.18\r\nEN O0\r\n"

  /// Greets like memcached, then answers the client's first command with `bytes`; from its second connection on with a
  /// hit, so that the test sees the client come back.
  private func peer(answering bytes: String) -> ScriptedPeer {
    ScriptedPeer { socket, connection in
      _ = socket.receive(until: "O0\r\n")
      socket.send(Self.greeting)
      _ = socket.receive(timeoutMilliseconds: 5000)
      socket.send(connection == 0 ? bytes : "VA 5 t60 c1 f0 O1\r\nright\r\n")
      while let more = socket.receive(timeoutMilliseconds: 500), !more.isEmpty {}
    }
  }

  @Test(arguments: [
    ("EN O2\r\n", MemcachedFailure.desynchronised), ("EN O0\r\n", .desynchronised), ("EN\r\n", .desynchronised),
    ("VA 5 t60 c1 f0 O9\r\nwrong\r\n", .desynchronised),  // another request's value
    ("VA 4 t60 c1 f0 O1\r\nwrong\r\n", .desynchronised),  // a length that lies
    ("VA 1048577 t60 c1 f0 O1\r\n", .desynchronised), ("HD O1\r\n", .desynchronised), ("MN\r\n", .desynchronised),
    ("VALUE k 0 5\r\nwrong\r\nEND\r\n", .desynchronised), ("\0\u{1}\u{2}garbage", .timeout),
    (String(repeating: "x", count: 5000), .desynchronised), ("ERROR\r\n", .clientError),
    ("CLIENT_ERROR line format\r\n", .clientError), ("SERVER_ERROR out of memory\r\n", .serverError),
  ])
  func `an answer that cannot be fails the request and the connection, and the client comes back`(
    bytes: String, failure: MemcachedFailure
  ) throws {
    let peer = peer(answering: bytes)
    let client = try LoopedClient([peer.address], settings: failure == .timeout ? .impatient() : .patient)
    #expect(client.waitUntilUp())
    #expect(client.get("k")?.status == .failed(failure))
    #expect(client.waitUntilUp())
    #expect(client.get("k")?.value == "right")
    #expect(client.status().metrics.reconnects == 1)
  }

  @Test func `half an answer and then silence is a timeout`() throws {
    let peer = peer(answering: "VA 5 t60 c1 f0 O1\r\nwro")
    let client = try LoopedClient([peer.address], settings: .impatient())
    #expect(client.waitUntilUp())
    #expect(client.get("k")?.status == .failed(.timeout))
    #expect(client.waitUntilUp())
    #expect(client.get("k")?.value == "right")
  }

  @Test func `half an answer and then the end is a lost connection`() throws {
    let peer = ScriptedPeer { socket, _ in
      _ = socket.receive(until: "O0\r\n")
      socket.send(Self.greeting)
      _ = socket.receive()
      socket.send("VA 5 t60 c1 f0 O1\r\nwro")
    }
    let client = try LoopedClient([peer.address])
    #expect(client.waitUntilUp())
    #expect(client.get("k")?.status == .failed(.connectionLost))
  }

  @Test func `an answer that comes byte by byte is one answer`() throws {
    let peer = ScriptedPeer { socket, _ in
      for byte in Self.greeting.utf8 { socket.send([byte]) }
      _ = socket.receive(until: "O1\r\n")
      for byte in "VA 5 t60 c1 f0 O1\r\nright\r\n".utf8 { socket.send([byte]) }
      while let more = socket.receive(timeoutMilliseconds: 500), !more.isEmpty {}
    }
    let client = try LoopedClient([peer.address])
    #expect(client.waitUntilUp())
    #expect(client.get("k")?.value == "right")
  }

  @Test func `the answer after a timeout never meets the next request`() throws {
    let peer = ScriptedPeer { socket, connection in
      _ = socket.receive(until: "O0\r\n")
      socket.send(Self.greeting)
      _ = socket.receive(timeoutMilliseconds: 5000)
      if connection == 0 {
        // The client closes at its timeout; only then the answer to its first key comes.
        while socket.receive(timeoutMilliseconds: 5000) != nil {}
        socket.send("VA 5 t60 c1 f0 O1\r\nfirst\r\n")
      } else {
        socket.send("VA 6 t60 c1 f0 O1\r\nsecond\r\n")
        while let more = socket.receive(timeoutMilliseconds: 500), !more.isEmpty {}
      }
    }
    let client = try LoopedClient([peer.address], settings: .impatient())
    #expect(client.waitUntilUp())
    #expect(client.get("first")?.status == .failed(.timeout))
    #expect(client.waitUntilUp())
    #expect(client.get("second")?.value == "second")
    #expect((1...client.nextTicket() - 1).allSatisfy { client.answers($0).count <= 1 })
  }

  @Test func `every pending request of a broken connection fails once, the guilty one with the reason`() throws {
    let peer = peer(answering: "EN O1\r\nEN O3\r\n")
    let client = try LoopedClient([peer.address])
    #expect(client.waitUntilUp())
    _ = client.perform { client in (UInt64(100)..<104).map { client.get(key: "k".utf8.span.bytes, ticket: $0) } }
    #expect(
      (UInt64(100)..<104).map { client.answer($0)?.status }
        == [.miss, .failed(.desynchronised), .failed(.connectionLost), .failed(.connectionLost)])
    #expect((UInt64(100)..<104).allSatisfy { client.answers($0).count == 1 })
  }

  @Test func `a request made inside a failure is refused, for the node is down already`() throws {
    let peer = peer(answering: "EN O7\r\n")
    let client = try LoopedClient([peer.address])
    #expect(client.waitUntilUp())
    client.onAnswer { client, ticket in
      if ticket == 100 { _ = client.get(key: "k".utf8.span.bytes, ticket: 200) }
    }
    _ = client.perform { $0.get(key: "k".utf8.span.bytes, ticket: 100) }
    #expect(client.answer(100)?.status == .failed(.desynchronised))
    #expect(client.perform { $0.status(of: 0).metrics.count(of: .down) } == 1)
    #expect(client.answers(200).isEmpty)
  }

  @Test(arguments: [
    ("HTTP/1.1 400 Bad Request\r\n\r\n", "answered 'HTTP/1.1 400 Bad Request' to 'version': not a memcached"),
    ("SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"), ("VERSION 1.4.39\r\n", "1.4.39 is too old: at least 1.6.10"),
    ("VERSION 1.6.18\r\nERROR\r\n", "lacks what is needed"),
  ])
  func `a peer that is no memcached is closed and named`(bytes: String, reason: String) throws {
    let peer = ScriptedPeer { socket, _ in
      socket.send(bytes)
      while let more = socket.receive(timeoutMilliseconds: 500), !more.isEmpty {}
    }
    let client = try LoopedClient([peer.address])
    #expect(client.waitUntilDown())
    #expect(client.reasons()[0].contains(reason), "\(client.reasons()[0])")
    #expect(client.get("k") == nil)
  }

  @Test func `a connection that is reset is lost, and made again`() throws {
    let peer = ScriptedPeer { socket, connection in
      _ = socket.receive(until: "O0\r\n")
      socket.send(Self.greeting)
      // The listener's thread closes the socket when this returns, with the request unread: a reset.
      if connection > 0 { while let more = socket.receive(timeoutMilliseconds: 500), !more.isEmpty {} }
    }
    let client = try LoopedClient([peer.address])
    #expect(waitUntil { client.status().metrics.reconnects == 1 })
    #expect(client.reasons().count == 1)
  }

  @Test func `a node that nobody listens on is tried again and again`() throws {
    let client = try LoopedClient(["127.0.0.1:\(freePort())"])
    #expect(waitUntil { client.status().metrics.connectFailures >= 3 })
    #expect(client.reasons()[0].contains("ECONNREFUSED"), "\(client.reasons()[0])")
    #expect(client.get("k") == nil)
  }

  @Test func `a name is resolved, and one that is none is a reason`() throws {
    let server = MemcachedServer()
    let port = server.address.split(separator: ":").last!
    let client = try LoopedClient(["localhost:\(port)"], settings: .patient)
    // localhost may be ::1 first, where the test server does not listen.
    #expect(client.waitUntilUp() || client.reasons()[0].contains("ECONNREFUSED"))
    let lost = try LoopedClient(["no-such-host.invalid:11211"])
    #expect(lost.waitUntilDown())
    #expect(lost.reasons()[0].contains("resolving"), "\(lost.reasons()[0])")
  }

  @Test func `without nodes every request is refused`() throws {
    let client = try LoopedClient([])
    #expect(client.get("k") == nil && client.set("k", "v") == nil && client.delete("k") == nil)
  }

  @Test func `a pool that cannot be a ring is an error`() {
    #expect(throws: RingError.self) { try LoopedClient((0..<101).map { "10.0.0.\($0):11211" }) }
  }
}
