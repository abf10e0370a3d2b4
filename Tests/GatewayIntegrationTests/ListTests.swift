import TestSupport
import Testing

extension Integration {
  /// What is in an answer's list, and what must not be.
  @Suite struct ListTests {
    let gateway: RunningGateway
    let client: HTTPClient

    init() throws {
      gateway = try RunningGateway(TestRepository())
      client = gateway.connect()
    }

    private func ask(_ placement: String, _ query: String) throws -> Recommendations {
      try #require(client.get(target(placement, query)), "no answer to \(query)").recommendations
    }

    @Test func `an answer has as many items as asked for, each once`() throws {
      for count in [1, 2, 10, 99, 100] {
        for query in ["segment=0", "userId=u0003", "itemId=b0010"] {
          let shelf = try ask("home", "\(query)&numResults=\(count)")
          #expect(shelf.items.count == count && Set(shelf.ids).count == count, "\(query), \(count)")
        }
      }
      #expect(try ask("home", "segment=0").items.count == 10)
    }

    @Test func `excluded items never appear, from whichever tier`() throws {
      for placement in ["home", "trending"] {
        let all = try ask(placement, "segment=1&numResults=30").ids
        let excluded = stride(from: 0, to: 30, by: 2).map { all[$0] }
        for _ in 0..<2 {
          let shelf = try ask(placement, "segment=1&numResults=30&exclude=\(excluded.joined(separator: ","))")
          #expect(shelf.items.count == 30 && Set(shelf.ids).isDisjoint(with: excluded))
        }
      }
    }

    @Test func `what a whole list lacks is topped up from trending`() throws {
      let list = try ask("home", "segment=1&numResults=100").ids
      let shelf = try ask("home", "segment=1&numResults=20&exclude=\(list.joined(separator: ","))")
      #expect(shelf.fallback == nil && shelf.items.count == 20)
      #expect(Set(shelf.ids).isDisjoint(with: list) && shelf.items.allSatisfy { $0.reason == "popular" })
    }

    @Test func `what a reader has seen never appears`() throws {
      for number in [1, 5, 17, 60] {
        let reader = "u00" + (number < 10 ? "0\(number)" : "\(number)")
        let seen = TrainedModel.shared.seen(by: reader)
        #expect(!seen.isEmpty)
        for placement in ["home", "trending"] {
          let shelf = try ask(placement, "userId=\(reader)&numResults=100")
          #expect(Set(shelf.ids).isDisjoint(with: seen), "\(reader) on \(placement)")
        }
      }
    }

    @Test func `similar items are of the item's kind more often than popular ones`() throws {
      let popular = try ask("trending", "numResults=10").ids
      var (alike, byChance) = (0, 0)
      for number in 10..<50 {
        let item = "b00\(number)"
        let kinds = Set(TrainedModel.shared.categories(of: item))
        func isAlike(_ other: String) -> Bool { !kinds.isDisjoint(with: TrainedModel.shared.categories(of: other)) }
        let shelf = try ask("detail", "itemId=\(item)&numResults=10")
        #expect(shelf.items.allSatisfy { $0.reason == "similar" } && !shelf.ids.contains(item))
        alike += shelf.ids.count(where: isAlike)
        byChance += popular.count(where: isAlike)
      }
      #expect(alike > 2 * byChance, "of 400: \(alike) alike, \(byChance) by chance")
    }

    @Test func `an item is not topped up with itself`() throws {
      // The most popular item, with all that is similar excluded, would come back from trending.
      let item = try ask("trending", "numResults=1").ids[0]
      let similar = try ask("detail", "itemId=\(item)&numResults=100").ids
      #expect(!similar.contains(item))
      let shelf = try ask("detail", "itemId=\(item)&numResults=20&exclude=\(similar.joined(separator: ","))")
      #expect(shelf.items.count > 0 && !shelf.ids.contains(item))
    }

    @Test func `a filter lets its categories through and no others, topped up or not`() throws {
      let category = TrainedModel.shared.categories(of: "b0001")[0]
      let name = category.replacing(" ", with: "%20").replacing("&", with: "%26")
      let shelf = try ask("home", "segment=0&numResults=100&filter=category:\(name)")
      #expect(!shelf.items.isEmpty)
      #expect(shelf.ids.allSatisfy { TrainedModel.shared.categories(of: $0).contains(category) })
      let others = try ask("home", "segment=0&numResults=50&filter=-category:\(name)")
      #expect(others.items.count == 50)
      #expect(!others.ids.contains { TrainedModel.shared.categories(of: $0).contains(category) })
    }

    @Test func `a placement's own filter always holds: in lists, in what tops them up, in trending and in fallbacks`()
      throws
    {
      let category = TrainedModel.shared.categories(of: "b0001")[0]
      let filtered = try RunningGateway(
        TestRepository(),
        flags: [
          "placements.home.filter": ["-category:\(category)"], "placements.trending.filter": ["-category:\(category)"],
        ])
      let client = filtered.connect()
      let list = try #require(client.get(target("home", "segment=0&numResults=100"))).recommendations.ids
      for query in [
        "home?segment=0&numResults=100", "home?segment=0&numResults=30&exclude=\(list.joined(separator: ","))",
        "trending?numResults=100", "home?itemId=no-such-book&numResults=50", "home?filter=category:none-such",
      ] {
        let parts = query.split(separator: "?").map(String.init)
        let shelf = try #require(client.get(target(parts[0], parts[1]))).recommendations
        #expect(!shelf.items.isEmpty, "\(query)")
        let wrong = shelf.ids.filter { TrainedModel.shared.categories(of: $0).contains(category) }
        #expect(wrong.isEmpty, "\(query): \(wrong)")
      }
    }

    @Test func `fields chooses the metadata of each item`() throws {
      let text = try #require(client.get(target("home", "segment=0&numResults=3&fields=title"))).text
      #expect(text.split(separator: #""metadata":{"title":""#).count == 4)
      #expect(!text.contains("categories") && !text.contains("author"))
      let two = try #require(client.get(target("home", "segment=0&numResults=3&fields=title,author"))).text
      #expect(two.contains("author") && !two.contains("categories"))
      #expect(try ask("home", "segment=0&numResults=3&fields=title").items.count == 3)
    }

    @Test func `a body asks what a query asks`() throws {
      let all = try ask("home", "segment=2&numResults=5").ids
      let category = TrainedModel.shared.categories(of: "b0001")[0]
      let pairs = [
        (#"{"userId":"u0004","numResults":5}"#, "userId=u0004&numResults=5"),
        (#"{"itemId":"b0003","numResults":4,"fields":["title"]}"#, "itemId=b0003&numResults=4&fields=title"),
        (#"{"segment":"2","exclude":["\#(all[0])","\#(all[1])"]}"#, "segment=2&exclude=\(all[0]),\(all[1])"),
        (
          #"{"segment":"s2","filter":{"not":{"category":["\#(category)"]}}}"#,
          "segment=s2&filter=-category:\(category.replacing(" ", with: "%20"))"
        ),
        (#"{"userId":"nobody","context":{"device":"mobile"},"sessionId":null}"#, "userId=nobody&device=mobile"),
      ]
      for (body, query) in pairs {
        // Asked twice, so that both come from the same tier.
        for _ in 0..<2 { _ = client.get(target("home", query)) }
        let got = try #require(client.get(target("home", query)))
        let posted = try #require(client.post(target("home"), body))
        #expect(posted.status == 200)
        #expect(withoutID(posted.text) == withoutID(got.text), "\(body)")
        #expect(posted["ETag"] == got["ETag"])
      }
    }

    /// An answer's body but for the 26 characters that differ every time.
    private func withoutID(_ text: String) -> String {
      let start = text.firstRange(of: #""recommendationId":""#)!.upperBound
      return String(text[..<start] + text[text.index(start, offsetBy: 26)...])
    }
  }
}
