import TestSupport
import Testing

extension Integration {
  /// The end of a gateway: what is under way is finished, what is idle goes.
  @Suite struct DrainTests {
    let repository = TestRepository()

    @Test func `idle connections are closed soon, and no new ones are taken`() throws {
      let gateway = try RunningGateway(repository)
      let idle = (0..<4).map { _ in gateway.connect() }
      for client in idle { #expect(client.get("/livez")?.status == 200) }
      let started = milliseconds()
      gateway.stop()
      #expect(milliseconds() - started < 10_000)
      for client in idle { #expect(client.closes() && !client.hasMore) }
      #expect(HTTPClient(port: gateway.port) == nil && HTTPClient(port: gateway.adminPort) == nil)
    }

    @Test func `a request under way is answered before the end`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let body = #"{"segment":"1","numResults":6}"#
      client.send("POST \(target("home")) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
      let witness = gateway.connect()
      let isSeen = eventually { gateway.metrics().sum("connections") == 2 }
      #expect(isSeen)
      gateway.drain()
      #expect(witness.closes(), "the idle one goes")
      #expect(!gateway.hasEnded)
      client.send(body)
      #expect(try client.receive()?.recommendations.items.count == 6)
      #expect(client.closes())
      let isOver = eventually { gateway.hasEnded }
      #expect(isOver)
    }

    @Test func `who is asked during a drain says that it is not ready`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      client.send("GET /readyz HT")
      let witness = gateway.connect()
      let isSeen = eventually { gateway.metrics().sum("connections") == 2 }
      #expect(isSeen)
      gateway.drain()
      #expect(witness.closes())
      client.send("TP/1.1\r\nHost: a\r\n\r\n")
      let answer = client.receive()
      #expect(answer?.status == 503 && client.closes())
    }

    @Test func `answers that wait for memcached are given before the end`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: ["memcached.timeout": ["2s"]])
      let clients = (0..<4).map { _ in gateway.connect() }
      for client in clients { #expect(client.get("/livez")?.status == 200) }
      memcached.stop()
      for (number, client) in clients.enumerated() {
        client.send(HTTPClient.request("GET", target("home", "userId=late-\(number)")))
      }
      let isWaiting = eventually { gateway.metrics().sum("http_requests_in_flight") >= 4 }
      #expect(isWaiting)
      gateway.drain()
      memcached.resume()
      for client in clients { #expect(client.receive()?.status == 200 && client.closes()) }
      let isOver = eventually { gateway.hasEnded }
      #expect(isOver)
    }

    @Test func `events that are being taken are answered before the end, whichever worker goes first`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: ["memcached.timeout": ["2s"]])
      let client = gateway.connect()
      #expect(client.get("/livez")?.status == 200)
      memcached.stop()
      client.send(HTTPClient.request("POST", "/v1/events", [], event("click", user: "u", item: "b0001", id: "last")))
      let isTaken = eventually { gateway.metrics().sum("events_total", ["type": "accepted"]) == 1 }
      #expect(isTaken)
      let started = milliseconds()
      // The other worker has nothing to do and ends at once; it can then say no more that it has the window.
      gateway.drain()
      memcached.resume()
      #expect(client.receive()?.status == 202 && client.closes())
      let isOver = eventually { gateway.hasEnded }
      #expect(isOver && milliseconds() - started < 10_000)
    }

    @Test func `a client that never ends is left behind when the time is over`() throws {
      let gateway = try RunningGateway(repository, flags: ["http.drainTimeout": ["500ms"]])
      let client = gateway.connect()
      client.send("GET /livez HT")
      let isSeen = eventually { gateway.metrics().sum("connections") == 1 }
      #expect(isSeen)
      gateway.drain()
      let isOver = eventually { gateway.hasEnded }
      #expect(isOver && client.closes())
    }

    @Test func `a second signal ends it at once`() throws {
      let gateway = try RunningGateway(
        repository, flags: ["http.drainTimeout": ["600s"], "http.headTimeout": ["600s"]])
      let client = gateway.connect()
      client.send("GET /livez HT")
      let isSeen = eventually { gateway.metrics().sum("connections") == 1 }
      #expect(isSeen)
      gateway.drain()
      gateway.drain()
      let isOver = eventually { gateway.hasEnded }
      #expect(isOver)
      #expect(client.closes())
    }
  }
}
