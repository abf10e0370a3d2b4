import Configuration
import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Gateway

extension Integration {
  /// Items that sell out: gone from every answer as soon as the call is answered, and back as soon as they are.
  @Suite struct AvailabilityTests {
    let repository = TestRepository()
    private static let path = "/admin/v1/availability"

    private struct Change: Decodable, Equatable {
      let changed: Int
      let unknown: Int
      let count: Int
    }

    private struct Page: Decodable {
      struct Model: Decodable, Equatable {
        let name: String
        let unavailable: Int
      }
      let count: Int
      let models: [Model]
      let unavailable: [String]
      let next: String?
    }

    private func list(_ ids: some Sequence<String>) -> String {
      "[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]"
    }

    @discardableResult
    private func sellOut(_ ids: some Sequence<String>, _ gateway: RunningGateway) throws -> Change {
      try gateway.admin("POST", Self.path, #"{"unavailable":\#(list(ids))}"#).decoded()
    }

    @discardableResult
    private func bringBack(_ ids: some Sequence<String>, _ gateway: RunningGateway) throws -> Change {
      try gateway.admin("POST", Self.path, #"{"available":\#(list(ids))}"#).decoded()
    }

    private func page(_ gateway: RunningGateway, _ query: String = "") throws -> Page {
      try gateway.admin("GET", Self.path + query).decoded()
    }

    /// Tier, whether memcached runs, settings, and a question that is answered from that tier every time.
    static let tiers: [(tier: String, memcached: Bool, flags: [String: [String]], question: String)] = [
      ("l1", true, [:], target("home", "segment=1&numResults=12")),
      ("l1", false, [:], target("home", "userId=u0007&numResults=12")),
      ("l2", true, ["cache.l1.bytes": ["0"]], target("home", "segment=1&numResults=12")),
      ("l2", true, ["cache.l1.bytes": ["0"]], target("detail", "itemId=b0009&numResults=12")),
      ("computed", false, ["cache.l1.bytes": ["0"]], target("home", "userId=u0007&numResults=12")),
      ("computed", false, ["cache.l1.bytes": ["0"]], target("detail", "itemId=b0009&numResults=12")),
      ("popular", false, [:], target("trending", "numResults=12")),
    ]

    @Test(arguments: tiers.indices)
    func `a sold-out item is gone from the next answer of every worker and connection, and comes back`(
      index: Int
    ) throws {
      let (tier, hasMemcached, flags, question) = AvailabilityTests.tiers[index]
      let memcached = hasMemcached ? MemcachedServer() : nil
      let gateway = try RunningGateway(repository, memcached: memcached.map { [$0.address] } ?? [], flags: flags)
      // Of eight connections both workers have some.
      let clients = (0..<8).map { _ in gateway.connect() }
      func answers() throws -> [[String]] {
        try clients.map { client in
          let answer = try #require(client.get(question))
          #expect(answer.status == 200 && answer.tier == tier, "\(question)")
          return try answer.recommendations.ids
        }
      }
      // Until the answers have been composed, asked for again and kept.
      for _ in 0..<4 { for client in clients { _ = client.get(question) } }
      let before = try answers()
      #expect(Set(before).count == 1 && before[0].count == 12)
      let gone = [before[0][0], before[0][1], before[0][5]]

      #expect(try sellOut(gone, gateway) == Change(changed: 3, unknown: 0, count: 3))
      for _ in 0..<4 {
        for ids in try answers() {
          #expect(Set(ids).isDisjoint(with: gone) && ids.count == 12 && Set(ids).count == 12, "\(question): \(ids)")
        }
      }
      #expect(try bringBack(gone, gateway) == Change(changed: 3, unknown: 0, count: 0))
      for _ in 0..<4 { #expect(try answers() == before, "\(question)") }
    }

    @Test func `a list that was made without an item has it again once it is fresh`() throws {
      let gateway = try RunningGateway(repository, flags: ["placements.home.fresh": ["1s"]])
      let client = gateway.connect()
      let question = target("home", "segment=1&numResults=12")
      let best = try #require(client.get(question)).recommendations.ids[0]
      try sellOut([best], gateway)
      // Past fresh the list is made anew, without it.
      let isAnew = eventually { client.get(question)?.tier == "stale" }
      #expect(isAnew)
      #expect(try !client.get(question)!.recommendations.ids.contains(best))
      try bringBack([best], gateway)
      let isBack = try eventually { try client.get(question)!.recommendations.ids.contains(best) }
      #expect(isBack)
    }

    @Test func `similar items of a sold-out item are answered`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      try sellOut(["b0009"], gateway)
      let answer = try #require(client.get(target("detail", "itemId=b0009&numResults=5")))
      let shelf = try answer.recommendations
      #expect(shelf.fallback == nil && shelf.items.count == 5 && shelf.items.allSatisfy { $0.reason == "similar" })
    }

    @Test func `the shelves of a page are filled without them, each item once`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let body =
        #"{"requests":[{"placement":"home","segment":"1","numResults":8},{"placement":"trending","numResults":8}]}"#
      struct Responses: Decodable { let responses: [Recommendations] }
      func ids() throws -> [String] {
        let responses: Responses = try #require(client.post("/v1/recommendations:batch", body)).decoded()
        return responses.responses.flatMap(\.ids)
      }
      let before = try ids()
      let gone = [before[0], before[3], before[9]]
      try sellOut(gone, gateway)
      for _ in 0..<3 {
        let after = try ids()
        #expect(after.count == 16 && Set(after).count == 16 && Set(after).isDisjoint(with: gone), "\(after)")
      }
    }

    @Test func `when all that lists hold is sold out, other items fill the shelf`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      // Everything that any list of the placement can answer with.
      var listed: Set<String> = []
      for question in [target("trending", "numResults=100"), target("home", "segment=1&numResults=100")] {
        listed.formUnion(try #require(client.get(question)).recommendations.ids)
      }
      try sellOut(listed, gateway)
      for question in [target("trending", "numResults=9"), target("home", "segment=1&numResults=9")] {
        let shelf = try #require(client.get(question)).recommendations
        #expect(shelf.items.count == 9 && Set(shelf.ids).isDisjoint(with: listed), "\(question): \(shelf.ids)")
      }
    }

    @Test func `when everything is sold out the answer is empty and 200`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      _ = client.get(target("home", "segment=1"))
      let all = (1...TrainedModel.items).map { "b" + String("000\($0)".suffix(4)) }
      #expect(try sellOut(all, gateway).count == TrainedModel.items)
      for question in [
        target("home", "segment=1"), target("home", "segment=2"), target("detail", "itemId=b0001"), target("trending"),
      ] {
        let answer = try #require(client.get(question))
        #expect(try answer.status == 200 && answer.recommendations.items.isEmpty, "\(question)")
      }
      #expect(gateway.admin("DELETE", Self.path).status == 200)
      #expect(try client.get(target("home", "segment=1"))!.recommendations.items.count == 10)
    }

    // MARK: What it survives.

    @Test func `a restart keeps them, and so do a swap and a rollback`() throws {
      let data = repository.folder.file("data")
      let (question, trending) = (target("home", "segment=1&numResults=5"), target("trending", "numResults=5"))
      var gone: [String] = []
      do {
        let gateway = try RunningGateway(repository, dataDirectory: data)
        let client = gateway.connect()
        gone = try [question, trending].map { try #require(client.get($0)).recommendations.ids[0] }
        #expect(Set(gone).count == 2)
        try sellOut(gone + ["of-next-season"], gateway)
      }
      let gateway = try RunningGateway(repository, dataDirectory: data)
      let client = gateway.connect()
      func areGone() throws -> Bool {
        try [question, trending].allSatisfy {
          try Set(#require(client.get($0)).recommendations.ids).isDisjoint(with: gone)
        }
      }
      #expect(try areGone())
      #expect(try page(gateway).unavailable == (gone + ["of-next-season"]).sorted())
      repository.publish()
      #expect(gateway.serves(2))
      #expect(try areGone())
      #expect(try page(gateway).models == [.init(name: "books", unavailable: 2)])
      // The version before hears of a change although another serves.
      try bringBack([gone[1]], gateway)
      #expect(gateway.admin("POST", "/admin/v1/models/books:rollback").status == 200)
      #expect(gateway.serves(1))
      #expect(try #require(client.get(trending)).recommendations.ids[0] == gone[1])
      #expect(try !#require(client.get(question)).recommendations.ids.contains(gone[0]))
    }

    @Test func `what no snapshot knows is kept for the one that does`() throws {
      let empty = TestRepository(isEmpty: true)
      let gateway = try RunningGateway(empty, awaitsReady: false)
      #expect(try sellOut(["b0009", "b0011"], gateway) == Change(changed: 2, unknown: 2, count: 2))
      empty.publish()
      #expect(gateway.serves(1))
      #expect(try sellOut(["b0009", "b0012", "none"], gateway) == Change(changed: 2, unknown: 1, count: 4))
      let similar = try #require(gateway.connect().get(target("detail", "itemId=b0010&numResults=100"))).recommendations
      #expect(Set(similar.ids).isDisjoint(with: ["b0009", "b0011", "b0012"]) && similar.items.count > 50)
      #expect(try page(gateway).models == [.init(name: "books", unavailable: 3)])
    }

    @Test(arguments: ["nonsense", "", "NTA1\0\0\0\0\0\0\0\0\0\0\0\0"])
    func `a broken file is told and ignored, and the next change makes a good one`(text: String) throws {
      let data = repository.folder.file("data")
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
      repository.folder.write(text, to: "data/availability")
      do {
        let gateway = try RunningGateway(repository, dataDirectory: data)
        #expect(gateway.metrics().sum("availability_file_errors_total", ["step": "read"]) == 1)
        #expect(try page(gateway).count == 0)
        try sellOut(["b0001"], gateway)
      }
      let gateway = try RunningGateway(repository, dataDirectory: data)
      #expect(gateway.metrics().sum("availability_file_errors_total", ["step": "read"]) == 0)
      #expect(try page(gateway).unavailable == ["b0001"])
    }

    @Test func `a change that cannot be written is told, is in force, and is written when asked again`() throws {
      let gateway = try RunningGateway(repository)
      let file = gateway.settings.dataDirectory + "/availability"
      // A folder in its place: no file can be given the name.
      try FileManager.default.createDirectory(atPath: file + "/in-the-way", withIntermediateDirectories: true)
      let question = target("home", "segment=1")
      let best = try #require(gateway.connect().get(question)).recommendations.ids[0]
      let body = #"{"unavailable":["\#(best)"]}"#
      let refused = gateway.admin("POST", Self.path, body)
      #expect(refused.status == 500 && refused["Content-Type"] == "application/problem+json")
      #expect(try refused.problem.detail.contains("in force"))
      #expect(try !gateway.connect().get(question)!.recommendations.ids.contains(best))
      #expect(gateway.metrics().sum("availability_file_errors_total", ["step": "write"]) == 1)
      try FileManager.default.removeItem(atPath: file)
      let again: Change = try gateway.admin("POST", Self.path, body).decoded()
      #expect(again == Change(changed: 0, unknown: 0, count: 1))
      #expect(try AvailabilityFile.read(file)?.ids == [ItemID(best)])
    }

    // MARK: Calls.

    @Test func `the whole set is put, read in pages and cleared`() throws {
      let gateway = try RunningGateway(repository)
      let ids = (1...30).map { "b" + String("000\($0)".suffix(4)) }
      try sellOut(["b0001", "b0200"], gateway)
      let put: Change = try gateway.admin("PUT", Self.path, #"{"unavailable":\#(list(ids))}"#).decoded()
      #expect(put == Change(changed: 30, unknown: 0, count: 30))
      var read: [String] = []
      var next: String?
      repeat {
        let page = try page(gateway, "?limit=7" + (next.map { "&after=\($0)" } ?? ""))
        #expect(page.count == 30 && page.unavailable.count <= 7)
        read += page.unavailable
        next = page.next
      } while next != nil
      #expect(read == ids)
      let metrics = gateway.metrics()
      #expect(
        metrics.sum("unavailable_items") == 30 && metrics.sum("model_unavailable_items", ["model": "books"]) == 30)
      #expect(metrics.sum("availability_changes_total", ["to": "unavailable"]) == 31)
      #expect(metrics.sum("availability_changes_total", ["to": "available"]) == 1)
      #expect(try gateway.admin("DELETE", Self.path).decoded() == Change(changed: 30, unknown: 0, count: 0))
      #expect(try page(gateway).unavailable.isEmpty && page(gateway).next == nil)
    }

    @Test func `items that were passed over are counted`() throws {
      let gateway = try RunningGateway(repository)
      let client = gateway.connect()
      let question = target("trending", "numResults=5")
      let best = try #require(client.get(question)).recommendations.ids
      #expect(gateway.metrics().sum("unavailable_skipped_total") == 0)
      try sellOut(best[..<2], gateway)
      for _ in 0..<3 { _ = client.get(question) }
      #expect(gateway.metrics().sum("unavailable_skipped_total") == 6)
    }

    @Test func `a call that is wrong is refused with a problem, and changes nothing`() throws {
      let gateway = try RunningGateway(repository)
      try sellOut(["b0001"], gateway)
      let many = list((0..<100_000).map { "i\($0)" })
      let huge = list((0..<200).map { _ in String(repeating: "x", count: 20_000) })
      let calls: [(String, String, String?, Int, String?)] = [
        ("POST", "", nil, 400, nil), ("POST", "", "nonsense", 400, nil), ("POST", "", "[]", 400, nil),
        ("POST", "", "{}", 400, nil), ("POST", "", #"{"unavailable":7}"#, 400, "/unavailable"),
        ("POST", "", #"{"unavailable":["b0002",7]}"#, 400, "/unavailable/1"),
        ("POST", "", #"{"unavailable":["b0002"],"available":["b0002"]}"#, 400, "/available"),
        ("PUT", "", #"{"available":["b0002"]}"#, 400, "/available"),
        ("POST", "", #"{"unavailable":\#(many)}"#, 413, nil), ("PUT", "", #"{"unavailable":\#(huge)}"#, 413, nil),
        ("PATCH", "", nil, 404, nil), ("POST", "/books", "{}", 404, nil), ("GET", "?limit=0", nil, 400, nil),
        ("GET", "?limit=1001", nil, 400, nil), ("GET", "?limit=many", nil, 400, nil),
      ]
      for (method, query, body, status, pointer) in calls {
        let answer = gateway.admin(method, Self.path + query, body)
        let context = "\(method) \(query) \(body?.prefix(60) ?? ""): \(answer.text)"
        #expect(answer.status == status && answer["Content-Type"] == "application/problem+json", "\(context)")
        #expect(try answer.problem.errors?.first?.pointer == pointer, "\(context)")
      }
      // Bytes that are no text, as they come over the wire.
      let client = HTTPClient(port: gateway.adminPort)!
      let body = Array(#"{"unavailable":["b0002"#.utf8) + [0xC3, 0x28] + Array(#""]}"#.utf8)
      client.send("POST \(Self.path) HTTP/1.1\r\nHost: test\r\nContent-Length: \(body.count)\r\n\r\n")
      client.send(body)
      #expect(client.receive()?.status == 400)
      #expect(try page(gateway).unavailable == ["b0001"])
    }

    /// One under the limit of a call, with ids that are none of the shop's.
    @Test func `the largest call is taken`() throws {
      let gateway = try RunningGateway(repository)
      let most = (0..<AvailabilityChange.idsMax).map { "i\($0)" }
      let change = try sellOut(most, gateway)
      #expect(change == Change(changed: most.count, unknown: most.count, count: most.count))
      #expect(try page(gateway).unavailable.count == Admin.availabilityPageMax)
    }

    // MARK: Under load.

    @Test func `changes from several sides under load hold as soon as they are answered`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      let load = try Load(gateway, clients: 2)
      #expect(load.awaitAnswers(50))
      let question = target("home", "segment=1&numResults=30")
      let listed = try #require(gateway.connect().get(question)).recommendations.ids
      let (port, adminPort) = (gateway.port, gateway.adminPort)
      // Each sells out and brings back items of its own, and looks at once.
      let faults = try concurrently(3) { number -> [String] in
        var faults: [String] = []
        let mine = listed.enumerated().filter { $0.offset % 3 == number }.map(\.element)
        let (admin, client) = (HTTPClient(port: adminPort)!, HTTPClient(port: port)!)
        for round in 0..<12 {
          let id = mine[round % mine.count]
          for (member, isShown) in [("unavailable", false), ("available", true)] {
            let answer = admin.ask("POST", "/admin/v1/availability", [], "{\"\(member)\":[\"\(id)\"]}")
            if answer?.status != 200 { faults.append("\(member) \(id): \(answer?.text ?? "no answer")") }
            for client in [client, HTTPClient(port: port)!] {
              let ids = try? client.get(question)?.recommendations.ids
              // Others' items come and go meanwhile: with fewer before it an item may move up, never out of the list.
              if ids?.contains(id) != isShown { faults.append("round \(round): \(id) \(isShown ? "lacks" : "shows")") }
            }
          }
        }
        return faults
      }
      #expect(faults.flatMap { $0 }.isEmpty, "\(faults)")
      repository.publish()
      #expect(gateway.serves(2))
      let report = load.stop()
      #expect(report.isClean, "\(report)")
      #expect(try page(gateway).count == 0)
    }
  }
}
