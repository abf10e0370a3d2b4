import FoundationEssentials
import TestSupport
import Testing

/// What an answer costs in allocations and counted references, on the worker's thread, in the release build.
///
/// The budgets stand in budgets.json. A cost above its budget fails, and so does one clearly below: the budget is then
/// lowered, so that what was won is not lost again unnoticed. A few allocations in a thousand answers are let pass: the
/// clock ticks meanwhile, and tables grow.
@Suite(.serialized, .enabled(if: CountedGateway.isBuilt, "\(CountedGateway.advice)"))
struct AllocationTests {
  nonisolated(unsafe) static let folder = TemporaryFolder()
  /// Share of answers that may allocate without a cause of their own.
  static let tolerance = 0.02

  private let budgets: [String: CountedGateway.Cost]

  init() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "budgets.json")
    budgets = try JSONDecoder().decode([String: CountedGateway.Cost].self, from: Data(contentsOf: file))
  }

  private let lists = "placements: {home: {fresh: 1h}, detail: {fresh: 1h}}\n"
  private let noL1 = "cache: {l1: {bytes: 0}}\n"

  private func home(_ user: Int) -> String {
    "/v1/placements/home/recommendations?userId=u\(padded(user))&numResults=9"
  }
  private func detail(_ item: Int) -> String {
    "/v1/placements/detail/recommendations?itemId=b\(padded(item))&numResults=9"
  }
  private func padded(_ number: Int) -> String {
    let digits = "\(number % 500 + 1)"
    return String(repeating: "0", count: 4 - digits.count) + digits
  }

  private func check(_ name: String, _ cost: CountedGateway.Cost, _ gateway: CountedGateway) throws {
    let budget = try #require(budgets[name])
    let slack = AllocationTests.tolerance
    #expect(
      // Tables that grow meanwhile show in what allocates at all.
      abs(cost.allocations - budget.allocations) <= max(slack, budget.allocations * 0.25),
      "\(name): \(cost.allocations) allocations an answer, \(budget.allocations) in the budget")
    guard gateway.countsReferences else { return }
    #expect(
      abs(cost.references - budget.references) <= max(slack, budget.references * 0.1),
      "\(name): \(cost.references) retains and releases an answer, \(budget.references) in the budget")
  }

  @Test func `a hit of the first cache allocates nothing and counts no reference`() throws {
    let gateway = try CountedGateway(AllocationTests.folder, lists)
    try check("l1", gateway.cost(tier: "l1") { _ in home(7) }, gateway)
    // An answer to a conditional request is composed anew.
    let conditional = gateway.cost(tier: "l1", { _ in home(7) }, fields: ["If-None-Match: \"other\""])
    try check("l1, not composed before", conditional, gateway)
    let popular = gateway.cost(tier: "popular") { _ in "/v1/placements/trending/recommendations?numResults=9" }
    try check("popular", popular, gateway)
  }

  @Test func `a hit of the second cache allocates nothing`() throws {
    let memcached = MemcachedServer()
    let gateway = try CountedGateway(AllocationTests.folder, memcached: memcached.address, lists + noL1)
    for item in 0..<500 { _ = gateway.client.get(detail(item)) }
    try check("l2, an item's list", gateway.cost(tier: "l2") { detail($0) }, gateway)
    try check("l2, window and segment list", gateway.cost(tier: "l2") { home($0) }, gateway)
  }

  @Test func `a list that comes from the second cache into the first is allocated once`() throws {
    let memcached = MemcachedServer()
    do {
      let first = try CountedGateway(AllocationTests.folder, memcached: memcached.address, lists + noL1)
      for item in 0..<500 { _ = first.client.get(detail(item)) }
    }
    let gateway = try CountedGateway(AllocationTests.folder, memcached: memcached.address, lists)
    let cost = gateway.cost(350, warm: 150, tier: "l2") { detail($0) }
    try check("l2, kept in l1", cost, gateway)
  }

  @Test func `a computed answer keeps to its budget`() throws {
    let personal = "placements: {home: {scope: user}, detail: {fresh: 1h}}\n"
    let gateway = try CountedGateway(AllocationTests.folder, personal + noL1)
    try check("computed, a user's list", gateway.cost(tier: "computed") { home($0) }, gateway)
    try check("computed, similar items", gateway.cost(tier: "computed") { detail($0) }, gateway)
  }
}
