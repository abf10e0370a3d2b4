import Gateway
import TestSupport
import Testing

extension Integration {
  @Suite struct MetricsTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()

    @Test func `the page is Prometheus text, and counts each answer by its tier`() throws {
      let gateway = try RunningGateway(
        repository, memcached: [memcached.address], flags: ["snapshots.warmBudget": ["0"]])
      _ = try Warmer.precompute(RunningGateway.settings(repository, [memcached.address])) { _, _ in }
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
      #expect(
        count("home", "l2", 200) == 1 && count("detail", "computed", 200) == 1 && count("trending", "popular", 200) == 2
      )
      #expect(
        count("home", "l1", 200) == 4 && count("home", "", 400) == 1 && count("", "", 404) == 1
          && count("", "", 202) == 1)
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
      let buckets = page.samples(of: "http_request_duration_seconds_bucket", ["placement": "home", "tier": "l1"]).map(
        \.value)
      #expect(buckets.count == 23 && zip(buckets, buckets.dropFirst()).allSatisfy { $0 <= $1 })
      #expect(buckets.last == 20)
      #expect(page.sum("http_request_duration_seconds_count", ["placement": "home", "tier": "l1"]) == 20)
      let sum = page.samples(of: "http_request_duration_seconds_sum", ["tier": "l1"])[0].value
      #expect(sum > 0 && sum < 10)
    }

    @Test func `each list that is computed counts once in every stage, and the stages make up the whole`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      for item in 1...9 { #expect(client.get(target("detail", "itemId=b000\(item)"))?.tier == "computed") }
      for _ in 0..<9 { #expect(client.get(target("detail", "itemId=b0001"))?.tier == "l1") }
      let page = gateway.metrics()
      #expect(page.types["needletail_compute_stage_duration_seconds"] == "histogram")
      var parts = 0.0
      for stage in ["prepare", "rules", "search", "features", "diversity", "render"] {
        let count = page.sum("compute_stage_duration_seconds_count", ["stage": stage])
        #expect(count == 9, "\(stage)")
        parts += page.samples(of: "compute_stage_duration_seconds_sum", ["stage": stage])[0].value
      }
      #expect(page.sum("stage_duration_seconds_count", ["stage": "compute"]) == 9)
      let whole = page.samples(of: "stage_duration_seconds_sum", ["stage": "compute"])[0].value
      #expect(parts <= whole && parts > whole * 0.8, "the parts take \(parts) s of \(whole) s")
    }

    @Test func `a list that cannot be made counts as computing and in no stage`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let answer = client.get(target("home", "segment=1&filter=category:nowhere"))
      #expect(answer?.status == 200)
      let page = gateway.metrics()
      #expect(page.sum("stage_duration_seconds_count", ["stage": "compute"]) == 1)
      #expect(page.sum("compute_stage_duration_seconds_count") == 0)
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
}
