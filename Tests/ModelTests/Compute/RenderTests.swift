import Bytes
import TestSupport
import Testing

@testable import Model

private let now = ToyModel.now

/// A rendered list, read back.
private struct Rendered {
  var numbers: [Int] = []
  var fragments: [String] = []

  /// How many of the first `count` items are of the taste `parity`.
  func ofTaste(_ parity: Int, among count: Int) -> Int { numbers.prefix(count).count { $0 % 2 == parity } }
}

private func read(_ value: borrowing ByteBuffer, keyHash: UInt64) throws -> Rendered {
  let bytes = Array(copying: value.bytes)
  let list = try RenderedList(bytes.span.bytes, keyHash: keyHash)
  var rendered = Rendered()
  for place in 0..<list.count {
    let fragment = String(copying: list.fragment(place))
    let number = Int(fragment.dropFirst(16).prefix { $0 != "\"" })!
    rendered.numbers.append(number)
    rendered.fragments.append(fragment)
    let hash = list.itemHash(place)
    #expect(hash == xxh3("item-\(number)"))
  }
  return rendered
}

private func render(
  _ model: ServingModel, _ subject: Subject, placement: PlacementPolicy = .home, context: ContextBucket = .any,
  filter: String = "", window events: [(id: String, type: InteractionType, time: UInt32)]? = nil
) throws -> Rendered {
  var value = ByteBuffer()
  let filter = filter.isEmpty ? ItemFilter.none : try ItemFilter(query: filter.utf8.span.bytes)
  let query = ListQuery(subject: subject, context: context, filter: filter, keyHash: 5, now: now)
  let scratch = ComputeScratch()
  let count: Int
  if let events {
    let bytes = window(events)
    count = try model.render(query, for: placement, window: Window(bytes.span.bytes), scratch: scratch, into: &value)
  } else {
    count = try model.render(query, for: placement, scratch: scratch, into: &value)
  }
  let rendered = try read(value, keyHash: 5)
  #expect(rendered.numbers.count == count)
  #expect(Set(rendered.numbers).count == count)
  return rendered
}

private func similar(_ id: String, _ model: ServingModel) throws -> Subject {
  let subject = model.subject(item: id.utf8.span.bytes)
  return try #require(subject)
}

private func failure(_ body: () throws -> Rendered) -> RenderFailure? {
  do {
    _ = try body()
    return nil
  } catch { return error as? RenderFailure }
}

@Suite struct RenderTests {
  /// Relevance alone, so that taste shows.
  private func placement(_ change: (inout PlacementPolicy) -> Void = { _ in }) -> PlacementPolicy {
    var placement = PlacementPolicy.home
    placement.ranking.diversity = 0
    change(&placement)
    return placement
  }

  @Test func `a segment gets what its taste is`() throws {
    let model = try ToyModel().model()
    for segment in 0...1 {
      let list = try render(model, .segment(segment), placement: placement())
      #expect(list.ofTaste(segment, among: 20) == 20)
      #expect(list.numbers.count == 60)
    }
  }

  @Test func `a known user gets their taste and nothing they have seen`() throws {
    let toy = ToyModel()
    let model = try toy.model()
    for number in 0..<4 {
      let user = toy.content.users[number]
      let list = try render(model, .user(user.hash), placement: placement())
      #expect(list.ofTaste(number % 2, among: 20) == 20)
      #expect(Set(list.numbers).isDisjoint(with: user.seen.map(Int.init)))
      #expect(list.numbers.count == 58)
    }
  }

  @Test func `a window outweighs the past, and its items are gone`() throws {
    let toy = ToyModel()
    let model = try toy.model()
    let alpha = toy.content.users[0].hash
    let events = ["item-11", "item-13", "item-15"].map { (id: $0, type: InteractionType.click, time: now) }
    for user in [alpha, ToyModel.hash("new")] {
      let list = try render(model, .user(user), placement: placement(), window: events)
      #expect(list.ofTaste(1, among: 20) == 20)
      #expect(Set(list.numbers).isDisjoint(with: [11, 13, 15]))
    }
  }

  @Test func `a window of unknown items leaves the user's own vector`() throws {
    let toy = ToyModel()
    let model = try toy.model()
    let events = [(id: "gone", type: InteractionType.click, time: now)]
    let list = try render(model, .user(toy.content.users[0].hash), placement: placement(), window: events)
    #expect(list.ofTaste(0, among: 20) == 20)
    #expect(failure { try render(model, .user(ToyModel.hash("new")), window: events) } == .unknownSubject)
    #expect(failure { try render(model, .user(ToyModel.hash("new"))) } == .unknownSubject)
  }

  @Test func `similar items are of the same kind and never the item itself`() throws {
    for metric in Metric.allCases {
      let model = try ToyModel(metric: metric).model()
      for number in [2, 9] {
        let subject = try similar("item-\(number)", model)
        let list = try render(model, subject, placement: placement())
        #expect(!list.numbers.contains(number))
        #expect(list.ofTaste(number % 2, among: 20) == 20, "\(metric)")
        #expect(list.fragments[0].contains("\"reason\":\"similar\""))
      }
    }
  }

  @Test func `similar is by direction, not by length`() throws {
    var toy = ToyModel()
    // One item of the other taste is ten times as long as any: by inner product it is near everything.
    for place in 0..<8 { toy.content.itemVectors[7 * 8 + place] = place == 1 ? 30 : 3 }
    let model = try toy.model()
    let subject = try similar("item-2", model)
    let list = try render(model, subject, placement: placement { $0.ranking.affinity = 0 })
    #expect(list.ofTaste(0, among: 15) == 15)
  }

  @Test func `an item or segment of another snapshot is unknown`() throws {
    let model = try ToyModel().model()
    #expect(failure { try render(model, .item(index: 3, hash: 1)) } == .unknownSubject)
    #expect(failure { try render(model, .item(index: 60, hash: 1)) } == .unknownSubject)
    #expect(failure { try render(model, .segment(2)) } == .unknownSubject)
    #expect(failure { try render(model, .segment(-1)) } == .unknownSubject)
  }

  @Test func `filters hold for every kind of list`() throws {
    let toy = ToyModel()
    let model = try toy.model()
    let item = try similar("item-2", model)
    for subject in [.segment(0), .user(toy.content.users[0].hash), item] as [Subject] {
      let beta = try render(model, subject, filter: "category:beta")
      #expect(beta.ofTaste(1, among: 60) == beta.numbers.count)
      let notBeta = try render(model, subject, filter: "-category:beta")
      #expect(notBeta.ofTaste(0, among: 60) == notBeta.numbers.count)
      #expect(try render(model, subject, filter: "category:alpha,category:beta").numbers.count >= 57)
      #expect(try render(model, subject, filter: "-category:unheard").numbers.count >= 57)
      #expect(failure { try render(model, subject, filter: "category:unheard") } == .nothingLeft)
      #expect(failure { try render(model, subject, filter: "category:alpha,-category:all") } == .nothingLeft)
    }
  }

  @Test func `a placement's filter always applies`() throws {
    let model = try ToyModel().model()
    let filter = try ItemFilter(query: "-category:alpha".utf8.span.bytes)
    let list = try render(model, .segment(0), placement: placement { $0.filter = filter })
    #expect(list.ofTaste(1, among: 60) == list.numbers.count)
  }

  @Test func `a request's filter does not widen that of its placement`() throws {
    let model = try ToyModel().model()
    let alpha = try ItemFilter(query: "category:alpha".utf8.span.bytes)
    let shelf = placement { $0.filter = alpha }
    let list = try render(model, .segment(0), placement: shelf, filter: "category:all")
    #expect(list.ofTaste(0, among: 60) == list.numbers.count)
    #expect(failure { try render(model, .segment(0), placement: shelf, filter: "category:beta") } == .nothingLeft)
    let both = try shelf.effectiveFilter(ItemFilter(query: "category:all".utf8.span.bytes))
    let everything = Availability(itemCount: model.itemCount)
    let kept = list.numbers.filter { number in
      model.withRules(seenBy: nil, filter: both, availability: everything) {
        $0.verdict(model.itemHash(UInt32(number))) == .shown
      }
    }
    #expect(kept == list.numbers)
  }

  @Test func `λ mixes tastes`() throws {
    let model = try ToyModel().model()
    let relevant = try render(model, .segment(0), placement: placement())
    let diverse = try render(model, .segment(0), placement: placement { $0.ranking.diversity = 0.8 })
    #expect(relevant.ofTaste(0, among: 10) == 10)
    #expect(diverse.ofTaste(0, among: 10) < 10)
    #expect(diverse.numbers[0] == relevant.numbers[0])
  }

  @Test func `weights of the configuration order the list`() throws {
    let model = try ToyModel().model()
    let popular = try render(
      model, .segment(0),
      placement: placement {
        $0.ranking.similarity = 0
        $0.ranking.popularity = 10
        $0.ranking.freshness = 0
      })
    #expect(popular.numbers == Array((0..<60).reversed()))
    let fresh = try render(
      model, .segment(0),
      placement: placement {
        $0.ranking.similarity = 0
        $0.ranking.popularity = 0
        $0.ranking.freshness = 1
      })
    #expect(Array(fresh.numbers.prefix(4)) == [1, 2, 4, 5], "the newest of known age first")
  }

  @Test func `context lifts what is trending in its segment`() throws {
    let model = try ToyModel().model()
    let mobile = ContextVocabulary.standard.bucket(.device, device: "mobile".utf8.span.bytes)
    let weights = placement {
      $0.ranking.similarity = 0
      $0.ranking.popularity = 0
      $0.ranking.freshness = 0
      $0.ranking.context = 1
    }
    let list = try render(model, .segment(1), placement: weights, context: mobile)
    #expect(Array(list.numbers.prefix(5)) == [0, 2, 4, 6, 8])
  }

  @Test func `a list is as long as the placement says`() throws {
    let model = try ToyModel(items: 150).model()
    #expect(try render(model, .segment(0), placement: placement { $0.listItems = 7 }).numbers.count == 7)
    #expect(try render(model, .segment(0), placement: placement()).numbers.count == 100)
  }

  @Test func `a fragment is an item as the response has it`() throws {
    let model = try ToyModel().model()
    let list = try render(model, .segment(0), placement: placement())
    let first = list.numbers[0]
    #expect(
      list.fragments[0] == """
        {"itemId":"item-\(first)","score":1.0000,"reason":"personalized","metadata":\
        \(String(copying: model.itemMetadata(UInt32(first))))},
        """)
    for fragment in list.fragments {
      let object = String(fragment.dropLast())
      let isObject = isCompactJSONObject(object.utf8.span.bytes)
      #expect(isObject, "\(object)")
    }
  }

  @Test func `a second list in the same scratch owes nothing to the first`() throws {
    let toy = ToyModel()
    let (model, other) = (try toy.model(), try ToyModel(items: 33, dimension: 5).model())
    let scratch = ComputeScratch()
    func bytes(_ model: ServingModel, _ scratch: ComputeScratch, _ subject: Subject, _ filter: ItemFilter) throws
      -> [UInt8]
    {
      var value = ByteBuffer()
      _ = try model.render(
        ListQuery(subject: subject, filter: filter, keyHash: 1, now: now), for: .home, scratch: scratch, into: &value)
      return Array(copying: value.bytes)
    }
    let filter = try ItemFilter(query: "category:beta".utf8.span.bytes)
    let user = Subject.user(toy.content.users[1].hash)
    for (subject, filter) in [(.segment(0), .none), (user, filter), (.segment(1), .none), (.segment(0), filter)]
      as [(Subject, ItemFilter)]
    {
      for model in [model, other] {
        let alone = try bytes(model, ComputeScratch(), subject, filter)
        let shared = try bytes(model, scratch, subject, filter)
        #expect(alone == shared)
      }
    }
  }
}

@Suite struct TrendingTests {
  private func trending(_ model: ServingModel, segment: Int?, filter: String = "") throws -> Rendered {
    var value = ByteBuffer()
    let filter = filter.isEmpty ? ItemFilter.none : try ItemFilter(query: filter.utf8.span.bytes)
    _ = try model.renderTrending(
      segment: segment, filter: filter, for: .trending, keyHash: 9, now: now, scratch: ComputeScratch(), into: &value)
    return try read(value, keyHash: 9)
  }

  @Test func `trending lists are those of the trainer`() throws {
    let model = try ToyModel().model()
    let global = try trending(model, segment: nil)
    #expect(global.numbers == Array((30..<60).reversed()))
    #expect(global.fragments[0].contains(#""score":1.0000,"reason":"popular""#))
    #expect(global.fragments[1].contains(#""score":0.9667"#))
    #expect(try trending(model, segment: 0).numbers == [0, 2, 4, 6, 8])
    #expect(try trending(model, segment: 1).numbers == [])
    #expect(failure { try trending(model, segment: 2) } == .unknownSubject)
  }

  @Test func `filters hold for trending too`() throws {
    let model = try ToyModel().model()
    #expect(
      try trending(model, segment: nil, filter: "category:alpha").numbers
        == stride(from: 58, through: 30, by: -2).map { $0 })
    #expect(try trending(model, segment: nil, filter: "category:unheard").numbers == [])
  }
}

@Suite struct ChosenListTests {
  @Test func `another program's choice keeps its order and gets our metadata`() throws {
    let model = try ToyModel().model()
    var placement = PlacementPolicy.home
    placement.listItems = 3
    placement.filter = try ItemFilter(query: "category:alpha".utf8.span.bytes)
    let chosen = [9, 4, 2, 4, 60, 8, 6].map { ModelContent.Trending(item: $0, score: Float($0)) }
    var value = ByteBuffer()
    let count = model.renderChosen(
      chosen, for: placement, keyHash: 9, now: now, scratch: ComputeScratch(), into: &value)
    #expect(count == 3)
    let list = try read(value, keyHash: 9)
    #expect(list.numbers == [4, 2, 8])
    #expect(list.fragments[0].contains(#""score":4.0000,"reason":"personalized","metadata":{"title":"Title"#))
  }
}

@Suite struct SliceRulesTests {
  private func cut(_ model: ServingModel, seenBy user: UserRow?, filter: String = "") throws -> [String] {
    var value = ByteBuffer()
    _ = try model.renderTrending(
      segment: nil, for: .trending, keyHash: 9, now: now, scratch: ComputeScratch(), into: &value)
    let list = RenderedList(validated: value.bytes)
    let filter = filter.isEmpty ? ItemFilter.none : try ItemFilter(query: filter.utf8.span.bytes)
    let rules = model.rules(seenBy: user, filter: filter)
    var fields = MetadataFields()
    fields.insert("none".utf8.span.bytes)
    let nothing = ItemHashSet()
    var body = ByteBuffer()
    let written = list.slice(upTo: 100, skipping: nothing, rules: rules, fields: fields, into: &body).written
    let ids = String(copying: body.bytes).split(separator: "{\"itemId\":\"").map { String($0.prefix { $0 != "\"" }) }
    #expect(ids.count == written)
    return ids
  }

  @Test func `what a user has seen is left out of everybody's list`() throws {
    var toy = ToyModel()
    toy.content.users[0].seen = [30, 57, 59]
    let model = try toy.model()
    let row = try #require(model.user(toy.content.users[0].hash))
    let ids = try cut(model, seenBy: row)
    #expect(ids == (30..<60).reversed().filter { ![30, 57, 59].contains($0) }.map { "item-\($0)" })
    #expect(try cut(model, seenBy: nil).count == 30)
    var seen = ItemHashSet()
    model.insertSeen(by: row, into: &seen)
    let (count, has) = (seen.count, seen.contains(xxh3("item-57")))
    #expect(count == 3 && has)
  }

  @Test func `a list that was made without the filter is cut under it`() throws {
    let model = try ToyModel().model()
    #expect(try cut(model, seenBy: nil, filter: "category:beta").count == 15)
    #expect(try cut(model, seenBy: nil, filter: "-category:all").isEmpty)
  }
}

@Suite struct PrecomputePlanTests {
  @Test func `every segment and bucket once, the largest segment first`() throws {
    var toy = ToyModel(users: 21)
    for user in 0..<5 { toy.content.users[user].segment = 1 }
    let model = try toy.model()
    var placement = PlacementPolicy.home
    #expect(PrecomputePlan(model, placement, .standard).count == 2)
    placement.context = [.device, .daypart]
    let plan = PrecomputePlan(model, placement, .standard)
    #expect(plan.count == 2 * 5 * 6)
    let entries = (0..<plan.count).map { plan[$0] }
    #expect(Set(entries).count == entries.count)
    #expect(entries.prefix(30).allSatisfy { $0.segment == 1 })
  }

  @Test func `each stage of a list ends once, in order, and a list that cannot be made ends no further ones`() throws {
    let model = try ToyModel().model()
    let scratch = ComputeScratch()
    var value = ByteBuffer()
    var stages = StageLog()
    let query = ListQuery(subject: .segment(0), keyHash: 5, now: now)
    _ = try model.render(query, for: PlacementPolicy.home, telling: &stages, scratch: scratch, into: &value)
    #expect(stages.ended == ComputeStage.allCases)

    stages.ended = []
    let filter = try ItemFilter(query: "category:nowhere".utf8.span.bytes)
    let barren = ListQuery(subject: .segment(0), filter: filter, keyHash: 5, now: now)
    #expect(throws: RenderFailure.nothingLeft) {
      try model.render(barren, for: PlacementPolicy.home, telling: &stages, scratch: scratch, into: &value)
    }
    #expect(stages.ended == [.prepare])
  }

  @Test func `similar items are the nearest by cosine, not the longest`() throws {
    var toy = ToyModel(items: 400)
    // Every tenth item of the other taste is a hundred times as long as the rest.
    for item in stride(from: 1, to: 400, by: 20) {
      for place in 0..<8 { toy.content.itemVectors[item * 8 + place] *= 100 }
    }
    let model = try toy.model()
    var home = PlacementPolicy.home
    home.ranking.diversity = 0
    home.ranking.candidates = 50
    let list = try render(model, try similar("item-0", model), placement: home)
    #expect(list.numbers.count == 50)
    #expect(list.ofTaste(0, among: 50) == 50)
  }
}

private struct StageLog: ComputeStageReceiver {
  var ended: [ComputeStage] = []
  mutating func ended(_ stage: ComputeStage) { ended.append(stage) }
}
