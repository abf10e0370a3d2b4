import Memcached
import TestSupport
import Testing

/// The facts of memcached that the gateway relies on, asked of a real one through the client. Serialised: the tests
/// share two cores with real servers.
@Suite(.enabled(if: MemcachedServer.isInstalled, "needs memcached"), .serialized)
struct RealServerTests {
  /// Keys of a run: an attached server may hold what an earlier run left.
  private let run = UInt64.random(in: 0...(.max))
  private func key(_ name: String) -> String { "nt1:test:\(run):\(name)" }

  private func client(_ server: MemcachedServer, _ settings: MemcachedSettings = .patient) throws -> LoopedClient {
    let client = try LoopedClient([server.address], settings: settings)
    #expect(client.waitUntilUp(), "\(client.reasons())")
    return client
  }

  @Test(arguments: [false, true])
  func `what is set is got, over TCP and over a unix socket`(unixSocket: Bool) throws {
    let server = MemcachedServer(unixSocket: unixSocket)
    let client = try client(server)
    #expect(client.get(key("a"))?.status == .miss)
    #expect(client.set(key("a"), "value", flags: 3, ttl: 60)?.status == .stored)
    let answer = client.get(key("a"))
    #expect(answer?.status == .hit && answer?.value == "value" && answer?.flags == 3)
    #expect((58...60).contains(answer?.ttlSeconds ?? 0))
    #expect(client.delete(key("a"))?.status == .deleted)
    #expect(client.delete(key("a"))?.status == .miss)
    #expect(client.get(key("a"))?.status == .miss)
    let metrics = client.status().metrics
    #expect((metrics.gets, metrics.sets, metrics.deletes, metrics.hits, metrics.misses, metrics.stored) == (3, 1, 2, 1, 3, 1))
    #expect(MemcachedFailure.allCases.allSatisfy { metrics.count(of: $0) == 0 })
    #expect(client.status().pending == 0)
  }

  @Test func `the first miss of a vivifying get wins, and the stub is a miss to the next`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    let first = client.get(key("n"), recache: 10, vivify: 30)
    #expect(first?.description == "miss W")
    #expect((28...30).contains(first?.ttlSeconds ?? 0), "N stands before t, so t is the stub's")
    #expect(client.get(key("n"), vivify: 30)?.description == "miss Z")
    #expect(client.set(key("n"), "filled", mode: .ifUnchanged(cas: first!.cas))?.status == .stored)
    #expect(client.get(key("n"), vivify: 30)?.description == "hit filled")
  }

  @Test func `a winner that gives up hands the stub back`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    let first = client.get(key("n"), vivify: 30)
    #expect(client.delete(key("n"), cas: first!.cas)?.status == .deleted)
    #expect(client.get(key("n"), vivify: 30)?.description == "miss W")
  }

  @Test func `one caller wins the early refresh, until a set clears the token`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    client.set(key("r"), "old", ttl: 60)
    #expect(client.get(key("r"), recache: 30)?.description == "hit old")
    #expect(client.get(key("r"), recache: 90)?.description == "hit old W")
    #expect(client.get(key("r"), recache: 90)?.description == "hit old Z")
    client.set(key("r"), "new", ttl: 60)
    #expect(client.get(key("r"), recache: 30)?.description == "hit new")
    #expect(client.get(key("r"), recache: 90)?.description == "hit new W")
  }

  @Test func `an item marked stale is served stale, and one reader wins it`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    client.set(key("x"), "old", ttl: 60)
    #expect(client.delete(key("x"), stale: 30)?.status == .deleted)
    let stale = client.get(key("x"))
    #expect(stale?.description == "hit old W X")
    #expect((28...30).contains(stale?.ttlSeconds ?? 0))
    #expect(client.get(key("x"))?.description == "hit old X Z")
    #expect(client.set(key("x"), "new", mode: .ifUnchanged(cas: stale!.cas))?.status == .stored)
    #expect(client.get(key("x"))?.description == "hit new")
  }

  @Test func `a set by CAS meets the item it read, a changed one, or none`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    #expect(client.set(key("c"), "1", mode: .ifUnchanged(cas: 7))?.status == .notStored)
    #expect(client.set(key("c"), "1", mode: .add)?.status == .stored)
    #expect(client.set(key("c"), "2", mode: .add)?.status == .notStored)
    let read = client.get(key("c"))!
    #expect(client.set(key("c"), "2", mode: .ifUnchanged(cas: read.cas))?.status == .stored)
    #expect(client.set(key("c"), "3", mode: .ifUnchanged(cas: read.cas))?.status == .exists)
    #expect(client.delete(key("c"), cas: read.cas)?.status == .exists)
    #expect(client.get(key("c"))?.value == "2")
  }

  @Test func `a set without a ticket is stored, checked and counted`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    let key = key("q")
    #expect(client.perform { $0.set(key: key.utf8.span.bytes, value: "v".utf8.span.bytes, flags: 0, ttlSeconds: 60) })
    #expect(client.get(key)?.value == "v")
    #expect(client.status().metrics.stored == 1)
  }

  @Test func `binary values up to the largest survive`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    // The item header, key and CAS take some of item_size_max.
    let large = String(repeating: "EN O1\r\nVA 3 ", count: (MetaLimits.valueBytesMax - 512) / 12)
    #expect(client.set(key("l"), large)?.status == .stored)
    #expect(client.get(key("l"))?.value == large)
    #expect(client.set(key("z"), "\0\r\n\0")?.status == .stored)
    #expect(client.get(key("z"))?.value == "\0\r\n\0")
  }

  @Test func `a value that the server finds too large costs one answer and no connection`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    // As large as item_size_max, but the server counts the item's header too.
    let value = String(repeating: "x", count: MetaLimits.valueBytesMax)
    #expect(client.set(key("l"), value)?.status == .failed(.serverError))
    #expect(client.get(key("l"))?.status == .miss)
    #expect(client.status().metrics.reconnects == 0)
    #expect(client.set(key("l"), value + "x") == nil)
    #expect(client.status().metrics.count(of: .valueTooLarge) == 1)
  }

  @Test func `requests of one turn leave as one batch and all come back, each with its own value`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    let count: UInt64 = 2000
    let run = run
    let sent = client.perform { client in
      (0..<count).allSatisfy { index in
        let key = "nt1:test:\(run):\(index)"
        let value = "value \(index)"
        return client.set(key: key.utf8.span.bytes, value: value.utf8.span.bytes, flags: 0, ttlSeconds: 60)
          && client.get(key: key.utf8.span.bytes, ticket: 1000 + index)
      }
    }
    #expect(sent)
    for index in 0..<count { #expect(client.answer(1000 + index)?.value == "value \(index)", "run \(run) index \(index)") }
    #expect((0..<count).allSatisfy { client.answers(1000 + $0).count == 1 })
  }

  @Test func `a request made inside an answer is answered too`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    let key = key("again")
    client.set(key, "v")
    client.onAnswer { client, ticket in
      if (100..<200).contains(ticket) { _ = client.get(key: key.utf8.span.bytes, ticket: ticket + 1) }
    }
    _ = client.perform { $0.get(key: key.utf8.span.bytes, ticket: 100) }
    #expect(client.answer(200)?.value == "v")
    #expect((100...200).allSatisfy { client.answers($0).count == 1 })
  }

  @Test func `more unanswered requests than a node may have are refused at once`() throws {
    let server = MemcachedServer()
    var settings = MemcachedSettings.patient
    settings.pendingMax = 10
    let client = try client(server, settings)
    let key = key("p")
    let taken = client.perform { client in (0..<25).map { client.get(key: key.utf8.span.bytes, ticket: 100 + $0) } }
    #expect(taken == Array(repeating: true, count: 10) + Array(repeating: false, count: 15))
    for ticket in UInt64(100)..<110 { #expect(client.answer(ticket)?.status == .miss) }
    #expect(client.status().metrics.count(of: .overloaded) == 15)
  }

  @Test func `keys that cannot be are refused`() throws {
    let server = MemcachedServer()
    let client = try client(server)
    #expect(client.get("") == nil && client.get("a b") == nil && client.get(String(repeating: "k", count: 251)) == nil)
    #expect(client.get("k\r\nflush_all") == nil)
    #expect(client.status().metrics.count(of: .badKey) == 4)
    #expect(client.get(String(repeating: "k", count: 250))?.status == .miss)
  }

  @Test func `each key goes to its ring's node, and a classic client finds it there`() throws {
    let servers = [MemcachedServer(), MemcachedServer(unixSocket: true), MemcachedServer()]
    guard servers.allSatisfy(\.isOwned) else { return }
    let client = try LoopedClient(servers.map(\.address))
    #expect(client.waitUntilUp())
    let ring = try Ring(nodes: servers.map { try NodeAddress(parsing: $0.address) })
    var used: Set<Int> = []
    for index in 0..<60 {
      let key = key("ring-\(index)")
      client.set(key, "v\(index)")
      let node = ring.node(for: key.utf8.span.bytes)
      used.insert(node)
      let socket = servers[node].connect()
      socket.send("get \(key)\r\n")
      let found = socket.receive(until: "END\r\n")
      #expect(found.contains("\r\nv\(index)\r\n"), "\(key) at node \(node): \(found)")
    }
    #expect(used.count == 3)
  }
}
