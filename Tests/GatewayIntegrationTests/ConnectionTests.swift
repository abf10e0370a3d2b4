import TestSupport
import Testing

extension Integration {
  /// The life of a connection: deadlines, caps and odd endings.
  @Suite struct ConnectionTests {
    let repository = TestRepository()

    @Test func `a client that waits for 100 Continue is told to go on, once`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let body = #"{"segment":"1","numResults":4}"#
      client.send(
        "POST \(target("home")) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\nExpect: 100-continue\r\n\r\n"
      )
      #expect(client.receive()?.status == 100)
      client.send(body)
      #expect(try client.receive()?.recommendations.items.count == 4)

      // In pieces: one 100 is enough.
      client.send(
        "POST \(target("home")) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
      #expect(client.receive()?.status == 100)
      for piece in ["1", "e", "\r", "\n", body, "\r\n0\r\n\r\n"] { client.send(piece) }
      let answer = client.receive()
      #expect(answer?.status == 200, "\(answer?.status ?? 0)")
      #expect(client.get("/livez")?.status == 200)
    }

    @Test func `who expects to send too much is refused instead of asked to`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      client.send(
        "POST \(target("home")) HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
      #expect(client.receive()?.status == 413 && client.closes())
    }

    @Test func `a head or body that does not arrive in time is 408`() throws {
      let gateway = try RunningGateway(repository, flags: ["http.headTimeout": ["300ms"]])
      for start in [
        "GET /livez HT", "GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{",
      ] {
        let client = gateway.connect()
        client.send(start)
        let answer = client.receive()
        #expect(answer?.status == 408 && answer?["Connection"] == "close" && client.closes(), "\(start)")
      }
      // A connection that has answered before is judged alike, from its next request's first byte.
      let client = gateway.connect()
      #expect(client.get("/livez")?.status == 200)
      client.send("GET /l")
      #expect(client.receive()?.status == 408)
    }

    @Test func `a head that drips in does not extend its deadline`() throws {
      let gateway = try RunningGateway(repository, flags: ["http.headTimeout": ["500ms"]])
      let client = gateway.connect()
      client.send("GET /livez HTTP/1.1\r\nHost: a\r\n")
      var answer: HTTPAnswer?
      let isOver = eventually {
        client.send("X: y\r\n")
        answer = client.receive(timeoutMilliseconds: 50)
        return answer != nil || client.isClosed
      }
      #expect(isOver && answer?.status == 408)
    }

    @Test func `an idle connection is closed without a word`() throws {
      let gateway = try RunningGateway(repository, flags: ["http.idleTimeout": ["300ms"]])
      let fresh = gateway.connect()
      #expect(fresh.closes() && !fresh.hasMore)
      let used = gateway.connect()
      #expect(used.get("/livez")?.status == 200)
      #expect(used.closes() && !used.hasMore)
    }

    @Test func `above the cap the longest idle connections make room`() throws {
      let gateway = try RunningGateway(repository, flags: ["workers": ["1"], "http.connectionsMax": ["4"]])
      // At the cap an idle connection has a second: on a machine that needs longer for this, it is tried again.
      let isSo = eventually {
        let clients = (0..<12).map { _ in
          let client = gateway.connect()
          #expect(client.get("/livez")?.status == 200)
          return client
        }
        return clients.suffix(4).allSatisfy { $0.get("/livez")?.status == 200 }
          && gateway.metrics().sum("connections") == 4 && clients.prefix(8).allSatisfy { $0.closes() }
      }
      #expect(isSo)
    }

    @Test func `connections that come in one burst do not exceed the cap`() throws {
      let gateway = try RunningGateway(repository, flags: ["workers": ["1"], "http.connectionsMax": ["4"]])
      let burst = (0..<40).map { _ in gateway.connect() }
      let isSettled = eventually {
        let page = gateway.metrics()
        return page.sum("connections_accepted_total") + page.sum("connections_shed_total") >= 40
          && page.sum("connections") <= 4
      }
      #expect(isSettled, "\(gateway.metrics().sum("connections"))")
      #expect(burst.count == 40)
      #expect(gateway.connect().get("/livez")?.status == 200)
    }

    @Test func `connections with a request under way are not closed for a newcomer`() throws {
      let gateway = try RunningGateway(repository, flags: ["workers": ["1"], "http.connectionsMax": ["2"]])
      let busy = (0..<2).map { _ in gateway.connect() }
      for client in busy { client.send("GET /livez HTTP/1.1\r\nHo") }
      let isFull = eventually { gateway.metrics().sum("connections") == 2 }
      #expect(isFull)
      let newcomer = gateway.connect()
      #expect(newcomer.closes())
      for client in busy {
        client.send("st: a\r\n\r\n")
        #expect(client.receive()?.status == 200)
      }
      #expect(gateway.metrics().sum("connections_shed_total") >= 1)
    }

    @Test func `a client that has finished sending still gets all its answers`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      for round in 0..<20 {
        let client = gateway.connect()
        // Each needs a window of somebody new, so each answer waits for memcached.
        let count = 1 + round % 5
        client.send(
          (0..<count).map {
            HTTPClient.request("GET", target("home", "userId=half-\(round)-\($0)&numResults=\($0 + 1)"))
          }
          .joined())
        client.finishSending()
        for number in 0..<count {
          #expect(try client.receive()?.recommendations.items.count == number + 1, "round \(round), answer \(number)")
        }
        #expect(client.closes())
      }
    }

    @Test func `a client that has finished sending and reads late gets all its answers, then the end`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let count = 300
      client.send(
        (0..<count).map { _ in HTTPClient.request("GET", target("home", "segment=1&numResults=100")) }.joined())
      client.finishSending()
      for number in 0..<count {
        #expect(try client.receive()?.recommendations.items.count == 100, "answer \(number)")
      }
      #expect(client.closes(withinMilliseconds: 5000))
    }

    @Test func `a unix socket is an address like any other`() throws {
      let path = repository.folder.file("gateway.sock")
      let gateway = try RunningGateway(repository, flags: ["listen": [path]])
      let clients = (0..<4).map { _ in HTTPClient(path: path) }
      for client in clients { #expect(try client?.get(target("home"))?.recommendations.items.count == 10) }
      gateway.stop()
      #expect(HTTPClient(path: path) == nil)
    }

    @Test func `clients that go away in the middle take nobody with them`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      for round in 0..<30 {
        let socket = BlockingSocket(port: gateway.port)!
        socket.send(
          (0..<5).map { HTTPClient.request("GET", target("home", "userId=gone-\(round)-\($0)")) }.joined() + "GET /li")
        if round % 2 == 0 { socket.reset() }
      }
      #expect(gateway.connect().get(target("home", "userId=gone-1-1"))?.status == 200)
      let isEmpty = eventually { gateway.metrics().sum("connections") == 0 }
      #expect(isEmpty)
    }
  }
}
