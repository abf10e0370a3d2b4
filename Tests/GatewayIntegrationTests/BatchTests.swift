import FoundationEssentials
import Gateway
import Reactor
import TestSupport
import Testing

extension Integration {
  /// Several shelves of a page in one answer.
  @Suite struct BatchTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()
    static let path = "/v1/recommendations:batch"

    /// One of a batch's responses: an answer, or the problem in its place.
    enum Response: Decodable {
      case shelf(Recommendations)
      case problem(ProblemText)

      init(from decoder: any Decoder) throws {
        if let problem = try? ProblemText(from: decoder) {
          self = .problem(problem)
        } else {
          self = .shelf(try Recommendations(from: decoder))
        }
      }

      var shelf: Recommendations? { if case .shelf(let shelf) = self { shelf } else { nil } }
      var problem: ProblemText? { if case .problem(let problem) = self { problem } else { nil } }
    }

    struct Envelope: Decodable { let responses: [Response] }

    private func gateway(_ flags: [String: [String]] = [:]) throws -> RunningGateway {
      try RunningGateway(
        repository, memcached: [memcached.address], flags: flags.merging(["snapshots.warmBudget": ["0"]]) { $1 })
    }

    private func body(_ requests: [String]) -> String { "{\"requests\":[\(requests.joined(separator: ","))]}" }

    private func ask(
      _ client: HTTPClient, _ requests: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [Response] {
      let answer = try #require(client.post(Self.path, body(requests)), sourceLocation: sourceLocation)
      #expect(answer.status == 200, "\(answer.text.prefix(300))", sourceLocation: sourceLocation)
      let envelope: Envelope = try answer.decoded()
      #expect(envelope.responses.count == requests.count, sourceLocation: sourceLocation)
      return envelope.responses
    }

    private func shelves(
      _ client: HTTPClient, _ requests: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [Recommendations] {
      try ask(client, requests, sourceLocation: sourceLocation).map {
        try #require($0.shelf, "\(String(describing: $0.problem))", sourceLocation: sourceLocation)
      }
    }

    // MARK: Answers.

    @Test func `a batch of one is what a single request is answered with`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      for body in [
        #"{"placement":"home","segment":"2","numResults":7}"#, #"{"placement":"home","userId":"u0001"}"#,
        #"{"placement":"home","userId":"nobody","fields":["title"]}"#, #"{"placement":"detail","itemId":"b0007"}"#,
        #"{"placement":"detail","itemId":"no-such-book"}"#, #"{"placement":"trending"}"#,
        #"{"placement":"home","filter":"category:none-such"}"#,
        #"{"placement":"home","filter":"category:none-such","strictFiltering":true}"#,
      ] {
        let placement = String(try #require(body.firstMatch(of: /"placement":"([a-z]+)"/)).1)
        let single = try #require(client.post(target(placement), body)).text
        let batch = try #require(client.post(Self.path, self.body([body]))).text
        #expect(withoutIDs(batch) == withoutIDs("{\"responses\":[\(single)]}"), "\(body)")
      }
    }

    /// A text but for the characters that differ every time.
    private func withoutIDs(_ text: String) -> String {
      text.replacing(/"recommendationId":"[0-9A-Z]{26}"/, with: "")
    }

    @Test func `answers stand in the order of their requests, whichever was ready first`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      // One that is at hand between two that are computed, twice: then all are at hand.
      for round in 0..<2 {
        let all = try shelves(
          client,
          [
            #"{"placement":"detail","itemId":"b0011","numResults":3}"#, #"{"placement":"trending","numResults":4}"#,
            #"{"placement":"home","userId":"visitor","numResults":5}"#, #"{"placement":"home","segment":"1","numResults":6}"#,
          ])
        #expect(all.map(\.placement) == ["detail", "trending", "home", "home"], "round \(round)")
        #expect(all.map(\.items.count) == [3, 4, 5, 6])
        #expect(Set(all.map(\.recommendationId)).count == 4)
        #expect(all[2].fallback?.reason == "unknown_user" && all[3].fallback == nil)
      }
    }

    @Test func `an item that a shelf shows is on no later one, and those are as long as asked for`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      let alike = Array(repeating: #"{"placement":"home","segment":"1","numResults":10}"#, count: 3)
      let mixed = [
        #"{"placement":"trending","numResults":20}"#, #"{"placement":"home","userId":"u0003","numResults":20}"#,
        #"{"placement":"home","segment":"1","numResults":20}"#, #"{"placement":"trending","numResults":10}"#,
        #"{"placement":"detail","itemId":"b0003","numResults":20}"#,
      ]
      for requests in [alike, mixed, alike + mixed] {
        for round in 0..<2 {
          let all = try shelves(client, requests)
          let ids = all.flatMap(\.ids)
          #expect(Set(ids).count == ids.count, "round \(round)")
          let lengths = requests.map { Int($0.firstMatch(of: /"numResults":(\d+)/)!.1)! }
          #expect(all.map(\.items.count) == lengths, "round \(round)")
        }
      }
      // The first is what it would be alone; the second goes on where the first ended.
      let alone = try #require(client.get(target("home", "segment=1&numResults=30"))).recommendations.ids
      #expect(try shelves(client, alike).flatMap(\.ids) == alone)
      #expect(try #require(client.get(target("home", "segment=1&numResults=10"))).recommendations.ids == Array(alone[..<10]))
    }

    @Test func `what one request excludes, filters and chooses is its own`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      let first = try #require(client.get(target("home", "segment=1&numResults=3"))).recommendations.ids
      let category = TrainedModel.shared.categories(of: first[2])[0]
      let answer = try #require(
        client.post(
          Self.path,
          body([
            #"{"placement":"home","segment":"1","numResults":2,"exclude":["\#(first[0])"],"fields":["title"]}"#,
            #"{"placement":"home","segment":"1","numResults":3,"filter":{"category":["\#(category)"]}}"#,
            #"{"placement":"home","segment":"1","numResults":2}"#,
          ])))
      let envelope: Envelope = try answer.decoded()
      let all = envelope.responses.compactMap(\.shelf)
      #expect(all.count == 3)
      #expect(all[0].ids == [first[1], first[2]])
      #expect(all[1].ids.allSatisfy { TrainedModel.shared.categories(of: $0).contains(category) && $0 != first[2] })
      #expect(all[2].ids[0] == first[0], "what another request excludes is not excluded here")
      let texts = answer.text.split(separator: #"{"recommendationId""#)
      #expect(!texts[1].contains("categories") && texts[2].contains("categories") && texts[3].contains("categories"))
    }

    @Test func `each user of a batch is answered as that user`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      let events = ["ann", "ben"].enumerated().map {
        #"{"eventId":"batch-\#($0)","eventType":"click","userId":"\#($1)","itemId":"b001\#($0)"}"#
      }
      #expect(client.post("/v1/events", #"{"events":[\#(events.joined(separator: ","))]}"#)?.status == 202)
      for _ in 0..<2 {
        let all = try shelves(
          client,
          ["ann", "ben", "u0004", "nobody"].map { #"{"placement":"home","userId":"\#($0)","numResults":20}"# })
        #expect(all[0].fallback == nil && all[1].fallback == nil && all[2].fallback == nil)
        #expect(all[3].fallback == .init(reason: "unknown_user", source: "segment"))
        #expect(!all[0].ids.contains("b0010") && !all[1].ids.contains("b0011"))
        #expect(Set(all[2].ids).isDisjoint(with: TrainedModel.shared.seen(by: "u0004")))
        #expect(all.allSatisfy { $0.items.count == 20 })
      }
    }

    // MARK: One round trip.

    @Test func `what all shelves need is asked of memcached at once`() throws {
      // A memcached that answers nothing: what has come before its silence is seen is what left in the first turn.
      let heard = Overheard()
      let peer = ScriptedPeer { socket, _ in
        guard answerGreeting(socket) else { return }
        while let text = socket.receive(timeoutMilliseconds: 3000), !text.isEmpty { heard.append(text) }
      }
      let gateway = try RunningGateway(
        repository, memcached: [peer.address],
        flags: ["workers": ["1"], "snapshots.warmBudget": ["0"], "memcached.timeout": ["1s"]], awaitsReady: false)
      let isUp = eventually { gateway.isReady && gateway.isConnected }
      #expect(isUp)
      let client = gateway.connect()
      client.send(
        HTTPClient.request(
          "POST", Self.path, [],
          body([
            #"{"placement":"home","userId":"ann"}"#, #"{"placement":"home","userId":"ben"}"#,
            #"{"placement":"detail","itemId":"b0001"}"#, #"{"placement":"home","segment":"2"}"#,
            #"{"placement":"home","segment":"3"}"#,
          ])))
      let hasAsked = eventually { heard.text.components(of: "mg ") >= 6 }
      #expect(hasAsked, "\(heard.text)")
      let text = heard.text
      // Two windows, the segment's list that both share, an item's and two segments'.
      #expect(text.components(of: "mg nt1:default:w:") == 2 && text.components(of: "mg ") == 6, "\(text)")
      let answer = try #require(client.receive())
      let envelope: Envelope = try answer.decoded()
      #expect(envelope.responses.compactMap(\.shelf).count == 5 && answer.status == 200)
    }

    @Test func `a batch whose lists memcached has is answered from there, then from memory`() throws {
      let warm = try RunningGateway(
        repository, memcached: [memcached.address], flags: ["snapshots.warmBudget": ["0"]])
      _ = try Warmer.precompute(RunningGateway.settings(repository, [memcached.address])) { _, _ in }
      let client = warm.connect()
      let requests = (0..<TrainedModel.segments).map { #"{"placement":"home","segment":"\#($0)"}"# }
      let first = try #require(client.post(Self.path, body(requests)))
      #expect(first["Cache-Status"]?.wholeMatch(of: /Needletail; hit; ttl=\d+; detail=l2/) != nil, "\(first.fields)")
      let second = try #require(client.post(Self.path, body(requests)))
      #expect(second["Cache-Status"]?.wholeMatch(of: /Needletail; hit; ttl=\d+; detail=l1/) != nil, "\(second.fields)")
      let page = warm.metrics()
      #expect(page.sum("http_requests_total", ["placement": "home", "tier": "l2", "code": "200"]) == TrainedModel.segments)
      #expect(page.sum("http_requests_total", ["placement": "home", "tier": "l1", "code": "200"]) == TrainedModel.segments)
    }

    @Test func `a memcached that says nothing keeps a batch waiting no longer than its requests allow`() throws {
      let silent = ScriptedPeer { socket, _ in
        guard answerGreeting(socket) else { return }
        while let text = socket.receive(timeoutMilliseconds: 9000), !text.isEmpty {}
      }
      let gateway = try RunningGateway(
        repository, memcached: [silent.address],
        flags: [
          "workers": ["1"], "snapshots.warmBudget": ["0"], "placements.home.deadline": ["60ms"],
          "memcached.timeout": ["5s"],
        ], awaitsReady: false)
      let isUp = eventually { gateway.isReady && gateway.isConnected }
      #expect(isUp)
      let client = gateway.connect()
      let started = milliseconds()
      let all = try shelves(
        client,
        [
          #"{"placement":"home","segment":"1"}"#, #"{"placement":"detail","itemId":"b0002","timeoutMs":40}"#,
          #"{"placement":"home","userId":"ann"}"#, #"{"placement":"trending"}"#,
        ])
      #expect(milliseconds() - started < 4000, "memcached may take 5 s; the requests allow 60 ms")
      // Computed when half of their time is up, or cut short on a machine that is busy with other things.
      let reasons = Set(all.compactMap { $0.fallback?.reason })
      #expect(reasons.isSubset(of: ["deadline_exceeded", "cache_unavailable", "unknown_user"]), "\(reasons)")
      let ids = all.flatMap(\.ids)
      #expect(Set(ids).count == ids.count && all.allSatisfy { $0.items.count == 10 })
    }

    // MARK: What is wrong.

    @Test func `a request that is wrong has a problem in its place, and the others are answered`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      let requests = [
        #"{"placement":"attic"}"#, #"{"placement":"home","segment":"1"}"#, #"{"placement":"home","numResults":101}"#,
        #"{"placement":"home","filter":"colour:red"}"#, #"{"userId":"u0001"}"#, "7",
        #"{"placement":"detail","itemId":"b0005"}"#, #"{"placement":"home","context":{"hour":24}}"#,
      ]
      let wrong = [
        0: (404, "/requests/0/placement"), 2: (400, "/requests/2/numResults"), 3: (400, "/requests/3/filter"),
        4: (400, "/requests/4/placement"), 5: (400, "/requests/5"), 7: (400, "/requests/7/context/hour"),
      ]
      for order in [Array(requests.indices), Array(requests.indices.reversed()), [1, 0], [0, 1], [1, 3], [3], [0], [0, 5]] {
        let all = try ask(client, order.map { requests[$0] })
        for (place, number) in order.enumerated() {
          guard let (status, pointer) = wrong[number] else {
            #expect(all[place].shelf?.items.count == 10, "\(order), \(place)")
            continue
          }
          let problem = try #require(all[place].problem, "\(order), \(place)")
          let there = pointer.replacing("/requests/\(number)", with: "/requests/\(place)")
          #expect(problem.status == status && problem.errors?.first?.pointer == there, "\(order), \(place): \(problem)")
        }
      }
      let page = gateway.metrics()
      #expect(page.sum("http_requests_total", ["placement": "", "code": "404", "tier": ""]) > 0)
      #expect(page.sum("http_requests_total", ["placement": "home", "code": "400", "tier": ""]) > 0)
    }

    @Test func `a body that is no batch is one 400, too much in it one 413, and the connection stays`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      func refused(_ body: String) throws -> (Int, String?) {
        let answer = try #require(client.post(Self.path, body))
        #expect(answer["Content-Type"] == "application/problem+json" && answer["Cache-Control"] == "no-store")
        return (answer.status, try answer.problem.errors?.first?.pointer)
      }
      for text in ["", "{", "[]", #"{"requests":7}"#, #"{"requests":[]}"#, #"{"userId":"u"}"#] {
        #expect(try refused(text).0 == 400, "\(text)")
      }
      let home = #"{"placement":"home"}"#
      #expect(try refused(body(Array(repeating: home, count: 17))) == (413, "/requests"))
      #expect(try ask(client, Array(repeating: #"{"placement":"home","numResults":25}"#, count: 16)).count == 16)
      #expect(
        try refused(body(Array(repeating: #"{"placement":"home","numResults":26}"#, count: 16))) == (413, "/requests"))
      #expect(client.get("/livez")?.status == 200)
      let long = String(repeating: "x", count: 4 * 64 * 1024)
      let answer = client.post(Self.path, #"{"requests":[{"placement":"home","x":"\#(long)"}]}"#)
      #expect(answer?.status == 413 && answer?["Connection"] == "close" && client.closes())
    }

    // MARK: HTTP.

    @Test func `the answer is for nobody to keep, and a page of an allowed origin may read it`() throws {
      let gateway = try gateway(["cors.origins": ["https://shop.example"]])
      let client = gateway.connect()
      let answer = try #require(
        client.post(Self.path, body([#"{"placement":"home","userId":"u0001"}"#]), ["Origin: https://shop.example"]))
      #expect(answer["Cache-Control"] == "private, no-store" && answer["ETag"] == nil && answer["Age"] == nil)
      #expect(answer["Content-Type"] == "application/json" && Int(answer["Content-Length"] ?? "") == answer.body.count)
      #expect(answer["Access-Control-Allow-Origin"] == "https://shop.example" && answer["Vary"] == "Origin")
      #expect(answer["Cache-Status"] == "Needletail; fwd=uri-miss; stored; detail=computed")
      // The beacon's way in: no preflight.
      let plain = client.ask("POST", Self.path, ["Content-Type: text/plain"], body([#"{"placement":"trending"}"#]))
      #expect(plain?.status == 200 && plain?["Cache-Status"] == "Needletail; hit; detail=popular")
    }

    @Test func `batches are counted, and so is each of their requests`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      for _ in 0..<3 {
        _ = try shelves(client, [#"{"placement":"trending"}"#, #"{"placement":"home","userId":"nobody"}"#])
      }
      _ = client.post(Self.path, "{")
      let page = gateway.metrics()
      #expect(page.sum("batch_requests_total") == 4)
      #expect(page.sum("http_requests_total", ["placement": "trending", "code": "200"]) == 3)
      #expect(page.sum("http_requests_total", ["placement": "home", "code": "200"]) == 3)
      #expect(page.sum("fallbacks_total", ["placement": "home", "reason": "unknown_user"]) == 3)
      #expect(page.sum("http_requests_total", ["code": "400"]) == 1)
    }

    @Test func `batches and single requests of a pipeline are answered in their order, on their connection`() throws {
      let gateway = try gateway(["cache.l1.bytes": ["1MiB"]])
      let port = gateway.port
      let faults = try concurrently(4) { connection -> [String] in
        let client = HTTPClient(port: port)!
        var random = SeededRandom(seed: UInt64(connection) + 100)
        for round in 0..<10 {
          let asked = (0..<12).map { number -> (request: String, placements: [String], counts: [Int]) in
            let count = number % 3 == 0 ? 1 : Int.random(in: 1...6, using: &random)
            var (parts, placements, counts): ([String], [String], [Int]) = ([], [], [])
            for part in 0..<count {
              let items = Int.random(in: 1...12, using: &random)
              let kind = Int.random(in: 0..<4, using: &random)
              let member = [
                #""placement":"home","userId":"c\#(connection)-\#(round)-\#(number)-\#(part)""#,
                #""placement":"home","segment":"\#(part % 4)""#,
                #""placement":"detail","itemId":"b00\#(Int.random(in: 10...99, using: &random))""#,
                #""placement":"trending""#,
              ][kind]
              parts.append("{\(member),\"numResults\":\(items)}")
              placements.append(["home", "home", "detail", "trending"][kind])
              counts.append(items)
            }
            let isSingle = number % 3 == 0
            let request =
              isSingle
              ? HTTPClient.request("POST", target(placements[0]), [], parts[0])
              : HTTPClient.request("POST", BatchTests.path, [], "{\"requests\":[\(parts.joined(separator: ","))]}")
            return (request, placements, counts)
          }
          client.send(asked.map(\.request).joined())
          for (number, question) in asked.enumerated() {
            guard let answer = client.receive() else { return ["no answer to \(question.request)"] }
            let shelves: [Recommendations]? =
              number % 3 == 0
              ? (try? answer.recommendations).map { [$0] }
              : (try? answer.decoded(as: Envelope.self))?.responses.compactMap(\.shelf)
            guard let shelves, shelves.map(\.placement) == question.placements,
              shelves.map(\.items.count) == question.counts
            else { return ["connection \(connection), round \(round): \(question.request) got \(answer.text.prefix(300))"] }
            let ids = shelves.flatMap(\.ids)
            guard Set(ids).count == ids.count else { return ["an item twice: \(question.request)"] }
          }
        }
        return client.hasMore ? ["an answer too many"] : []
      }
      #expect(faults.flatMap(\.self) == [])
    }

    @Test func `a client that leaves while its batch waits harms nobody`() throws {
      let gateway = try gateway(["workers": ["1"]])
      let text = HTTPClient.request(
        "POST", Self.path, [],
        body((0..<8).map { #"{"placement":"detail","itemId":"b01\#(10 + $0)"}"# } + [#"{"placement":"home","userId":"gone"}"#]))
      memcached.stop()
      for _ in 0..<5 {
        let client = gateway.connect()
        client.send(text)
      }
      let stays = gateway.connect()
      stays.send(text)
      let isWaiting = eventually { gateway.metrics().sum("http_requests_in_flight") >= 9 }
      #expect(isWaiting)
      memcached.resume()
      let envelope: Envelope = try #require(stays.receive()).decoded()
      #expect(envelope.responses.compactMap(\.shelf).count == 9)
      #expect(try shelves(stays, [#"{"placement":"trending"}"#, #"{"placement":"home","segment":"1"}"#]).count == 2)
      let isQuiet = eventually { gateway.metrics().sum("http_requests_in_flight") == 0 }
      #expect(isQuiet)
    }
  }
}

/// What a scripted peer has heard, read from another thread.
final class Overheard: Sendable {
  private let bytes = Reactor.Guarded("")
  var text: String { bytes.withLock { $0 } }
  func append(_ more: String) { bytes.withLock { $0 += more } }
}

extension String {
  /// How often a text stands in this one.
  func components(of text: String) -> Int { ranges(of: text).count }
}
