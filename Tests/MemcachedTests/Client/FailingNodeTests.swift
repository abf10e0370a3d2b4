import Glibc
import Memcached
import TestSupport
import Testing

/// A node that fails again and again, seen from the client: requests stop waiting for it, and its keys are instant misses.
@Suite(.serialized) struct FailingNodeTests {
  private static let greeting = "VERSION 1.6.18\r\nEN O0\r\n"

  private static func settings(timeoutMilliseconds: Int) -> MemcachedSettings {
    var settings = MemcachedSettings.patient
    settings.timeoutMilliseconds = timeoutMilliseconds
    // Flaps wait long enough to be seen, whatever the machine does.
    settings.flapFirstMilliseconds = 60_000
    settings.flapMaxMilliseconds = 60_000
    return settings
  }

  /// Greets at once and answers nothing else.
  private func hanging() -> ScriptedPeer {
    ScriptedPeer { socket, _ in
      _ = socket.receive(until: "O0\r\n")
      socket.send(Self.greeting)
      while let more = socket.receive(timeoutMilliseconds: 500), !more.isEmpty {}
    }
  }

  @Test func `a node that greets and then hangs, again and again, is left alone`() throws {
    let peer = hanging()
    let client = try LoopedClient([peer.address], settings: Self.settings(timeoutMilliseconds: 100))
    var timeouts = 0
    // Three timeouts in a row open it; one more right after it closed is a flap, which waits a minute here.
    while client.status().breakerOpenedCount < 2 && timeouts < 10 {
      #expect(client.waitUntilUp())
      #expect(client.get("k")?.status == .failed(.timeout))
      timeouts += 1
    }
    #expect(timeouts == 4)
    #expect(client.status().breaker == .open)
    let connections = peer.connections
    for _ in 0..<1000 { #expect(client.get("k") == nil) }
    #expect(client.status().metrics.count(of: .down) == 1000)
    #expect(peer.connections == connections, "nobody asks it meanwhile")
  }

  @Test func `a node that answers its probe later than a request may wait is not used`() throws {
    let peer = ScriptedPeer { socket, _ in
      _ = socket.receive(until: "O0\r\n")
      var opaque = 0
      socket.send("VERSION 1.6.18\r\n")
      while opaque < 5 {
        usleep(150_000)
        socket.send("EN O\(opaque)\r\n")
        opaque += 1
        guard let more = socket.receive(timeoutMilliseconds: 1000), !more.isEmpty else { return }
      }
      // Quick at last: the probe that is under way is answered in time.
      socket.send("EN O\(opaque)\r\n")
      _ = socket.receive(until: "O\(opaque + 1)\r\n")
      socket.send("VA 5 t60 c1 f0 O\(opaque + 1)\r\nright\r\n")
      while let more = socket.receive(timeoutMilliseconds: 500), !more.isEmpty {}
    }
    let client = try LoopedClient([peer.address], settings: Self.settings(timeoutMilliseconds: 100))
    usleep(400_000)
    #expect(!client.status().isUp)
    #expect(client.get("k") == nil)
    #expect(client.waitUntilUp())
    #expect(peer.connections == 1)
    #expect(client.get("k")?.value == "right")
  }

  @Test func `an answer for another key costs the connection, and the key is a miss`() throws {
    let peer = ScriptedPeer { socket, connection in
      _ = socket.receive(until: "O0\r\n")
      socket.send(Self.greeting)
      _ = socket.receive(until: "O1\r\n")
      socket.send("VA 5 t60 c1 f0 k\(connection == 0 ? "yours" : "mine") O1\r\n\(connection == 0 ? "yours" : "right")\r\n")
      while let more = socket.receive(timeoutMilliseconds: 500), !more.isEmpty {}
    }
    let client = try LoopedClient([peer.address])
    #expect(client.waitUntilUp())
    #expect(client.get("mine", echoesKey: true)?.status == .failed(.desynchronised))
    #expect(client.waitUntilUp())
    #expect(client.get("mine", echoesKey: true)?.value == "right")
  }

  @Test(.enabled(if: MemcachedServer.isInstalled, "needs memcached"))
  func `a real memcached names the keys that it is asked to, hit and miss`() throws {
    let server = MemcachedServer()
    let client = try LoopedClient([server.address])
    #expect(client.waitUntilUp())
    #expect(client.get("nt1:test:echo", echoesKey: true)?.status == .miss)
    client.set("nt1:test:echo", "v")
    #expect(client.get("nt1:test:echo", echoesKey: true)?.value == "v")
    #expect(client.status().metrics.reconnects == 0)
    client.delete("nt1:test:echo")
  }

  @Test(.enabled(if: MemcachedServer.isInstalled, "needs memcached"))
  func `a server that hangs opens its breaker, and closes it when it goes on`() throws {
    let server = MemcachedServer()
    guard server.isOwned else { return }
    var settings = MemcachedSettings.impatient(connectTimeoutMilliseconds: 200)
    settings.failuresMax = 2
    let client = try LoopedClient([server.address], settings: settings)
    #expect(client.waitUntilUp())
    client.set("k", "v")
    server.stop()
    #expect(client.get("k")?.status == .failed(.timeout))
    let isOpen = waitUntil { client.status().breaker != .closed }
    #expect(isOpen)
    #expect(client.get("k") == nil)
    server.resume()
    #expect(client.waitUntilUp())
    #expect(client.status().breaker == .closed && client.status().breakerOpenedCount == 1)
    #expect(client.get("k")?.value == "v")
    // And cold, after a restart.
    server.restart()
    let isMissed = waitUntil { client.get("k")?.status == .miss }
    #expect(isMissed)
  }
}
