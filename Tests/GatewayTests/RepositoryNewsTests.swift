import Publishing
import Testing

@testable import Gateway

@Suite struct RepositoryNewsTests {
  private func advice(_ models: [String], wanted: [String]? = nil, isServing: Bool = false) -> String? {
    let listings = Dictionary(
      uniqueKeysWithValues: models.map { ($0, RepositoryListing(versions: [], aliases: .none)) })
    return RepositoryNews.advice(listings, wanted: wanted, isServing: isServing)
  }

  @Test func `an empty repository is told to be filled`() {
    #expect(advice([])?.contains("needletail train") == true)
    #expect(advice(["films"], wanted: ["films"])?.contains("no snapshot of films") == true)
  }

  @Test func `several models and none named is told, whatever serves`() {
    #expect(advice(["b", "a"], isServing: true)?.hasSuffix("a, b") == true)
    #expect(advice(["b", "a"], wanted: ["a"], isServing: true)?.contains("several") == false)
  }

  @Test func `a repository that has gone while something serves is told`() {
    #expect(advice([], isServing: true)?.contains("any more") == true)
    #expect(advice(["films"], wanted: ["films"], isServing: true)?.contains("any more") == true)
  }
}
