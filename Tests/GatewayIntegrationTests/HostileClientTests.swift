import Glibc
import Reactor
import TestSupport
import Testing

extension Integration {
  /// Clients that are slow, stuck, greedy or malicious, each nastiness by its name; and normal clients beside them, who
  /// must not notice.
  @Suite struct HostileClientTests {
    let repository = TestRepository()

    private func gateway(_ flags: [String: [String]] = [:]) throws -> RunningGateway {
      try RunningGateway(repository, flags: flags.merging(["workers": ["1"]]) { given, _ in given })
    }

    private func closed(_ gateway: RunningGateway, _ reason: String) -> Int {
      gateway.metrics().sum("connections_closed_total", ["reason": reason])
    }

    /// Clients beside the hostile ones got nothing but 200.
    private func expectUnharmed(_ load: Load, sourceLocation: SourceLocation = #_sourceLocation) {
      let report = load.stop()
      #expect(report.isClean, "\(report)", sourceLocation: sourceLocation)
    }

    /// 30,000 bytes of answers for a request of 90: what fills buffers fastest.
    private static let large = HTTPClient.request("GET", target("home", "segment=1&numResults=100"))

    // MARK: Slow to ask.

    @Test func `slowloris: heads that drip in are ended at their deadline, and others are served meanwhile`() throws {
      let gateway = try gateway(["http.headTimeout": ["1s"]])
      let load = try Load(gateway)
      let port = gateway.port
      let statuses = try concurrently(4) { _ -> [Int] in
        let clients = (0..<50).map { _ in HTTPClient(port: port)! }
        let started = milliseconds()
        for client in clients { client.send("GET /livez HTTP/1.1\r\nHost: a\r\n") }
        while milliseconds() - started < 1100 {
          for client in clients { client.send("X: y\r\n") }
          usleep(100_000)
        }
        return clients.map { $0.receive(timeoutMilliseconds: 5000)?.status ?? 0 }
      }
      #expect(statuses.flatMap(\.self) == Array(repeating: 408, count: 200))
      let isOver = eventually { self.closed(gateway, "head_timeout") == 200 }
      #expect(isOver, "\(closed(gateway, "head_timeout"))")
      expectUnharmed(load)
    }

    @Test func `a body that stops in the middle is 408 at its deadline`() throws {
      let gateway = try gateway(["http.bodyTimeout": ["400ms"]])
      for body in ["", "{\"segment\":"] {
        let client = gateway.connect()
        client.send("POST \(target("home")) HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n" + body)
        let started = milliseconds()
        let answer = client.receive()
        #expect(answer?.status == 408 && answer?["Connection"] == "close" && client.closes())
        #expect(milliseconds() - started < 5000)
      }
      let isCounted = eventually { self.closed(gateway, "body_timeout") == 2 }
      #expect(isCounted)
    }

    @Test func `a body of one byte a second is cut off for its rate, long before its deadline`() throws {
      let gateway = try gateway(["http.bodyTimeout": ["600s"], "http.rateMin": ["1KiB"]])
      let load = try Load(gateway)
      let client = gateway.connect()
      client.send("POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n")
      let started = milliseconds()
      var answer: HTTPAnswer?
      let isOver = eventually {
        client.send("x")
        answer = client.receive(timeoutMilliseconds: 1000)
        return answer != nil || client.isClosed
      }
      #expect(isOver && answer?.status == 408)
      #expect(milliseconds() - started >= 4900, "the grace is 5 s")
      #expect(closed(gateway, "body_timeout") == 1 || eventually { self.closed(gateway, "body_timeout") == 1 })
      expectUnharmed(load)
    }

    @Test func `a body that comes slowly, but at its rate, is taken`() throws {
      let gateway = try gateway(["http.bodyTimeout": ["600s"], "http.headTimeout": ["500ms"]])
      let client = gateway.connect()
      let body = #"{"segment":"1","numResults":4}"#
      client.send("POST \(target("home")) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
      for byte in body.utf8 {
        usleep(50_000)
        client.send([byte])
      }
      #expect(try client.receive()?.recommendations.items.count == 4, "the head's deadline does not run on")
    }

    // MARK: Slow to read.

    /// Sends as many copies of a request as are taken, until the peer closes or the time is over. True when it closed.
    private static func flood(
      _ socket: borrowing BlockingSocket, _ request: String, forMilliseconds limit: Int, reading: Int = 0
    ) -> Bool {
      let bytes = Array(String(repeating: request, count: 100).utf8)
      let started = milliseconds()
      var sent = 0
      while milliseconds() - started < limit {
        guard let count = socket.sendSome(bytes[(sent % bytes.count)...]) else { return true }
        sent += count
        if reading > 0, socket.receiveSome(bytesMax: reading) == nil { return true }
        if count == 0 { usleep(20_000) }
      }
      return false
    }

    @Test func `a client that pipelines thousands of requests and never reads is cut off, and holds little till then`()
      throws
    {
      let gateway = try gateway(["http.writeTimeout": ["1s"]])
      let load = try Load(gateway)
      let port = gateway.port
      let before = residentBytes()
      let ends = try concurrently(4) { _ -> Bool in
        Self.flood(BlockingSocket(port: port, receiveBufferBytes: 4096)!, Self.large, forMilliseconds: 20_000)
      }
      #expect(ends == [true, true, true, true])
      let isCounted = eventually { self.closed(gateway, "write_timeout") == 4 }
      #expect(isCounted)
      let isFree = eventually { gateway.metrics().sum("buffer_bytes") == 0 }
      #expect(isFree)
      // Four times 256 KiB of output and 128 KiB of outbox, each in a buffer that doubles; the rest is the load's.
      #expect(residentBytes() - before < 64 << 20, "\(residentBytes() - before)")
      expectUnharmed(load)
    }

    @Test func `a client that reads one byte a second is no better`() throws {
      let gateway = try gateway(["http.writeTimeout": ["2s"]])
      let load = try Load(gateway)
      let socket = BlockingSocket(port: gateway.port, receiveBufferBytes: 4096)!
      let isClosed = Self.flood(socket, Self.large, forMilliseconds: 20_000, reading: 1)
      #expect(isClosed)
      let isCounted = eventually { self.closed(gateway, "write_timeout") == 1 }
      #expect(isCounted)
      expectUnharmed(load)
    }

    @Test func `a client that reads slowly, but at its rate, gets every answer`() throws {
      let gateway = try gateway(["http.writeTimeout": ["500ms"], "http.rateMin": ["4KiB"]])
      let socket = BlockingSocket(port: gateway.port, receiveBufferBytes: 4096)!
      let count = 30
      socket.send(
        String(repeating: Self.large, count: count) + "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      var text = ""
      let started = milliseconds()
      while let more = socket.receive() {
        text += more
        usleep(20_000)
      }
      let answers = text.split(separator: "HTTP/1.1 200 OK", omittingEmptySubsequences: false).count - 1
      #expect(
        answers == count + 1 && text.hasSuffix(#"{"status":"ok"}"#), "\(answers) in \(milliseconds() - started) ms")
      #expect(milliseconds() - started > 1000, "it took longer than one stretch")
    }

    @Test func `a client that has closed its direction and reads nothing is cut off too`() throws {
      let gateway = try gateway(["http.writeTimeout": ["1s"]])
      let socket = BlockingSocket(port: gateway.port, receiveBufferBytes: 4096)!
      socket.send(String(repeating: Self.large, count: 300))
      socket.finishSending()
      let isCounted = eventually { self.closed(gateway, "write_timeout") == 1 }
      #expect(isCounted)
      #expect(gateway.metrics().sum("connections") == 0)
    }

    // MARK: After the last answer.

    @Test func `who sends on after a 4xx gets the answer and is closed after a bounded time`() throws {
      let gateway = try gateway(["http.writeTimeout": ["500ms"]])
      let client = gateway.connect()
      client.send("no request\r\n\r\n")
      #expect(client.receive()?.status == 400)
      let isOver = eventually {
        client.send("x")
        return client.closes(withinMilliseconds: 20)
      }
      #expect(isOver)
      let isCounted = eventually { self.closed(gateway, "malformed") == 1 }
      #expect(isCounted)
    }

    @Test func `who sends without end after a 4xx is closed after a bounded amount`() throws {
      let gateway = try gateway(["http.writeTimeout": ["600s"]])
      let load = try Load(gateway)
      let socket = BlockingSocket(port: gateway.port)!
      socket.send("no request\r\n\r\n")
      let started = milliseconds()
      let isClosed = Self.flood(socket, String(repeating: "x", count: 10_000), forMilliseconds: 20_000)
      #expect(isClosed && milliseconds() - started < 4500, "not the time but the bytes ended it")
      let isCounted = eventually { gateway.metrics().sum("connections_cut_lingering_total") == 1 }
      #expect(isCounted)
      expectUnharmed(load)
    }

    @Test func `a 413 in the middle of an upload arrives`() throws {
      let gateway = try gateway()
      let port = gateway.port
      let statuses = try concurrently(4) { _ -> [Int] in
        (0..<5).map { _ in
          let client = HTTPClient(port: port)!
          client.send("POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 700000\r\n\r\n")
          client.send(String(repeating: "x", count: 700_000))
          return client.receive()?.status ?? 0
        }
      }
      #expect(statuses.flatMap(\.self) == Array(repeating: 413, count: 20))
    }

    // MARK: Many.

    @Test func `ten thousand idle connections, then new ones`() throws {
      // Both ends are in this process: as many as it may have files, less what else is open.
      let count = min(10_000, (openFilesMax() - 1500) / 2)
      try #require(count >= 200, "ulimit -n is too low")
      let gateway = try gateway(["http.connectionsMax": ["\(count)"], "http.idleTimeout": ["600s"]])
      let before = residentBytes()
      // Opening them takes a while; at the cap idle connections live for a second, so that is what is looked at.
      let idle = (0..<count).map { _ in BlockingSocketBox(port: gateway.port) }
      let isFull = eventually { gateway.metrics().sum("connections_accepted_total") >= count }
      #expect(isFull)
      let each = (residentBytes() - before) / count
      #expect(each < 24 * 1024, "\(each) bytes a connection")
      let load = try Load(gateway)
      for _ in 0..<200 { #expect(gateway.connect().get("/livez")?.status == 200) }
      let page = gateway.metrics()
      #expect(page.sum("connections") <= count)
      #expect(
        page.sum("connections_closed_total", ["reason": "room"])
          + page.sum("connections_closed_total", ["reason": "idle"]) >= 1)
      // At the cap an idle connection has a second instead of ten minutes, and nobody else is harmed by its going.
      let isShrinking = eventually { self.closed(gateway, "idle") > 0 }
      #expect(isShrinking)
      expectUnharmed(load)
      withExtendedLifetime(idle) {}
    }

    @Test func `idle connections are closed sooner the more there are`() throws {
      let gateway = try gateway(["http.connectionsMax": ["100"], "http.idleTimeout": ["600s"]])
      let clients = (0..<90).map { _ in gateway.connect() }
      #expect(clients.last?.get("/livez")?.status == 200)
      // 90 of 100: 600 − 599 × 0.8 = 121 s. At the cap: 1 s.
      usleep(300_000)
      #expect(gateway.metrics().sum("connections") == 90)
      let more = (0..<10).map { _ in gateway.connect() }
      let isShrinking = eventually { self.closed(gateway, "idle") > 0 }
      #expect(isShrinking)
      withExtendedLifetime((clients, more)) {}
    }

    @Test func `a thousand and more who wait for one key are answered from trending at once`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address],
        flags: ["workers": ["1"], "memcached.timeout": ["5s"], "snapshots.warmBudget": ["0"]])
      memcached.stop()
      let clients = (0..<1100).map { _ in gateway.connect() }
      let request = HTTPClient.request("GET", target("detail", "itemId=b0001"))
      for client in clients { client.send(request) }
      let isFull = eventually { gateway.metrics().sum("fallbacks_total", ["reason": "overloaded"]) == 76 }
      #expect(isFull, "1,024 wait: \(gateway.metrics().sum("fallbacks_total", ["reason": "overloaded"]))")
      memcached.resume()
      var reasons: [String: Int] = [:]
      for client in clients {
        let answer = client.receive()
        #expect(answer?.status == 200)
        reasons[try answer?.recommendations.fallback?.reason ?? "none", default: 0] += 1
      }
      #expect(reasons == ["none": 1024, "overloaded": 76])
    }

    @Test func `who has gone while waiting leaves room for others`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address],
        flags: ["workers": ["1"], "memcached.timeout": ["5s"], "snapshots.warmBudget": ["0"]])
      memcached.stop()
      let request = HTTPClient.request("GET", target("detail", "itemId=b0001"))
      let first = (0..<600).map { _ in BlockingSocketBox(port: gateway.port) }
      for box in first { box.send(request) }
      let areWaiting = eventually { gateway.metrics().sum("cache_collapsed_total") == 599 }
      #expect(areWaiting)
      for box in first { box.reset() }
      let haveGone = eventually { gateway.metrics().sum("connections") == 0 }
      #expect(haveGone)
      let clients = (0..<600).map { _ in gateway.connect() }
      for client in clients { client.send(request) }
      let othersWait = eventually { gateway.metrics().sum("cache_collapsed_total") == 1199 }
      #expect(othersWait, "\(gateway.metrics().sum("cache_collapsed_total"))")
      memcached.resume()
      for client in clients {
        let answer = client.receive()
        #expect(try answer?.status == 200 && answer?.recommendations.fallback == nil)
      }
    }

    // MARK: Much.

    @Test func `pipelining beyond the cap is answered in order, and in turns with others`() throws {
      let gateway = try gateway(["echo": ["true"], "http.pipelinedMax": ["8"]])
      let load = try Load(gateway)
      let port = gateway.port
      let faults = try concurrently(3) { connection -> [String] in
        let client = HTTPClient(port: port)!
        let count = 4000
        client.send((0..<count).map { HTTPClient.request("GET", "/echo?c=\(connection)&n=\($0)") }.joined())
        for number in 0..<count {
          guard let answer = client.receive() else { return ["no answer \(number)"] }
          guard answer.text.contains("/echo?c=\(connection)&n=\(number)\"") else {
            return ["\(number): \(answer.text)"]
          }
        }
        return []
      }
      #expect(faults.flatMap(\.self) == [])
      expectUnharmed(load)
    }

    @Test func `bodies that arrive all at once are held up to a budget, and the slowest lets go first`() throws {
      let gateway = try gateway(["http.bufferBytes": ["1MiB"], "http.bodyTimeout": ["600s"], "http.rateMin": ["0"]])
      let head = "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n"
      let piece = String(repeating: " ", count: 200_000)
      let slow = (0..<3).map { _ in gateway.connect() }
      for client in slow {
        client.send(head + piece)
        let isHeld = eventually { gateway.metrics().sum("buffer_bytes") > 200_000 }
        #expect(isHeld)
      }
      usleep(1_200_000)
      // Twelve whole batches, each more than what is left.
      let events = event("click", user: "u", item: "b0001", id: "id") + String(repeating: " ", count: 400_000)
      for number in 0..<12 { #expect(gateway.connect().post("/v1/events", events)?.status == 202, "batch \(number)") }
      let answer = slow[0].receive()
      #expect(answer?.status == 503 && answer?["Retry-After"] != nil && answer?["Connection"] == "close")
      #expect(closed(gateway, "buffers") >= 1 || eventually { self.closed(gateway, "buffers") >= 1 })
      #expect(gateway.metrics().sum("buffer_bytes") <= 1 << 20)
    }

    @Test func `unread answers of many count against the same budget`() throws {
      let gateway = try gateway(["http.bufferBytes": ["1MiB"], "http.writeTimeout": ["600s"]])
      let load = try Load(gateway)
      let port = gateway.port
      let before = residentBytes()
      _ = try concurrently(8) { _ in
        Self.flood(BlockingSocket(port: port, receiveBufferBytes: 4096)!, Self.large, forMilliseconds: 3000)
      }
      #expect(closed(gateway, "buffers") >= 1 || eventually { self.closed(gateway, "buffers") >= 1 })
      #expect(residentBytes() - before < 64 << 20, "\(residentBytes() - before)")
      expectUnharmed(load)
    }

    // MARK: Gone.

    @Test func `resets at every point of a request and its answer harm nobody`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address], flags: ["workers": ["1"]])
      let load = try Load(gateway)
      let post = HTTPClient.request("POST", target("home"), [], #"{"segment":"1","numResults":100}"#)
      let bytes = Array((Self.large + post).utf8)
      for cut in stride(from: 0, through: bytes.count, by: 3) {
        let socket = BlockingSocket(port: gateway.port)!
        socket.send(Array(bytes[..<cut]))
        if cut % 2 == 0 { _ = socket.receiveSome(bytesMax: 100, timeoutMilliseconds: 1) }
        if cut % 4 == 3 { socket.finishSending() }
        socket.reset()
      }
      expectUnharmed(load)
      let isEmpty = eventually { gateway.metrics().sum("connections") == 0 }
      #expect(isEmpty)
      #expect(gateway.metrics().sum("buffer_bytes") == 0)
    }

    @Test func `every connection that ends is counted once, for its reason`() throws {
      let gateway = try gateway(["http.headTimeout": ["300ms"], "http.idleTimeout": ["2s"]])
      do {
        #expect(gateway.connect().get("/livez")?.status == 200)  // closes: client
        #expect(gateway.connect().get("/livez", ["Connection: close"])?.status == 200)
        let malformed = gateway.connect()
        malformed.send("nonsense\r\n\r\n")
        #expect(malformed.receive()?.status == 400)
        let slow = gateway.connect()
        slow.send("GET /l")
        #expect(slow.receive()?.status == 408)
        BlockingSocket(port: gateway.port)!.reset()
        #expect(gateway.connect().closes(), "idle")
      }
      let wanted = ["client", "requested", "malformed", "head_timeout", "broken", "idle"]
      let isCounted = eventually { wanted.allSatisfy { self.closed(gateway, $0) == 1 } }
      #expect(isCounted, "\(gateway.metrics().samples(of: "connections_closed_total"))")
      let page = gateway.metrics()
      #expect(page.sum("connections_closed_total") + page.sum("connections") == page.sum("connections_accepted_total"))
    }
  }
}
