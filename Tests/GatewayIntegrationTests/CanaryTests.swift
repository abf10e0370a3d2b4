import FoundationEssentials
import Glibc
import Publishing
import TestSupport
import Testing

extension Integration {
  /// Champion and challenger side by side on a real gateway of two workers.
  @Suite struct CanaryTests {
    let repository = TestRepository()
    private static let readers = (1...150).map { String("u0000".dropLast(String($0).count)) + String($0) }

    private struct Status: Decodable {
      struct Side: Decodable {
        let version: Int
        let requests, impressions, clicks, fallbacks, errors: Int
        let clickThrough: Double?
        let itemsShown: Int?
        let coverage: Double?
      }
      struct Guardrail: Decodable {
        let guardrail: String
        let logEvidence, logThreshold: Double
      }
      struct Canary: Decodable {
        let share: Double
        let step: Int
        let champion, challenger: Side
        let guardrails: [Guardrail]
        let awaits: String?
      }
      struct Version: Decodable {
        let version: Int
        let state: String
        let reason: String?
        let detail: String
      }
      let serving: Int?
      let pinned: Int?
      let canary: Canary?
      let versions: [Version]

      func state(of version: Int) -> String? { versions.last { $0.version == version }?.state }
    }

    private func status(_ gateway: RunningGateway) throws -> Status {
      try gateway.admin("GET", "/admin/v1/models/books").decoded()
    }

    private func aliases(champion: Int?, challenger: Int?) throws {
      let folder = FolderRepository(path: repository.path)
      try folder.setAlias("champion", of: TrainedModel.name, to: champion)
      try folder.setAlias("challenger", of: TrainedModel.name, to: challenger)
    }

    /// Version 1 serves, version 2 is tried; long steps unless flags say otherwise.
    private func trial(
      steps: String = "50,100", _ flags: [String: String] = [:], memcached: [String] = [], dataDirectory: String? = nil
    ) throws -> RunningGateway {
      try aliases(champion: 1, challenger: nil)
      if try FolderRepository(path: repository.path).versions(of: TrainedModel.name).count < 2 { repository.publish() }
      try aliases(champion: 1, challenger: 2)
      var all = [
        "canary.steps": steps.split(separator: ",").map(String.init), "canary.lookInterval": ["50ms"],
        "canary.stepDurationMin": ["1h"],
      ]
      all.merge(flags.mapValues { [$0] }) { $1 }
      let gateway = try RunningGateway(repository, memcached: memcached, dataDirectory: dataDirectory, flags: all)
      let began = eventually { (try? status(gateway).canary) != nil }
      #expect(began, "\(gateway.admin("GET", "/admin/v1/models").text)")
      return gateway
    }

    /// Which version each reader sees, once all workers say the same of all.
    private func sides(_ gateway: RunningGateway, _ query: String = "userId=") throws -> [String: Int] {
      var sides: [String: Int] = [:]
      let clients = (0..<6).map { _ in gateway.connect() }
      var settled = false
      _ = eventually {
        settled = true
        for reader in Self.readers {
          // Three times: computed, from L1, and as it was composed.
          let seen = Set(
            clients.flatMap { client in
              (0..<3).map { _ in try? client.get(target("home", query + reader))?.recommendations.model?.version }
            })
          if seen.count != 1 || seen.first! == nil { settled = false }
          sides[reader] = seen.first ?? nil
        }
        return settled
      }
      #expect(settled, "sides never settled: \(sides)")
      return sides
    }

    @Test func `each user stays on a side over requests, connections, workers and a restart, and moves one way`() throws
    {
      let data = repository.folder.file("node")
      var gateway = try trial(steps: "10,50,100", dataDirectory: data)
      let tenth = try sides(gateway)
      let challenged = Set(tenth.filter { $0.value == 2 }.keys)
      // 150 users at 10 %: 15, give or take five standard deviations.
      #expect((1...33).contains(challenged.count), "\(challenged.count)")
      gateway.stop()
      gateway = try trial(steps: "10,50,100", dataDirectory: data)
      #expect(try sides(gateway) == tenth)
      gateway.stop()
      // The same canary with another first share: whoever saw the challenger still does.
      gateway = try trial(steps: "50,100", dataDirectory: data)
      let half = try sides(gateway)
      #expect(challenged.allSatisfy { half[$0] == 2 })
      #expect((45...105).contains(half.values.count { $0 == 2 }), "\(half.values.count { $0 == 2 })")
      #expect(try status(gateway).canary?.share == 0.5)
    }

    @Test func `a larger share reaches answers that were composed before, and sends nobody back`() throws {
      let quick = ["canary.stepDurationMin": "0", "canary.minImpressions": "10"]
      let gateway = try trial(steps: "10,50", quick)
      // Asked often enough to be answered as composed before.
      let tenth = try sides(gateway)
      #expect(gateway.metrics().sum("answers_repeated_total") > 0 && tenth.values.contains(2))
      try live(gateway, round: 0, clicks: [1: 1, 2: 1])
      let hasGrown = eventually { (try? status(gateway).canary?.share) == 0.5 }
      #expect(hasGrown, "\(gateway.admin("GET", "/admin/v1/models/books").text)")
      let half = try sides(gateway)
      for (reader, version) in tenth where version == 2 { #expect(half[reader] == 2, "\(reader)") }
      #expect(half.values.count { $0 == 2 } > tenth.values.count { $0 == 2 })
      // The last step is below all: there it stays.
      #expect(try status(gateway).canary?.step == 2 && status(gateway).serving == 1)
    }

    @Test func `sessions have sides too, and who is not known sees the champion`() throws {
      let gateway = try trial()
      let sides = try self.sides(gateway, "sessionId=")
      #expect((45...105).contains(sides.values.count { $0 == 2 }), "\(sides.values.count { $0 == 2 })")
      let client = gateway.connect()
      for _ in 0..<5 {
        for query in ["", "segment=1", "numResults=2"] {
          #expect(try client.get(target("home", query))?.recommendations.model?.version == 1)
        }
      }
    }

    @Test func `a page keeps to one side, also its shelves that name nobody`() throws {
      let gateway = try trial()
      let sides = try self.sides(gateway)
      struct Page: Decodable { let responses: [Recommendations] }
      let client = gateway.connect()
      for reader in Self.readers.prefix(40) {
        let body =
          #"{"requests":[{"placement":"trending"},{"placement":"home","userId":"\#(reader)","numResults":3},"#
          + #"{"placement":"detail","itemId":"b0003","numResults":3}]}"#
        let answer = try #require(client.post("/v1/recommendations:batch", body))
        let page: Page = try answer.decoded()
        #expect(page.responses.map { $0.model?.version } == Array(repeating: sides[reader], count: 3), "\(reader)")
      }
    }

    /// Shows each reader's list and clicks at a rate of its version's.
    private func live(_ gateway: RunningGateway, round: Int, clicks: [Int: Int]) throws {
      let client = gateway.connect()
      var events: [String] = []
      for (number, reader) in Self.readers.enumerated() {
        guard let answer = try client.get(target("home", "userId=\(reader)&numResults=10"))?.recommendations,
          let version = answer.model?.version
        else { continue }
        let items = answer.ids.map { "\"\($0)\"" }.joined(separator: ",")
        events.append(
          #"{"eventId":"i\#(round)-\#(number)","eventType":"impression","userId":"\#(reader)","recommendationId":"\#(answer.recommendationId)","impression":[\#(items)]}"#
        )
        for place in 0..<clicks[version, default: 0] {
          events.append(
            #"{"eventId":"c\#(round)-\#(number)-\#(place)","eventType":"click","userId":"\#(reader)","itemId":"b0001","recommendationId":"\#(answer.recommendationId)"}"#
          )
        }
      }
      for start in stride(from: 0, to: events.count, by: 200) {
        let batch = events[start..<min(start + 200, events.count)].joined(separator: ",")
        #expect(client.post("/v1/events", "{\"events\":[\(batch)]}")?.status == 202)
      }
    }

    @Test func `a challenger that is clicked less is rolled back onto warm lists, and not tried again after a restart`()
      throws
    {
      let memcached = MemcachedServer()
      let data = repository.folder.file("node")
      var gateway = try trial(memcached: [memcached.address], dataDirectory: data)
      let before = try sides(gateway)
      for round in 0..<30 {
        guard try status(gateway).canary != nil else { break }
        try live(gateway, round: round, clicks: [1: 3, 2: 1])
      }
      let isOver = eventually { (try? status(gateway).canary) == nil }
      #expect(isOver, "\(gateway.admin("GET", "/admin/v1/models/books").text)")
      let verdict = try #require(try status(gateway).versions.last { $0.version == 2 })
      #expect(verdict.state == "REJECTED" && verdict.reason == "canary_failed")
      #expect(verdict.detail.contains("click-through"), "\(verdict.detail)")
      #expect(Set(try sides(gateway).values) == [1])
      // The champion never left: whoever was on its side before, and has not acted since, is served from memory.
      let page = gateway.metrics()
      #expect(page.sum("canary_ends_total", ["result": "rejected", "reason": "clicks"]) == 1)
      #expect(page.sum("model_clicks_total", ["version": "2"]) > 0 && before.values.contains(2))
      let keeper = gateway.connect()
      let tier = keeper.get(target("home", "segment=2"))?.tier
      #expect(tier == "l1" || tier == "l2", "\(tier ?? "none")")
      gateway.stop()

      gateway = try RunningGateway(
        repository, memcached: [memcached.address], dataDirectory: data, flags: ["canary.steps": ["50", "100"]])
      #expect(gateway.serves(1))
      usleep(300_000)
      #expect(try status(gateway).canary == nil && status(gateway).state(of: 2) == "REJECTED")
      // Until an operator says so.
      #expect(gateway.admin("POST", "/admin/v1/models/books:readmit", #"{"version":2}"#).status == 200)
      let isBack = eventually { (try? status(gateway).canary) != nil }
      #expect(isBack, "\(gateway.admin("GET", "/admin/v1/models/books").text)")
    }

    @Test func `figures of both sides stand in the admin API and in the metrics`() throws {
      let gateway = try trial()
      let sides = try self.sides(gateway)
      try live(gateway, round: 0, clicks: [1: 1, 2: 1])
      let both: [Int: Int] = sides.values.reduce(into: [:]) { $0[$1, default: 0] += 1 }
      let isCounted = eventually {
        guard let canary = try? status(gateway).canary else { return false }
        return canary.champion.impressions == 10 * both[1]! && canary.challenger.clicks == both[2]!
      }
      #expect(isCounted, "\(gateway.admin("GET", "/admin/v1/models/books").text)")
      let canary = try #require(try status(gateway).canary)
      #expect(canary.challenger.version == 2 && canary.challenger.clickThrough == 0.1 && canary.step == 1)
      #expect(canary.challenger.requests > 0 && canary.champion.errors == 0)
      let shown = try #require(canary.challenger.itemsShown)
      #expect((5...TrainedModel.items).contains(shown) && canary.challenger.coverage! > 0, "\(shown)")
      #expect(canary.guardrails.map(\.guardrail) == ["clicks", "latency", "fallbacks", "errors"])
      #expect(canary.guardrails.allSatisfy { $0.logEvidence < $0.logThreshold && $0.logThreshold > 0 })
      let page = gateway.metrics()
      #expect(page.sum("model_impressions_total", ["version": "2"]) == 10 * both[2]!)
      #expect(page.sum("impressions_total", ["version": "2", "arm": "2"]) == 10 * both[2]!)
      #expect(page.sum("impressions_total", ["version": "1", "arm": "1"]) == 10 * both[1]!)
      #expect(page.samples(of: "canary_share", ["version": "2"]).map(\.value) == [0.5])
      #expect(page.sum("model_request_duration_seconds_count", ["version": "2"]) > 0)
    }

    @Test func `a good challenger is promoted step by step, and stays after a restart without a moved alias`() throws {
      let data = repository.folder.file("node")
      let quick = ["canary.stepDurationMin": "0", "canary.minImpressions": "40"]
      var gateway = try trial(steps: "20,60,100", quick, dataDirectory: data)
      for round in 0..<40 {
        guard try status(gateway).canary != nil else { break }
        try live(gateway, round: round, clicks: [1: 1, 2: 1])
      }
      #expect(gateway.serves(2))
      let promoted = try status(gateway)
      #expect(promoted.serving == 2 && promoted.canary == nil && promoted.pinned == nil)
      #expect(promoted.state(of: 1) == "READY" && promoted.state(of: 2) == "SERVING")
      #expect(gateway.metrics().sum("canary_ends_total", ["result": "promoted"]) == 1)
      gateway.stop()
      gateway = try RunningGateway(repository, dataDirectory: data)
      #expect(gateway.serves(2))
      usleep(300_000)
      #expect(try status(gateway).serving == 2)
      // Back in a second, and it is not tried again by itself.
      #expect(gateway.admin("POST", "/admin/v1/models/books:rollback").status == 409 || gateway.serves(1))
      try aliases(champion: 1, challenger: nil)
      #expect(gateway.serves(1))
    }

    @Test func `who names nobody is in no comparison, and counts for the version all the same`() throws {
      let gateway = try trial()
      let client = gateway.connect()
      for _ in 0..<30 { #expect(client.get(target("home", "segment=1"))?.status == 200) }
      let hasLooked = eventually { gateway.metrics().sum("model_answers_total", ["version": "1"]) >= 30 }
      #expect(hasLooked)
      usleep(200_000)
      let before = try #require(try status(gateway).canary)
      #expect(before.champion.requests == 0 && before.challenger.requests == 0, "\(before)")
      for reader in Self.readers.prefix(40) { #expect(client.get(target("home", "userId=\(reader)"))?.status == 200) }
      let areCompared = eventually {
        guard let canary = try? status(gateway).canary else { return false }
        return canary.champion.requests + canary.challenger.requests == 40
      }
      #expect(areCompared, "\(gateway.admin("GET", "/admin/v1/models/books").text)")
    }

    @Test func `a canary's last step does not lift an operator's pin`() throws {
      try aliases(champion: 1, challenger: nil)
      repository.publish()
      let flags = [
        "canary.steps": ["50", "100"], "canary.lookInterval": ["50ms"], "canary.stepDurationMin": ["0"],
        "canary.minImpressions": ["0"],
      ]
      let gateway = try RunningGateway(repository, flags: flags)
      #expect(gateway.serves(1))
      #expect(gateway.admin("POST", "/admin/v1/models/books:pin", #"{"version":1}"#).status == 200)
      try aliases(champion: 1, challenger: 2)
      let began = eventually { (try? status(gateway).canary) != nil }
      #expect(began)
      usleep(500_000)
      #expect(try status(gateway).serving == 1 && status(gateway).pinned == 1 && status(gateway).canary != nil)
      #expect(gateway.admin("POST", "/admin/v1/models/books:unpin").status == 200)
      #expect(gateway.serves(2))
    }

    @Test func `operators promote and abort, and hear why they cannot`() throws {
      let gateway = try trial()
      #expect(gateway.admin("POST", "/admin/v1/models/books:promote").status == 200)
      #expect(gateway.serves(2))
      #expect(gateway.admin("POST", "/admin/v1/models/books:promote").status == 409)
      #expect(gateway.admin("POST", "/admin/v1/models/books:abort").status == 409)
      // A rollback from it does not bring it back as a challenger.
      #expect(gateway.admin("POST", "/admin/v1/models/books:rollback").status == 200)
      #expect(gateway.serves(1))
      #expect(gateway.admin("POST", "/admin/v1/models/books:unpin").status == 200)
      usleep(200_000)
      #expect(try status(gateway).canary == nil && status(gateway).serving == 1)
      #expect(gateway.admin("POST", "/admin/v1/models/books:readmit", #"{"version":2}"#).status == 200)
      let isBack = eventually { (try? status(gateway).canary) != nil }
      #expect(isBack)
      #expect(gateway.admin("POST", "/admin/v1/models/books:abort").status == 200)
      #expect(Set(try sides(gateway).values) == [1])
      #expect(try status(gateway).state(of: 2) == "REJECTED")
      for (body, expected) in [("{}", 400), (#"{"version":1}"#, 409), (#"{"version":77}"#, 409)] {
        #expect(gateway.admin("POST", "/admin/v1/models/books:readmit", body).status == expected, "\(body)")
      }
    }

    @Test func `where the node may move aliases its verdict is the repository's`() throws {
      let quick = ["canary.stepDurationMin": "0", "canary.minImpressions": "0", "canary.movesAliases": "true"]
      let gateway = try trial(steps: "50,100", quick)
      #expect(gateway.serves(2))
      let hasMoved = eventually {
        (try? FolderRepository(path: repository.path).listing(of: TrainedModel.name).aliases) == Aliases(champion: 2)
      }
      #expect(hasMoved)
      usleep(200_000)
      #expect(try status(gateway).serving == 2 && status(gateway).canary == nil)
    }
  }
}
