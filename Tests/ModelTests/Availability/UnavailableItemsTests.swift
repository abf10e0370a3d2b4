import Bytes
import TestSupport
import Testing

@testable import Model

/// What sold-out items mean for lists: none is made with them, none is cut with them, and they come back.
@Suite struct UnavailableItemsTests {
  private static let now = ToyModel.now

  /// Numbers of the items of a list.
  private func numbers(_ value: borrowing ByteBuffer) -> [Int] {
    let list = RenderedList(validated: value.bytes)
    var numbers: [Int] = []
    for place in 0..<list.count {
      numbers.append(Int(String(copying: list.fragment(place)).dropFirst(16).prefix { $0 != "\"" })!)
    }
    return numbers
  }

  private func render(
    _ model: ServingModel, _ subject: Subject, _ availability: Availability?, filter: String = "",
    scratch: ComputeScratch = ComputeScratch()
  ) throws -> [Int] {
    var value = ByteBuffer()
    let filter = filter.isEmpty ? ItemFilter.none : try ItemFilter(query: filter.utf8.span.bytes)
    let query = ListQuery(subject: subject, filter: filter, keyHash: 1, now: Self.now)
    let count = try model.render(query, for: .home, availability: availability, scratch: scratch, into: &value)
    let found = numbers(value)
    #expect(found.count == count)
    return found
  }

  private func out(_ items: some Sequence<Int>, of model: ServingModel) -> Availability {
    let availability = Availability(itemCount: model.itemCount)
    for item in items { availability.set(UInt32(item), unavailable: true) }
    availability.publish()
    return availability
  }

  @Test func `no computed list has an unavailable item, whoever it is for`() throws {
    let model = try ToyModel().model()
    let item = model.subject(item: "item-4".utf8.span.bytes)!
    for subject in [Subject.segment(0), .user(ToyModel.hash("user-3")), item] {
      let before = try render(model, subject, nil)
      let gone = Array(before.prefix(7))
      let after = try render(model, subject, out(gone, of: model))
      #expect(Set(after).isDisjoint(with: gone) && Set(after).union(gone) == Set(before), "\(subject): \(after)")
    }
  }

  @Test func `what takes their places is what a filter would have found`() throws {
    let model = try ToyModel().model()
    let odd = out(stride(from: 1, to: 60, by: 2), of: model)
    for subject in [Subject.segment(1), .user(ToyModel.hash("user-1"))] {
      #expect(try render(model, subject, odd) == render(model, subject, nil, filter: "category:alpha"))
    }
    #expect(
      try render(model, .segment(0), out([0, 2], of: model), filter: "category:alpha").sorted()
        == Array(stride(from: 4, to: 60, by: 2)))
  }

  @Test func `similar items of an unavailable item are answered`() throws {
    let model = try ToyModel().model()
    let item = model.subject(item: "item-4".utf8.span.bytes)!
    let similar = try render(model, item, out([4, 6], of: model))
    #expect(!similar.isEmpty && !similar.contains(4) && !similar.contains(6) && similar[0] % 2 == 0)
  }

  @Test func `an item that is back is found again, by the same worker`() throws {
    let model = try ToyModel().model()
    let scratch = ComputeScratch()
    let before = try render(model, .segment(0), nil, scratch: scratch)
    let availability = Availability(itemCount: model.itemCount)
    for round in 0..<3 {
      availability.set(UInt32(before[round]), unavailable: true)
      availability.publish()
      #expect(try !render(model, .segment(0), availability, scratch: scratch).contains(before[round]))
    }
    for round in 0..<3 { availability.set(UInt32(before[round]), unavailable: false) }
    availability.publish()
    #expect(try render(model, .segment(0), availability, scratch: scratch) == before)
  }

  @Test func `two snapshots' sets are not taken for each other`() throws {
    let (first, second) = (try ToyModel().model(), try ToyModel().model())
    let scratch = ComputeScratch()
    let before = try render(first, .segment(0), nil, scratch: scratch)
    let (one, other) = (out([before[0]], of: first), out([before[1]], of: second))
    for _ in 0..<2 {
      let lists = try (
        render(first, .segment(0), one, scratch: scratch), render(second, .segment(0), other, scratch: scratch)
      )
      #expect(!lists.0.contains(before[0]) && lists.0.contains(before[1]))
      #expect(lists.1.contains(before[0]) && !lists.1.contains(before[1]))
    }
  }

  @Test func `when nothing is available nothing is left`() throws {
    let model = try ToyModel().model()
    #expect(throws: RenderFailure.nothingLeft) { try render(model, .segment(0), out(0..<60, of: model)) }
  }

  @Test func `a stored list is cut without them, and tells how many it passed over`() throws {
    var toy = ToyModel()
    toy.content.users[0].seen = [58]
    let model = try toy.model()
    var value = ByteBuffer()
    _ = try model.renderTrending(
      segment: nil, for: .trending, keyHash: 1, now: Self.now, scratch: ComputeScratch(), into: &value)
    // The list begins 59, 58, 57, 56, … ; 58 is seen and 57 excluded, which counts before being sold out.
    let availability = out([58, 57, 56, 3], of: model)
    let row = model.user(toy.content.users[0].hash)
    var skipped = ItemHashSet()
    skipped.insert(xxh3("item-57"))
    var body = ByteBuffer()
    var shown: [UInt64] = []
    let list = RenderedList(validated: value.bytes)
    let fields = MetadataFields()
    let cut = model.withRules(seenBy: row, availability: availability) { rules in
      list.appendShown(upTo: 3, skipping: skipped, rules: rules, to: &shown)
      return list.slice(upTo: 3, skipping: skipped, rules: rules, fields: fields, into: &body)
    }
    #expect(cut == RenderedList.Cut(written: 3, unavailable: 1))
    #expect(shown == [59, 55, 54].map { xxh3("item-\($0)") })
    let text = String(copying: body.bytes)
    for item in [59, 55, 54] { #expect(text.contains("\"item-\(item)\"")) }
    availability.set(56, unavailable: false)
    body.removeAll()
    let again = model.withRules(seenBy: row, availability: availability) { rules in
      list.slice(upTo: 3, skipping: skipped, rules: rules, fields: fields, into: &body)
    }
    #expect(again == RenderedList.Cut(written: 3, unavailable: 0))
    #expect(String(copying: body.bytes).contains("\"item-56\""))
  }

  @Test func `of trending items the available ones are left, under a filter too`() throws {
    let model = try ToyModel().model()
    let availability = out(40..<60, of: model)
    for (filter, expected) in [
      ("", Array((30..<40).reversed())), ("category:beta", [39, 37, 35, 33, 31]), ("category:none", []),
    ] {
      var value = ByteBuffer()
      let filter = filter.isEmpty ? ItemFilter.none : try ItemFilter(query: filter.utf8.span.bytes)
      let count = model.renderAvailable(
        availability, filter: filter, keyHash: 1, now: Self.now, scratch: ComputeScratch(), into: &value)
      #expect(numbers(value) == expected && count == expected.count)
    }
  }
}
