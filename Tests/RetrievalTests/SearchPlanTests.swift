import Testing

@testable import Retrieval

/// Budgets between and beyond the measured ones, and the choice of a way.
@Suite struct SearchPlanTests {
  private let table = EffortTable(
    blocks: [10, 20, 60, 16, 40, 120, 40, 100, 300], refined: [30, 150, 700, 40, 200, 900, 90, 400, 1500],
    rescored: [10, 12, 37, 14, 20, 60, 30, 90, 200])

  @Test func `a measured length has the measured budget`() {
    for (place, length) in EffortTable.lengths.enumerated() {
      for effort in [Effort.recall90, .recall95, .recall99] {
        let budget = table.budget(effort, count: Double(length), blockCount: 10_000)
        let entry = effort.rawValue * 3 + place
        #expect(budget.blocks == Int(table.blocks[entry]))
        #expect(budget.refined == Int(table.refined[entry]))
        #expect(budget.rescored == Int(table.rescored[entry]))
      }
    }
  }

  @Test func `budgets grow with length and recall, and never beyond the index`() {
    for effort in [Effort.recall90, .recall95, .recall99] {
      var last = SearchBudget(blocks: 0, refined: 0, rescored: 0)
      for count in [1, 5, 10, 11, 50, 99, 100, 101, 300, 500, 1000, 50_000, 1e12] {
        let budget = table.budget(effort, count: count, blockCount: 2000)
        #expect(budget.blocks >= last.blocks && budget.refined >= last.refined && budget.rescored >= last.rescored)
        #expect(budget.blocks <= 2000 && budget.refined <= SearchScratch.refinedMax)
        #expect(budget.rescored <= SearchScratch.rescoredMax)
        last = budget
      }
      #expect(last.blocks == 2000)
    }
    let lengths = [7.0, 70, 700].map { count in
      Effort.allCases.dropLast().map { table.budget($0, count: count, blockCount: 10_000).blocks }
    }
    #expect(lengths.allSatisfy { $0 == $0.sorted() })
  }

  @Test func `a flat table of a small index still grows beyond its end`() {
    let fifty = [UInt32](repeating: 50, count: 9)
    let flat = EffortTable(blocks: fifty, refined: fifty, rescored: fifty)
    #expect(flat.budget(.recall95, count: 300, blockCount: 10_000).blocks == 50)
    #expect(flat.budget(.recall95, count: 2000, blockCount: 10_000).blocks == 100)
  }

  @Test func `the narrower a filter, the sooner its rows are read, and exact is always by rows`() throws {
    let index = try Made(.clustered(spread: 0.75, normSigma: 0.25), items: 9000, dimension: 8).index
    func plan(_ allowed: Int?, _ effort: Effort = .recall95) -> SearchPlan {
      SearchPlan.choose(index.view, index.efforts, effort, count: 10, allowed: allowed)
    }
    #expect(plan(nil, .exact) == .rows && plan(9000, .exact) == .rows)
    #expect(plan(0) == .rows && plan(1) == .rows && plan(20) == .rows)
    guard case .blocks(let free) = plan(nil), case .blocks(let all) = plan(9000) else {
      Issue.record("a large index is searched by blocks")
      return
    }
    #expect(free == all)
  }
}
