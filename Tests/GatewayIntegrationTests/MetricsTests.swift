import TestSupport
import Testing

extension Integration {
  @Suite struct MetricsTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()

    @Test func `the page is Prometheus text, and counts each answer by its tier`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      let client = gateway.connect()
      #expect(client.get(target("home", "segment=1"))?.tier == "l2")
      for _ in 0..<3 { #expect(client.get(target("home", "segment=1"))?.tier == "l1") }
      #expect(client.get(target("detail", "itemId=b0001"))?.tier == "computed")
      for _ in 0..<2 { #expect(client.get(target("trending"))?.tier == "popular") }
      #expect(client.get(target("home", "numResults=0"))?.status == 400)
      #expect(client.get("/nowhere")?.status == 404)
      #expect(client.get(target("home", "userId=nobody"))?.status == 200)
      #expect(client.post("/v1/events", event("click", user: "u", item: "b0001", id: "1"))?.status == 202)

      let answer = gateway.admin("GET", "/metrics")
      #expect(answer["Content-Type"]?.hasPrefix("text/plain; version=0.0.4") == true)
      let page = try PrometheusPage(answer.text)
      func count(_ placement: String, _ tier: String, _ code: Int) -> Int {
        page.sum("http_requests_total", ["placement": placement, "tier": tier, "code": "\(code)"])
      }
      #expect(count("home", "l2", 200) == 1 && count("detail", "computed", 200) == 1 && count("trending", "popular", 200) == 2)
      #expect(count("home", "l1", 200) == 4 && count("home", "", 400) == 1 && count("", "", 404) == 1 && count("", "", 202) == 1)
      #expect(page.sum("fallbacks_total", ["placement": "home", "reason": "unknown_user", "source": "segment"]) == 1)
      #expect(page.sum("memcached_up") == 2 && page.sum("connections") >= 1)
      #expect(page.sum("model_items", ["model": "books"]) == TrainedModel.items)
      #expect(page.types["needletail_http_request_duration_seconds"] == "histogram")
    }

    @Test func `a histogram's buckets never fall and end at its count`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      for _ in 0..<20 { _ = client.get(target("home", "segment=1")) }
      let page = gateway.metrics()
      let buckets = page.samples(of: "http_request_duration_seconds_bucket", ["placement": "home", "tier": "l1"]).map(\.value)
      #expect(buckets.count == 23 && zip(buckets, buckets.dropFirst()).allSatisfy { $0 <= $1 })
      #expect(buckets.last == 19)
      #expect(page.sum("http_request_duration_seconds_count", ["placement": "home", "tier": "l1"]) == 19)
      let sum = page.samples(of: "http_request_duration_seconds_sum", ["tier": "l1"])[0].value
      #expect(sum > 0 && sum < 10)
    }

    @Test func `counters add up over all workers and never fall`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      let load = try Load(gateway)
      var last: [String: Double] = [:]
      for _ in 0..<5 {
        #expect(load.awaitAnswers(50))
        let page = gateway.metrics()
        for sample in page.samples where page.types[sample.name] == "counter" {
          let series = "\(sample.name) \(sample.labels.sorted { $0.key < $1.key })"
          #expect(sample.value >= last[series] ?? 0, "\(series)")
          last[series] = sample.value
        }
      }
      let report = load.stop()
      let counted = gateway.metrics().sum("http_requests_total", ["code": "200"])
      #expect(report.isClean && counted == report.answers, "\(report.answers) answers, \(counted) counted")
    }

    @Test func `the admin listener answers a client that has finished sending, and then ends`() throws {
      let gateway = try RunningGateway(repository)
      for target in ["/metrics", "/admin/v1/models"] {
        let client = HTTPClient(port: gateway.adminPort)!
        client.send(HTTPClient.request("GET", target))
        client.finishSending()
        #expect(client.receive()?.status == 200 && client.closes(withinMilliseconds: 5000), "\(target)")
      }
      let pipelined = HTTPClient(port: gateway.adminPort)!
      pipelined.send(HTTPClient.request("GET", "/livez") + HTTPClient.request("GET", "/metrics") + "nonsense\r\n\r\n")
      #expect(pipelined.receive()?.status == 200 && pipelined.receive()?.status == 200)
      #expect(pipelined.receive()?.status == 400 && pipelined.closes())
    }
  }

  @Suite struct DrainTests {
    let repository = TestRepository()

    @Test func `idle connections are closed at once, and no new ones are taken`() throws {
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
      for (number, client) in clients.enumerated() { client.send(HTTPClient.request("GET", target("home", "userId=late-\(number)"))) }
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
      let gateway = try RunningGateway(repository, flags: ["http.drainTimeout": ["600s"], "http.headTimeout": ["600s"]])
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
