import Glibc
import TestSupport
import Testing

extension Integration {
  /// Answers that are sent again as they were composed: quick, and never one that no longer holds.
  @Suite struct RepeatTests {
    let repository = TestRepository()

    /// Asks until an answer has been composed, seen again and kept: three hits of L1.
    private func settle(_ client: HTTPClient, _ target: String) {
      for _ in 0..<4 { _ = client.get(target) }
    }

    private func repeated(_ gateway: RunningGateway) -> Int { gateway.metrics().sum("answers_repeated_total") }

    @Test func `a repeated answer differs from the composed one in its id alone`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let question = target("home", "userId=u0007&numResults=5")
      let first = try #require(client.get(question))
      settle(client, question)
      let before = repeated(gateway)
      var ids: Set<String> = [try first.recommendations.recommendationId]
      for _ in 0..<20 {
        let again = try #require(client.get(question))
        #expect(again.tier == "l1" && again["ETag"] == first["ETag"])
        #expect(again["Cache-Control"]?.hasPrefix("private, max-age=") == true)
        let text = try again.recommendations
        ids.insert(text.recommendationId)
        #expect(
          again.text.replacing(text.recommendationId, with: try first.recommendations.recommendationId) == first.text)
      }
      #expect(ids.count == 21, "an id was given twice")
      #expect(repeated(gateway) == before + 20)
      #expect(gateway.metrics().sum("http_requests_total", ["placement": "home", "tier": "l1"]) == 25)
    }

    @Test func `an event of the user ends it at once`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let question = target("home", "userId=stranger&numResults=5")
      settle(client, question)
      #expect(repeated(gateway) > 0)
      let shown = try client.get(question)!.recommendations
      #expect(shown.fallback?.reason == "unknown_user")
      let click = event("click", user: "stranger", item: shown.ids[0], id: "e1")
      let counts: EventCounts = try client.post("/v1/events", click)!.decoded()
      #expect(counts.accepted == 1)
      let after = try client.get(question)!.recommendations
      #expect(after.fallback == nil && !after.ids.contains(shown.ids[0]))
    }

    @Test func `a new version ends it at once`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let question = target("home", "segment=1")
      settle(client, question)
      repository.publish()
      #expect(gateway.serves(2))
      #expect(try client.get(question)?.recommendations.model?.version == 2)
    }

    @Test func `its age grows, and past fresh it is not sent again`() throws {
      let gateway = try RunningGateway(repository, flags: ["placements.home.fresh": ["2s"]])
      let client = gateway.connect()
      let question = target("home", "segment=1")
      settle(client, question)
      let start = repeated(gateway)
      var ages: Set<Int> = []
      var tiers: Set<String> = []
      for _ in 0..<60 {
        let answer = client.get(question)!
        let age = Int(answer["Age"]!)!
        ages.insert(age)
        tiers.insert(answer.tier!)
        if answer.tier == "l1" { #expect(age < 2 && answer["Cache-Control"]!.contains("max-age=\(2 - age),")) }
        usleep(50_000)
      }
      #expect(ages.contains(0) && ages.contains(1))
      #expect(tiers.contains("stale"), "\(tiers)")
      #expect(repeated(gateway) > start)
    }

    @Test func `a request that says more than its target is looked at`() throws {
      let gateway = try RunningGateway(repository, flags: ["cors.origins": ["https://shop.example"]])
      let client = gateway.connect()
      let question = target("home", "segment=1")
      settle(client, question)
      let plain = client.get(question)!
      #expect(plain["Vary"] == "Origin" && plain["Access-Control-Allow-Origin"] == nil)
      let ours = client.get(question, ["Origin: https://shop.example"])!
      #expect(ours["Access-Control-Allow-Origin"] == "https://shop.example")
      let known = client.get(question, ["If-None-Match: \(plain["ETag"]!)"])!
      #expect(known.status == 304 && known.body.isEmpty)
      let head = client.ask("HEAD", question)!
      #expect(head.status == 200 && head["ETag"] == plain["ETag"])
      let last = client.get(question, ["Connection: close"])!
      #expect(last.status == 200 && last["Connection"] == "close")
    }

    @Test func `two users never get each other's answer`() throws {
      let gateway = try RunningGateway(repository, flags: ["placements.home.scope": ["user"]])
      let client = gateway.connect()
      var expected: [String: [String]] = [:]
      for round in 0..<6 {
        for number in 1...60 {
          let user = "u00" + (number < 10 ? "0\(number)" : "\(number)")
          let ids = try client.get(target("home", "userId=\(user)&numResults=7"))!.recommendations.ids
          if let before = expected[user] { #expect(ids == before, "\(user), round \(round)") } else { expected[user] = ids }
        }
      }
      #expect(Set(expected.values).count > 50)
      #expect(repeated(gateway) > 60)
    }
  }
}
