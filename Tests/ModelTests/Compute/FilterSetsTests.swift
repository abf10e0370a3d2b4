import Bytes
import Retrieval
import TestSupport
import Testing

@testable import Model

@Suite struct FilterSetsTests {
  private func filter(_ text: String) throws -> ItemFilter { try ItemFilter(query: text.utf8.span.bytes) }

  /// By asking for each item.
  private func truth(_ filter: ItemFilter, _ model: ServingModel) -> Set<Int> {
    Set((0..<model.itemCount).filter { model.categories.allows(filter, UInt32($0)) })
  }

  private func members(_ items: Bitmap) -> Set<Int> { Set((0..<items.count).filter { items[$0] }) }

  @Test func `a set has what passes the filter, for every kind of condition`() throws {
    let model = try ToyModel().model()
    var sets = FilterSets()
    for text in [
      "category:alpha", "category:beta", "category:alpha,category:beta", "-category:alpha", "category:all,-category:beta",
      "category:nowhere", "-category:nowhere", "-category:all", "category:nowhere,category:beta",
    ] {
      let filter = try filter(text)
      sets.find(filter, model)
      let items = sets.items
      #expect(members(items) == truth(filter, model), "\(text)")
      #expect(items.ones == members(items).count, "\(text)")
    }
    var both = try filter("category:alpha,category:beta")
    try both.formIntersection(filter("category:beta,-category:nowhere"))
    sets.find(both, model)
    let items = sets.items
    #expect(members(items) == truth(both, model) && items.ones == 30)
  }

  @Test func `filters that come again, and more of them than there is room for, are still right`() throws {
    let model = try ToyModel().model()
    var sets = FilterSets()
    for round in 0..<3 {
      for number in 0..<(2 * FilterSets.countMax) {
        let filter = try filter(number % 2 == 0 ? "category:alpha,-category:n\(number)" : "category:beta,category:n\(number)")
        sets.find(filter, model)
        let items = sets.items
        #expect(members(items) == truth(filter, model), "round \(round), filter \(number)")
      }
    }
  }

  @Test func `another model's sets are its own, of the same size or not`() throws {
    let (first, same, larger) = (try ToyModel().model(), try ToyModel(seed: 8).model(), try ToyModel(items: 200).model())
    var sets = FilterSets()
    let alpha = try filter("category:alpha")
    for model in [first, same, larger, first] {
      sets.find(alpha, model)
      let items = sets.items
      #expect(items.count == model.itemCount && members(items) == truth(alpha, model))
    }
  }

  @Test func `a long history is left out as a short one is`() throws {
    var toy = ToyModel(items: 700)
    toy.content.users[0].seen = (0..<350).map { $0 * 2 }
    toy.content.users[2].seen = (0..<20).map { $0 * 2 }
    let model = try toy.model()
    for (user, filter) in [(0, ""), (0, "category:all"), (2, ""), (2, "category:all")] {
      let scratch = ComputeScratch()
      var value = ByteBuffer()
      let query = ListQuery(
        subject: .user(toy.content.users[user].hash), filter: filter.isEmpty ? .none : try self.filter(filter), keyHash: 5,
        now: ToyModel.now)
      let count = try model.render(query, for: .home, scratch: scratch, into: &value)
      #expect(count == 100)
      let bytes = Array(copying: value.bytes)
      let list = try RenderedList(bytes.span.bytes, keyHash: 5)
      for place in 0..<list.count {
        let item = try #require(model.item(hash: list.itemHash(place)))
        #expect(!toy.content.users[user].seen.contains(item), "user \(user), filter \(filter)")
      }
    }
  }

  @Test func `who has met all that a filter lets through gets no list`() throws {
    var toy = ToyModel()
    toy.content.users[0].seen = (0..<30).map { $0 * 2 }
    let model = try toy.model()
    var value = ByteBuffer()
    let query = ListQuery(
      subject: .user(toy.content.users[0].hash), filter: try filter("category:alpha"), keyHash: 5, now: ToyModel.now)
    #expect(throws: RenderFailure.nothingLeft) {
      try model.render(query, for: .home, scratch: ComputeScratch(), into: &value)
    }
  }
}
