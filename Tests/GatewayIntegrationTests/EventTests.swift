import Bytes
import Configuration
import Events
import FoundationEssentials
import Model
import TestSupport
import Testing
import Trainer

extension Integration {
  /// POST /v1/events: what is taken, what is not, and that answers reflect it at once.
  @Suite struct EventTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()

    private func post(_ client: HTTPClient, _ body: String) throws -> EventCounts {
      let answer = try #require(client.post("/v1/events", body))
      #expect(answer.status == 202, "\(answer.text)")
      return try answer.decoded()
    }

    @Test func `a batch is counted event by event, with a reason for each that is not taken`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let long = String(repeating: "x", count: 256)
      let counts = try post(
        client,
        #"""
        {"events":[
          {"eventId":"a","eventType":"click","userId":"u","itemId":"b0001"},
          {"eventId":"b","eventType":"gaze","userId":"u","itemId":"b0001"},
          {"eventId":"c","eventType":"view","itemId":"b0001"},
          {"eventId":"d","eventType":"view","userId":"u"},
          {"eventType":"view","userId":"u","itemId":"b0001"},
          7,
          {"eventId":"e","eventType":"view","userId":"u","itemId":"\#(long)"},
          {"eventId":"f","eventType":"view","userId":"u","itemId":"b0001","sentAt":"yesterday"},
          {"eventId":"g","eventType":"impression","userId":"u"},
          {"eventId":"h","eventType":"impression","userId":"u","impression":["b0001","b0002"]},
          {"eventId":"i","eventType":"purchase","userId":"u","itemId":"b0002","sentAt":"2026-11-22T16:21:00Z"},
          {"eventId":"a","eventType":"click","userId":"u","itemId":"b0001"}
        ]}
        """#)
      #expect(counts.accepted == 4 && counts.duplicates == 1)
      #expect(counts.rejected.map(\.index) == [1, 2, 3, 4, 5, 6, 7, 8])
      for (rejected, word) in zip(
        counts.rejected, ["gaze", "userId", "itemId", "eventId", "object", "itemId", "sentAt", "impression"])
      {
        #expect(rejected.reason.contains(word), "\(rejected)")
      }
      let page = gateway.metrics()
      #expect(page.sum("events_total", ["type": "accepted"]) == 3)
      #expect(page.sum("events_total", ["type": "rejected"]) == 8)
      #expect(page.sum("events_total", ["type": "duplicate"]) == 1)
    }

    @Test func `an event sent again, over another connection too, counts once`() throws {
      let gateway = try RunningGateway(repository)
      for round in 0..<6 {
        let counts = try post(gateway.connect(), event("click", user: "u", item: "b0001", id: "same"))
        #expect(counts == EventCounts(accepted: 1, duplicates: round == 0 ? 0 : 1, rejected: []))
      }
    }

    @Test func `a batch that is no batch is refused as a whole`() throws {
      let gateway = try RunningGateway(repository, flags: ["events.batchMax": ["3"], "events.bodyBytes": ["4096B"]])
      let client = gateway.connect()
      for body in ["{", "[]", "{}", #"{"events":7}"#, #"{"events":[]}"#] {
        let answer = try #require(client.post("/v1/events", body))
        #expect(answer.status == 400 && answer["Content-Type"] == "application/problem+json", "\(body)")
      }
      let four = try #require(client.post("/v1/events", #"{"events":[1,2,3,4]}"#))
      #expect(four.status == 413)
      #expect(try four.problem.errors?.first?.pointer == "/events")
      let large = try #require(client.post("/v1/events", #"{"events":["\#(String(repeating: "x", count: 5000))"]}"#))
      #expect(large.status == 413 && client.closes())
    }

    @Test func `a beacon's text is taken as JSON`() throws {
      let gateway = try RunningGateway(repository)
      let answer = gateway.connect().ask(
        "POST", "/v1/events", ["Content-Type: text/plain"], event("view", user: "u", item: "b0001", id: "beacon"))
      #expect(answer?.status == 202)
    }

    /// The answer after the 202 reflects the event, on whichever connection and worker it is asked for.
    private func expectReflected(_ gateway: RunningGateway, users: Int, eventsEach: Int) throws {
      let posting = gateway.connect()
      // Eight connections: that all are one worker's has a chance of 1 in 128.
      let asking = (0..<8).map { _ in gateway.connect() }
      for user in 0..<users {
        var shown = try #require(asking[user % 8].get(target("home", "userId=v\(user)"))).recommendations
        #expect(shown.fallback?.reason == "unknown_user")
        var touched: [String] = []
        for number in 0..<eventsEach {
          let item = shown.ids[number % 3]
          touched.append(item)
          _ = try post(posting, event("click", user: "v\(user)", item: item, id: "v\(user)-\(number)"))
          let answer = try #require(asking[(user + number) % 8].get(target("home", "userId=v\(user)&numResults=20")))
          shown = try answer.recommendations
          #expect(shown.fallback == nil && shown.items.count == 20, "user \(user), event \(number)")
          #expect(Set(shown.ids).isDisjoint(with: touched.suffix(10)), "user \(user), event \(number)")
          #expect(answer.tier == "computed", "a list from before the event answered: user \(user), event \(number)")
        }
      }
    }

    @Test func `the next request reflects an event, whoever answers it`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      try expectReflected(gateway, users: 100, eventsEach: 1)
    }

    @Test func `each of many events in a second is reflected`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      try expectReflected(gateway, users: 4, eventsEach: 40)
    }

    @Test func `without memcached the next request reflects an event too`() throws {
      let gateway = try RunningGateway(repository)
      try expectReflected(gateway, users: 50, eventsEach: 1)
    }

    @Test func `who looked at one kind of book is shown more of that kind`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      let client = gateway.connect()
      let kinds = TrainedModel.shared.categories(of: "b0001")
      let alike = (1...TrainedModel.items).map { "b" + String("000\($0)".suffix(4)) }.filter {
        TrainedModel.shared.categories(of: $0) == kinds
      }
      let before = try #require(client.get(target("home", "userId=reader&numResults=20"))).recommendations.ids
      for (number, item) in alike.prefix(3).enumerated() {
        _ = try post(client, event("purchase", user: "reader", item: item, id: "kind-\(number)"))
      }
      let after = try #require(client.get(target("home", "userId=reader&numResults=20"))).recommendations.ids
      func share(_ ids: [String]) -> Int {
        ids.count { !Set(TrainedModel.shared.categories(of: $0)).isDisjoint(with: kinds) }
      }
      #expect(share(after) > share(before), "\(kinds): \(share(before)) of 20 before, \(share(after)) after")
    }

    @Test func `a known reader's window adds to what the model knows as seen`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      let client = gateway.connect()
      let first = try #require(client.get(target("home", "userId=u0009&numResults=5"))).recommendations.ids
      _ = try post(client, event("view", user: "u0009", item: first[0], id: "known"))
      let shelf = try #require(client.get(target("home", "userId=u0009&numResults=100"))).recommendations
      #expect(shelf.fallback == nil && !shelf.ids.contains(first[0]))
      #expect(Set(shelf.ids).isDisjoint(with: TrainedModel.shared.seen(by: "u0009")))
    }

    @Test func `a window outlives the gateway in memcached`() throws {
      let first = try RunningGateway(repository, memcached: [memcached.address])
      _ = try post(first.connect(), event("click", user: "ann", item: "b0005", id: "1"))
      first.stop()
      let second = try RunningGateway(repository, memcached: [memcached.address])
      let shelf = try #require(second.connect().get(target("home", "userId=ann&numResults=100"))).recommendations
      #expect(shelf.fallback == nil && !shelf.ids.contains("b0005"))
    }

    @Test func `two gateways that take events of one user at once both keep theirs`() throws {
      let one = try RunningGateway(repository, memcached: [memcached.address])
      let two = try RunningGateway(
        repository, memcached: [memcached.address], dataDirectory: repository.folder.file("two"))
      let ports = [one.port, two.port]
      for round in 0..<5 {
        let posted = try concurrently(2) { side -> Bool in
          let client = HTTPClient(port: ports[side])!
          return (0..<5).allSatisfy { number in
            let body = event(
              "click", user: "pair\(round)", item: "b00\(side + 1)\(number)", id: "r\(round)-s\(side)-\(number)")
            return client.post("/v1/events", body)?.status == 202
          }
        }
        #expect(posted == [true, true])
        let raw = RawMemcached(memcached)
        let bytes = try #require(raw.get("nt1:default:w:\(TrainedModel.shared.hash("pair\(round)"))")).bytes
        let window = try Window(bytes.span.bytes)
        var items: Set<String> = []
        for index in 0..<window.count { items.insert(String(copying: window.itemID(index))) }
        let wanted = Set((0..<2).flatMap { side in (0..<5).map { "b00\(side + 1)\($0)" } })
        #expect(items == wanted, "round \(round)")
      }
    }

    @Test func `another gateway's event is seen once a window's copy is past fresh`() throws {
      let one = try RunningGateway(repository, memcached: [memcached.address])
      let two = try RunningGateway(
        repository, memcached: [memcached.address], dataDirectory: repository.folder.file("two"),
        flags: ["window.fresh": ["1s"]])
      let client = two.connect()
      #expect(try client.get(target("home", "userId=roamer"))?.recommendations.fallback?.reason == "unknown_user")
      _ = try post(one.connect(), event("click", user: "roamer", item: "b0005", id: "roam"))
      let isSeen = try eventually { try client.get(target("home", "userId=roamer"))?.recommendations.fallback == nil }
      #expect(isSeen)
    }

    @Test func `accepted events are on disk when the gateway has stopped, and train reads them`() throws {
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      let client = gateway.connect()
      var sent: Set<String> = []
      for user in 0..<30 {
        let events = (0..<6).map { number -> String in
          let id = "disk-\(user)-\(number)"
          sent.insert(id)
          let item = "b" + String("000\((user % 3) * 12 + (user + number * number) % 12 + 1)".suffix(4))
          return
            #"{"eventId":"\#(id)","eventType":"view","userId":"u\#(user)","itemId":"\#(item)","position":\#(number)}"#
        }
        _ = try post(client, #"{"events":[\#(events.joined(separator: ","))]}"#)
      }
      gateway.stop()
      let folder = gateway.settings.dataDirectory + "/events"
      var kept: Set<String> = []
      for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
        let lines = try SegmentReader.lines(of: folder + "/" + name)
        let text = String(copying: lines.bytes)
        for line in text.split(separator: "\n") {
          struct Line: Decodable { let eventId, user, item, event: String; let timestamp: Int }
          kept.insert(try JSONDecoder().decode(Line.self, from: Data(line.utf8)).eventId)
        }
      }
      #expect(kept == sent)
      var options = TrainOptions(
        data: DatasetOptions(interactions: folder, identity: TrainedModel.shared.identity),
        snapshotPath: repository.folder.file("again.ntsnap"))
      options.heldOutShare = 0
      options.segments.count = 2
      let report = try TrainPipeline.run(options)
      #expect(report.data.users == 30 && report.data.items > 10)
    }

    @Test func `impressions and clicks are counted for the version that recommended`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let shelf = try #require(client.get(target("home", "numResults=3"))).recommendations
      let items = shelf.ids.map { "\"\($0)\"" }.joined(separator: ",")
      _ = try post(
        client,
        #"""
        {"events":[{"eventId":"i","eventType":"impression","userId":"u","recommendationId":"\#(shelf.recommendationId)","impression":[\#(items)]},
        {"eventId":"c","eventType":"click","userId":"u","itemId":"\#(shelf.ids[1])","recommendationId":"\#(shelf.recommendationId)"},
        {"eventId":"n","eventType":"click","userId":"u","itemId":"\#(shelf.ids[1])","recommendationId":"none of ours"}]}
        """#)
      let page = gateway.metrics()
      #expect(page.sum("impressions_total", ["placement": "home", "version": "1"]) == 3)
      #expect(page.sum("clicks_total") == 1)
    }
  }
}
