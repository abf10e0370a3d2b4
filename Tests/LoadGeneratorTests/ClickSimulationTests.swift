import Bytes
import FoundationEssentials
import TestSupport
import Testing

@testable import LoadGenerator

@Suite struct ClickSimulationTests {
  private func items(_ count: Int, score: Double) -> [AnswerCheck.SeenItem] {
    (0..<count).map { AnswerCheck.SeenItem(id: "i\($0)", hash: hashOfText("i\($0)"), score: score) }
  }

  private func shares(_ model: ClickModel, _ relevance: [UInt64: Double]?, _ items: [AnswerCheck.SeenItem]) -> [Double]
  {
    let simulation = ClickSimulation(model, relevance: relevance, seed: 6, runTag: "t")
    var counts = [Double](repeating: 0, count: items.count)
    for index in 0..<20_000 {
      for place in simulation.clicks(items, index: UInt64(index)) ?? [] { counts[place] += 1 }
    }
    return counts.map { $0 / 20_000 }
  }

  @Test func `a click is examination times rate times relevance`() {
    var model = ClickModel()
    model.positionBias = 1
    model.clickRate = 0.6
    for (place, share) in shares(model, nil, items(4, score: 0.5)).enumerated() {
      // Standard error below 0.0033.
      #expect(abs(share - 0.3 / Double(place + 1)) < 0.012, "place \(place): \(share)")
    }
  }

  @Test func `the file decides on relevance, and what it lacks is irrelevant`() {
    var model = ClickModel()
    model.positionBias = 0
    model.clickRate = 1
    let shares = shares(model, [hashOfText("i1"): 0.25], items(3, score: 1))
    #expect(shares[0] == 0 && abs(shares[1] - 0.25) < 0.012 && shares[2] == 0)
  }

  @Test func `a list that is not seen has no clicks, and a click depends on the request alone`() {
    var model = ClickModel()
    model.seenShare = 0.25
    let simulation = ClickSimulation(model, relevance: nil, seed: 6, runTag: "t")
    let seen = (0..<10_000).count { simulation.clicks(items(1, score: 1), index: UInt64($0)) != nil }
    #expect(abs(seen - 2_500) < 220)
    #expect(simulation.clicks(items(9, score: 1), index: 3) == simulation.clicks(items(9, score: 1), index: 3))
  }

  @Test func `the posted body is JSON whatever the ids are`() throws {
    var model = ClickModel()
    model.positionBias = 0
    model.clickRate = 1
    let simulation = ClickSimulation(model, relevance: nil, seed: 6, runTag: "tag")
    let odd = [AnswerCheck.SeenItem(id: "a\"\\\n", hash: 1, score: 1)]
    var body = ByteBuffer()
    let made = simulation.events(odd, recommendationID: "R", index: 4, userID: "u1", into: &body)
    #expect(made?.impressions == 1 && made?.clicks == 1)
    let text = body.withBytes { $0.withUnsafeBytes { Array($0) } }
    struct Post: Decodable {
      struct Event: Decodable {
        var eventId: String
        var eventType: String
        var itemId: String?
        var impression: [String]?
        var position: Int?
      }
      var events: [Event]
    }
    let post = try JSONDecoder().decode(Post.self, from: Data(text))
    #expect(post.events.map(\.eventId) == ["tag-4", "tag-4-1"])
    #expect(
      post.events[0].impression == ["a\"\\\n"] && post.events[1].itemId == "a\"\\\n" && post.events[1].position == 1)
  }

  @Test func `a file of relevances may have a heading, and its mistakes have lines`() throws {
    let folder = TemporaryFolder()
    let path = folder.file("relevance.csv")
    try "itemId,relevance\nb1,0.5\nb2,1\n".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try ClickSimulation.readRelevance(path: path) == [hashOfText("b1"): 0.5, hashOfText("b2"): 1])
    try "b1,0.5\nb2,2\n".write(toFile: path, atomically: true, encoding: .utf8)
    let failure = #expect(throws: LoadError.self) { try ClickSimulation.readRelevance(path: path) }
    #expect(failure?.description.contains("relevance.csv:2: \"b2,2\"") == true)
  }
}
