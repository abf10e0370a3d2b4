import TestSupport
import Testing

extension Integration {
  /// A shelf is never empty because of what the gateway lacks: only because of what the request itself rules out.
  @Suite struct FilledShelfTests {
    let repository = TestRepository()

    /// Every item of the bookshop.
    private let all = (1...TrainedModel.items).map { "b" + String("000\($0)".suffix(4)) }

    private func encoded(_ category: String) -> String {
      category.replacing(" ", with: "%20").replacing("&", with: "%26")
    }

    @Test func `two filters that leave nothing between them are answered under the placement's own`() throws {
      let category = TrainedModel.shared.categories(of: "b0001")[0]
      let gateway = try RunningGateway(repository, flags: ["placements.home.filter": ["category:\(category)"]])
      let client = gateway.connect()
      for query in ["filter=category:none-such", "filter=-category:\(encoded(category))", "userId=u0001&filter=category:none-such"] {
        for _ in 0..<2 {
          let answer = try #require(client.get(target("home", query + "&numResults=5")))
          let shelf = try answer.recommendations
          #expect(shelf.fallback == .init(reason: "filter_empty", source: "popular"), "\(query)")
          #expect(shelf.items.count == 5, "\(query)")
          #expect(shelf.ids.allSatisfy { TrainedModel.shared.categories(of: $0).contains(category) }, "\(query)")
        }
      }
    }

    /// Once the last list was everyone's trending one, in which a narrow placement may have nothing left.
    @Test func `a narrow placement goes on beyond what is trending`() throws {
      let category = TrainedModel.shared.categories(of: "b0001")[0]
      let open = try RunningGateway(repository)
      let trending = try #require(open.connect().get(target("trending", "numResults=100"))).recommendations.ids
      open.stop()
      let narrow = all.filter { TrainedModel.shared.categories(of: $0).contains(category) }
      let beyond = narrow.filter { !trending.contains($0) }
      #expect(!beyond.isEmpty, "the test needs a category with items that do not trend")
      let gateway = try RunningGateway(repository, flags: ["placements.home.filter": ["category:\(category)"]])
      let excluded = trending.filter(Set(narrow).contains).joined(separator: ",")
      for query in ["filter=category:none-such&exclude=\(excluded)", "itemId=no-such-book&exclude=\(excluded)"] {
        let shelf = try #require(gateway.connect().get(target("home", query + "&numResults=3"))).recommendations
        #expect(shelf.items.count == min(3, beyond.count), "\(query)")
        #expect(Set(shelf.ids).isSubset(of: beyond), "\(query)")
      }
    }

    @Test func `a shelf is empty when the request rules everything out, and says nothing else`() throws {
      let gateway = try RunningGateway(repository)
      let everything = all.joined(separator: ",")
      let client = gateway.connect()
      for (placement, query) in [("home", "segment=1"), ("trending", ""), ("detail", "itemId=b0001")] {
        let answer = try #require(client.get(target(placement, query + "&exclude=\(everything)")))
        #expect(answer.status == 200)
        #expect(try answer.recommendations.items.isEmpty, "\(placement)")
      }
      let strict = try #require(client.get(target("home", "filter=category:none-such&strictFiltering=true")))
      #expect(try strict.recommendations.items.isEmpty && strict.recommendations.fallback?.reason == "filter_empty")
    }
  }
}
