import TestSupport
import Testing

extension Integration {
  /// `Server-Timing`: off unless asked for, in milliseconds, and adding up.
  @Suite struct ServerTimingTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()

    private func gateway(_ flags: [String: [String]] = [:]) throws -> RunningGateway {
      try RunningGateway(
        repository, memcached: [memcached.address],
        flags: flags.merging(["http.serverTiming": ["true"], "snapshots.warmBudget": ["0"]]) { $1 })
    }

    /// Stage by stage; nil when the line is none.
    private func times(_ answer: HTTPAnswer?) -> [String: Double]? {
      guard let line = answer?["Server-Timing"] else { return nil }
      var times: [String: Double] = [:]
      for member in line.split(separator: ", ") {
        guard let match = member.wholeMatch(of: /([a-z]+);dur=([0-9]+\.[0-9]{3})/), let value = Double(match.2),
          times.updateValue(value, forKey: String(match.1)) == nil
        else { return nil }
      }
      return times
    }

    @Test func `it is off by default`() throws {
      let gateway = try RunningGateway(repository, flags: ["cors.origins": ["*"]])
      let client = gateway.connect()
      for _ in 0..<3 {
        let answer = client.get(target("home", "segment=1"), ["Origin: https://a.example"])
        #expect(answer?.status == 200 && answer?["Server-Timing"] == nil && answer?["Timing-Allow-Origin"] == nil)
      }
    }

    @Test func `each tier names the stages that it went through`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      let path = target("detail", "itemId=b0007")
      let computed = try #require(times(client.get(path)))
      #expect(Set(computed.keys) == ["cache", "memcached", "compute", "total"], "\(computed)")
      for _ in 0..<3 {
        let hit = try #require(times(client.get(path)))
        #expect(Set(hit.keys) == ["cache", "total"], "\(hit)")
      }
      let other = try RunningGateway(
        repository, memcached: [memcached.address], dataDirectory: repository.folder.file("other"),
        flags: ["http.serverTiming": ["true"], "snapshots.warmBudget": ["0"]])
      let l2 = try #require(times(other.connect().get(path)))
      #expect(Set(l2.keys) == ["cache", "memcached", "total"], "\(l2)")
      #expect(times(client.get(target("trending")))?.keys.sorted() == ["total"])
    }

    @Test func `no stage is longer than the whole, and a wait is in it`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      for query in ["userId=u0001", "userId=nobody", "segment=1", "itemId=b0009"] {
        let stages = try #require(times(client.get(target("home", query))), "\(query)")
        let total = try #require(stages["total"])
        #expect(stages.values.allSatisfy { $0 <= total } && total > 0, "\(query): \(stages)")
      }
      memcached.stop()
      let started = milliseconds()
      client.send(HTTPClient.request("GET", target("detail", "itemId=b0033")))
      let isWaiting = eventually { gateway.metrics().sum("http_requests_in_flight") > 0 }
      #expect(isWaiting)
      memcached.resume()
      let answer = client.receive()
      let taken = Double(milliseconds() - started)
      let stages = try #require(times(answer))
      let (waited, total) = (stages["memcached"] ?? 0, stages["total"] ?? 0)
      #expect(0 < waited && waited <= total && total <= taken + 1, "\(stages), seen \(taken)")
    }

    @Test func `304, HEAD and a batch have it, a problem does not`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      #expect(times(client.get(target("home"), ["If-None-Match: *"])) != nil)
      #expect(times(client.ask("HEAD", target("home"))) != nil)
      let batch = client.post("/v1/recommendations:batch", #"{"requests":[{"placement":"home","segment":"2"}]}"#)
      #expect(times(batch)?.keys.sorted() == ["cache", "compute", "memcached", "total"], "\(batch?.fields ?? [])")
      #expect(client.get(target("home", "hour=25"))?["Server-Timing"] == nil)
    }

    @Test func `a page of an allowed origin may read it, and no other`() throws {
      let gateway = try gateway(["cors.origins": ["https://shop.example"]])
      let client = gateway.connect()
      let allowed = client.get(target("home"), ["Origin: https://shop.example"])
      #expect(allowed?["Timing-Allow-Origin"] == "https://shop.example")
      #expect(allowed?["Access-Control-Expose-Headers"]?.contains("Server-Timing") == true)
      #expect(client.get(target("home"), ["Origin: https://evil.example"])?["Timing-Allow-Origin"] == nil)
      let open = try self.gateway(["cors.origins": ["*"]])
      #expect(open.connect().get(target("home"))?["Timing-Allow-Origin"] == "*")
    }
  }
}
