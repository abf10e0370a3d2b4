import Glibc
import Memcached
import TestSupport
import Testing

/// A real memcached that is killed, stopped and started again under the client.
@Suite(.enabled(if: MemcachedServer.isInstalled, "needs memcached"), .serialized)
struct LostServerTests {
  @Test func `a server that dies is an instant miss, and is used again when it is back`() throws {
    let server = MemcachedServer()
    guard server.isOwned else { return }
    let client = try LoopedClient([server.address])
    #expect(client.waitUntilUp())
    client.set("k", "v")
    server.kill()
    #expect(client.waitUntilDown())
    #expect(client.get("k") == nil)
    #expect(client.status().metrics.count(of: .down) == 1)
    server.restart()
    #expect(client.waitUntilUp(), "\(client.reasons())")
    #expect(client.get("k")?.status == .miss)
    #expect(client.set("k", "v")?.status == .stored)
    #expect(client.status().metrics.reconnects == 1)
  }

  @Test func `a server that is not there yet is found when it comes`() throws {
    let server = MemcachedServer(unixSocket: true)
    server.kill()
    let client = try LoopedClient([server.address])
    #expect(client.waitUntilDown())
    #expect(client.get("k") == nil)
    server.restart()
    #expect(client.waitUntilUp(), "\(client.reasons())")
    #expect(client.set("k", "v")?.status == .stored)
    #expect(client.status().metrics.connectFailures > 0)
  }

  @Test func `a stopped server times out once for all that waits, and its late answers meet nobody`() throws {
    let server = MemcachedServer()
    guard server.isOwned else { return }
    let client = try LoopedClient([server.address], settings: .impatient())
    #expect(client.waitUntilUp())
    client.set("a", "of a")
    client.set("b", "of b")
    server.stop()
    let taken = client.perform { client in
      (0..<20).map { client.get(key: ($0 % 2 == 0 ? "a" : "b").utf8.span.bytes, ticket: 100 + UInt64($0)) }
    }
    #expect(taken.allSatisfy { $0 })
    let failed = client.answer(100)!
    #expect(failed.status == .failed(.timeout))
    #expect(failed.durationNanoseconds >= 300_000_000)
    for ticket in UInt64(101)..<120 { #expect(client.answer(ticket)?.status == .failed(.timeout)) }
    #expect(client.waitUntilDown())
    #expect(client.get("a") == nil)
    server.resume()
    #expect(client.waitUntilUp(), "\(client.reasons())")
    for _ in 0..<20 {
      #expect(client.get("a")?.value == "of a")
      #expect(client.get("b")?.value == "of b")
    }
    #expect((UInt64(100)..<120).allSatisfy { client.answers($0).count == 1 })
    #expect(client.status().metrics.count(of: .timeout) == 20)
  }

  @Test func `a server that accepts but never greets stays down, and is tried again`() throws {
    let server = MemcachedServer()
    guard server.isOwned else { return }
    server.stop()
    let client = try LoopedClient([server.address], settings: .impatient(connectTimeoutMilliseconds: 200))
    #expect(client.waitUntilDown())
    #expect(client.get("k") == nil)
    #expect(client.reasons()[0].contains("no greeting"))
    server.resume()
    #expect(client.waitUntilUp())
  }

  @Test func `one dead server of three costs its keys and no others`() throws {
    let servers = (0..<3).map { _ in MemcachedServer() }
    guard servers.allSatisfy(\.isOwned) else { return }
    let client = try LoopedClient(servers.map(\.address))
    #expect(client.waitUntilUp())
    let ring = try Ring(nodes: servers.map { try NodeAddress(parsing: $0.address) })
    let keys = (0..<60).map { "key-\($0)" }
    for key in keys { client.set(key, key) }
    servers[1].kill()
    #expect(client.waitUntilDown(1))
    for key in keys {
      let isLost = ring.node(for: key.utf8.span.bytes) == 1
      #expect(client.get(key)?.value == (isLost ? nil : key), "\(key)")
    }
  }

  @Test func `a long turn of our own is not the server's timeout`() throws {
    let server = MemcachedServer()
    let client = try LoopedClient([server.address], settings: .impatient())
    #expect(client.waitUntilUp())
    client.set("k", "v")
    for round in UInt64(0)..<3 {
      let taken = client.perform { client in
        let taken = client.get(key: "k".utf8.span.bytes, ticket: 100 + round)
        client.flush()
        usleep(700_000)  // The answer has come long ago; the timer is due before it is read.
        return taken
      }
      #expect(taken)
      #expect(client.answer(100 + round)?.value == "v")
    }
    #expect(client.status().metrics.count(of: .timeout) == 0)
  }

  @Test func `closing fails what waits, and refuses what comes`() throws {
    let server = MemcachedServer()
    guard server.isOwned else { return }
    let client = try LoopedClient([server.address])
    #expect(client.waitUntilUp())
    server.stop()
    let taken = client.perform { $0.get(key: "k".utf8.span.bytes, ticket: 100) }
    #expect(taken)
    client.perform { $0.close() }
    #expect(client.answers(100).map(\.status) == [.failed(.connectionLost)])
    #expect(client.get("k") == nil)
    #expect(client.status().state == .closed)
    server.resume()
  }

  @Test func `a client that is dropped with requests under way leaves the loop in peace`() throws {
    let server = MemcachedServer()
    for _ in 0..<3 {
      let client = try LoopedClient([server.address])
      #expect(client.waitUntilUp())
      _ = client.perform { $0.get(key: "k".utf8.span.bytes, ticket: 100) }
    }
  }
}
