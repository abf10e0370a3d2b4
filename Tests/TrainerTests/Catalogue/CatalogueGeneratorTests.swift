import TestSupport
import Testing

@testable import Trainer

struct CatalogueGeneratorTests {
  @Test func `the bookshop has its size, distinct titles, and nobody meets a book before it is out`() {
    let generator = CatalogueGenerator()
    let shop = generator.generate()
    #expect(shop.books.count == 2000)
    #expect(Set(shop.books.map(\.title)).count == 2000)
    #expect((120_000...180_000).contains(shop.events.count), "\(shop.events.count) events")
    #expect(Set(shop.events.map(\.user)).count == 3000)
    #expect(shop.events.allSatisfy { shop.books[$0.book].publishedAt <= $0.time && $0.time <= generator.endsAt })
    #expect(zip(shop.events, shop.events.dropFirst()).allSatisfy { $0.time <= $1.time })
    #expect(shop.books.allSatisfy { !$0.title.contains("{") })
  }

  @Test func `the same seed writes the same files, which read back without a broken row`() throws {
    var generator = CatalogueGenerator()
    generator.items = 200
    generator.users = 150
    generator.events = 4000
    let (first, second) = (TemporaryFolder(), TemporaryFolder())
    try generator.write(to: first.file("made/on/the/way"))
    try generator.write(to: second.path)
    let data = try Dataset.read(DatasetOptions(interactions: first.file("made/on/the/way"), identity: testIdentity))
    let again = try Dataset.read(DatasetOptions(interactions: second.path, identity: testIdentity))
    #expect(data.report.digest == again.report.digest)
    #expect(data.report.broken.count == 0)
    #expect(data.report.itemsBroken.count == 0)
    #expect(data.items.count == 200)
    #expect(data.report.eventTypes.map(\.name).sorted() == ["add-to-cart", "purchase", "view"])
    #expect(
      data.items.allSatisfy { $0.categories.count >= 2 && $0.publishedAt > 0 && $0.metadata.first?.name == "author" })
    generator.seed = 2
    try generator.write(to: second.path)
    #expect(
      try Dataset.read(DatasetOptions(interactions: second.path, identity: testIdentity)).report.digest
        != data.report.digest)
  }

  @Test func `days are written as ISO 8601 has them`() {
    #expect(isoDate(0) == "1970-01-01")
    #expect(isoDate(951_782_400) == "2000-02-29")
    #expect(isoDate(1_767_225_599) == "2025-12-31")
  }
}
