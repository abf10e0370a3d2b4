import TestSupport
import Testing

extension Integration {
  /// What cannot be answered as asked is answered with 200 from what comes next, and says why.
  @Suite struct FallbackTests {
    let gateway: RunningGateway
    let client: HTTPClient

    init() throws {
      gateway = try RunningGateway(TestRepository())
      client = gateway.connect()
    }

    private func ask(_ placement: String, _ query: String) throws -> Recommendations {
      let answer = try #require(client.get(target(placement, query)), "no answer to \(query)")
      #expect(answer.status == 200)
      return try answer.recommendations
    }

    @Test func `an unknown user gets a segment's list with the reason`() throws {
      let shelf = try ask("home", "userId=nobody&numResults=7")
      #expect(shelf.fallback == .init(reason: "unknown_user", source: "segment"))
      #expect(shelf.items.count == 7)
    }

    @Test func `a known reader gets the segment's list, and that is no fallback`() throws {
      let shelf = try ask("home", "userId=u0001")
      #expect(shelf.fallback == nil && shelf.items.count == 10)
    }

    @Test func `an unknown segment is named as the reason`() throws {
      #expect(try ask("home", "segment=4711").fallback == .init(reason: "unknown_segment", source: "segment"))
    }

    @Test func `an unknown item gets what is popular`() throws {
      let answer = try #require(client.get(target("detail", "itemId=no-such-book")))
      #expect(answer["Cache-Status"] == "Needletail; fwd=bypass; detail=popular")
      let shelf = try answer.recommendations
      #expect(shelf.fallback == .init(reason: "unknown_item", source: "popular") && shelf.items.count == 10)
    }

    @Test func `an answer that was forced is shown again by no cache`() throws {
      let answer = try #require(client.get(target("detail", "itemId=no-such-book")))
      #expect(answer["Cache-Control"] == "public, no-cache", "\(answer.fields)")
    }

    @Test func `a filter that nothing passes gets what is popular, without what the request excludes`() throws {
      let popular = try ask("trending", "numResults=3").ids
      let shelf = try ask("home", "userId=u0002&filter=category:none-such&exclude=\(popular.joined(separator: ","))")
      #expect(shelf.fallback == .init(reason: "filter_empty", source: "popular"))
      #expect(shelf.items.count == 10)
      #expect(Set(shelf.ids).isDisjoint(with: popular))
      #expect(Set(shelf.ids).isDisjoint(with: TrainedModel.shared.seen(by: "u0002")))
    }

    @Test func `what is popular instead of items like one is without that one`() throws {
      let popular = try ask("trending", "numResults=3").ids
      for item in popular {
        let shelf = try ask("detail", "itemId=\(item)&filter=category:none-such")
        #expect(shelf.fallback?.source == "popular" && shelf.items.count == 10)
        #expect(!shelf.ids.contains(item))
      }
    }

    @Test func `a strict filter that nothing passes leaves the answer empty`() throws {
      let shelf = try ask("home", "filter=category:none-such&strictFiltering=true")
      #expect(shelf.items.isEmpty && shelf.fallback?.reason == "filter_empty")
    }

    @Test func `a gateway without a snapshot answers with nothing and says so`() throws {
      let empty = try RunningGateway(TestRepository(isEmpty: true), awaitsReady: false)
      let answer = try #require(empty.connect().get(target("home", "userId=u0001")))
      #expect(answer.status == 200)
      let shelf = try answer.recommendations
      #expect(shelf.items.isEmpty && shelf.model == nil)
      #expect(shelf.fallback == .init(reason: "model_unavailable", source: "static"))
    }

    @Test func `a deadline that has passed is answered from what is at hand`() throws {
      // A memcached that greets and then says nothing more.
      let silent = ScriptedPeer { socket, _ in
        guard answerGreeting(socket) else { return }
        while let text = socket.receive(timeoutMilliseconds: 5000), !text.isEmpty {}
      }
      let slow = try RunningGateway(
        TestRepository(), memcached: [silent.address],
        // Half of it may go to memcached: what is left is too little for anything.
        flags: ["workers": ["1"], "snapshots.warmBudget": ["0"], "placements.home.deadline": ["1ms"]],
        awaitsReady: false)
      let isUp = eventually { slow.isReady }
      #expect(isUp)
      let client = slow.connect()
      let late = eventually {
        guard let shelf = try? client.get(target("home", "segment=1"))?.recommendations else { return false }
        return shelf.fallback == .init(reason: "deadline_exceeded", source: "popular") && shelf.items.count == 10
      }
      #expect(late)
    }
  }
}
