import Testing

@testable import Model

private func filter(_ text: String) throws(ItemFilterError) -> ItemFilter {
  try ItemFilter(query: text.utf8.span.bytes)
}

private func problem(_ text: String) -> ItemFilterError? {
  do throws(ItemFilterError) {
    _ = try filter(text)
    return nil
  } catch { return error }
}

@Suite struct ItemFilterTests {
  @Test func `the query's form and the body's are one filter`() throws {
    var body = ItemFilter()
    try body.add(field: "category".utf8.span.bytes, value: "sale".utf8.span.bytes, excluded: true)
    try body.add(field: "category".utf8.span.bytes, value: "shoes".utf8.span.bytes, excluded: false)
    try body.add(field: "category".utf8.span.bytes, value: "shoes".utf8.span.bytes, excluded: false)
    let query = try filter("category:shoes, -category:sale ")
    #expect(body == query)
    #expect(body.hash == query.hash)
    #expect(query.includeCount == 1)
    #expect(query.excludeCount == 1)
  }

  @Test func `in and out are different filters`() throws {
    #expect(try filter("category:a") != filter("-category:a"))
    #expect(try filter("category:a").hash != filter("-category:a").hash)
    #expect(ItemFilter.none.hash == 0)
  }

  @Test func `what cannot be filtered by is named`() {
    #expect(problem("category:shoes,-brand:acme") == .unsupportedField("brand"))
    #expect(problem("-brand:acme")?.description.contains("brand") == true)
    #expect(problem("category:") == .noValue("category"))
    #expect(problem("shoes") == .malformed("shoes"))
    #expect(problem(":x") == .malformed(":x"))
    #expect(problem("-") == .malformed("-"))
    #expect(problem("category:a,") == .malformed("an empty condition"))
    #expect(problem((0..<33).map { "category:\($0)" }.joined(separator: ",")) == .tooManyConditions)
    #expect(problem((0..<32).map { "category:\($0)" }.joined(separator: ",")) == nil)
  }

  @Test func `a value may have a colon`() throws {
    #expect(try filter("category:Sci-Fi: old") != filter("category:Sci-Fi"))
  }

  @Test func `filters of placement and request add up`() throws {
    var placement = PlacementPolicy.home
    placement.filter = try filter("-category:sale")
    let both = try placement.effectiveFilter(filter("category:shoes"))
    #expect(both == (try filter("category:shoes,-category:sale")))
    #expect(try placement.variant(filter: .none) != .standard)
    #expect(try PlacementPolicy.home.variant(filter: .none) == .standard)
  }

  @Test func `a request narrows what a placement shows and does not widen it`() throws {
    var placement = PlacementPolicy.home
    placement.filter = try filter("category:books,category:films,-category:sale")
    let both = try placement.effectiveFilter(filter("category:new,category:books,-category:used"))
    #expect(both.includeCount == 2 && both.furtherCount == 2 && both.excludeCount == 2)
    let one = try filter("category:books,category:films,category:new,-category:sale,-category:used")
    #expect(both != one && both.hash != one.hash)
    let same = try placement.effectiveFilter(filter("category:films,category:books"))
    #expect(same == placement.filter && same.hash == placement.filter.hash)
    let limit = (0..<29).map { "category:\($0)" }.joined(separator: ",")
    #expect(try placement.effectiveFilter(filter(limit)).furtherCount == 29)
    #expect(throws: ItemFilterError.tooManyConditions) { try placement.effectiveFilter(filter(limit + ",category:29")) }
  }
}
