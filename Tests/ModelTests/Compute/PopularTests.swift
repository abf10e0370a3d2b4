import Bytes
import TestSupport
import Testing

@testable import Model

/// The list that answers when no other does.
@Suite struct PopularTests {
  /// The ids and scores of what is popular under a filter.
  private func popular(_ model: ServingModel, _ filter: String) throws -> [(id: String, score: Double)] {
    var placement = PlacementPolicy(name: "home")
    if !filter.isEmpty { placement.filter = try ItemFilter(query: filter.utf8.span.bytes) }
    var value = ByteBuffer()
    let count = model.renderPopular(
      for: placement, keyHash: 9, now: ToyModel.now, scratch: ComputeScratch(), into: &value)
    let list = try RenderedList(value.bytes, keyHash: 9)
    let listed = list.count
    #expect(listed == count)
    return (0..<listed).map { place in
      let text = String(copying: list.fragment(place))
      let match = text.firstMatch(of: /"itemId":"([^"]+)","score":([0-9.]+),"reason":"popular"/)!
      return (String(match.1), Double(match.2)!)
    }
  }

  @Test func `without a filter it is the trending list, then the rest by popularity`() throws {
    let model = try ToyModel().model()
    let all = try popular(model, "")
    // 30 of the 60 items trend, from the last one down.
    #expect(all.map(\.id) == (0..<60).map { "item-\(59 - $0)" })
    #expect(zip(all, all.dropFirst()).allSatisfy { $0.score >= $1.score }, "\(all.map(\.score))")
  }

  @Test func `items of a category that nothing trending is in are still found`() throws {
    var toy = ToyModel()
    for item in [3, 4, 11] { toy.content.items[item].categories.append("rare") }
    let model = try toy.model()
    #expect(try popular(model, "category:rare").map(\.id) == ["item-11", "item-4", "item-3"])
    #expect(try popular(model, "category:rare,-category:alpha").map(\.id) == ["item-11", "item-3"])
    #expect(try popular(model, "category:none-such").isEmpty)
  }

  @Test func `it is as long as a list may be and no longer`() throws {
    let model = try ToyModel(items: 250).model()
    #expect(try popular(model, "category:beta").count == RenderedList.itemsMax)
    #expect(try popular(model, "").count == RenderedList.itemsMax)
  }
}
