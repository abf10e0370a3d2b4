import Bytes
import Publishing
import Telemetry
import Testing

@testable import Gateway

@Suite struct VersionCountsTests {
  private func identity(_ version: Int) -> ModelIdentity {
    ModelIdentity(name: "home", version: version, digest: SHA256Digest(hex: String(repeating: "a", count: 64))!)
  }

  @Test(arguments: [0, 1, 10, 300, 5_000, 100_000]) func `a sketch knows how many items there were`(count: Int) {
    var sketch = ItemSketch()
    for item in 0..<count {
      sketch.insert(xxh3("b\(item)"))
      sketch.insert(xxh3("b\(item / 2)"))
    }
    // Four standard errors.
    #expect(abs(sketch.estimate - count) <= max(1, count * 4 * 23 / 1000), "\(sketch.estimate) for \(count)")
  }

  @Test func `sketches of two workers add up to the items that either has seen`() {
    var (one, two, both) = (ItemSketch(), ItemSketch(), ItemSketch())
    for item in 0..<3_000 {
      let hash = xxh3("b\(item)")
      if item < 2_000 { one.insert(hash) }
      if item >= 1_000 { two.insert(hash) }
      both.insert(hash)
    }
    one.add(two)
    #expect(one == both)
  }

  @Test func `rows of workers add up by version, whatever their order`() {
    var (left, right) = (VersionTable(), VersionTable())
    let serving = [identity(1), identity(2)]
    #expect(left.row(of: identity(1), serving: serving) == 0 && left.row(of: identity(2), serving: serving) == 1)
    #expect(right.row(of: identity(2), serving: serving) == 0 && right.row(of: identity(1), serving: serving) == 1)
    left.answered(row: 1, nanoseconds: 7_000, isFallback: true)
    right.answered(row: 0, nanoseconds: 7_000, isFallback: false)
    right.refused(row: 1)
    let user = UserHash(high: 1, low: 300)
    right.responded(row: 0, user: user, arm: CanaryArm(step: 1, isChallenger: true).code, impressions: 5, clicks: 0)
    right.responded(row: 0, user: user, arm: CanaryArm.none, impressions: 2, clicks: 1)
    left.add(right)
    let (first, second) = (left[identity(1)]!, left[identity(2)]!)
    #expect(first.errors == 1 && first.answers == 0)
    #expect(second.answers == 2 && second.fallbacks == 1 && second.durations.count == 2)
    #expect(second.impressions == 7 && second.clicks == 1)
    // Of the canary's answers alone, by step and group.
    #expect(second.responses[1].impressionCount == 5 && second.responses[1].clickCount == 0)
    #expect(second.responses[0].impressionCount == 0)
    #expect(second.responses[1].impressions[300 % ResponseCounts.groupCount] == 5)
  }

  @Test func `a full table gives up the oldest that does not serve, and never one that does`() {
    var table = VersionTable()
    for version in 0..<VersionTable.rowsMax { _ = table.row(of: identity(version), serving: [identity(0)]) }
    #expect(table.row(of: identity(99), serving: [identity(0), identity(99)]) == 1)
    #expect(table[identity(1)] == nil && table[identity(0)] != nil)
    let all = table.rows.map(\.identity)
    #expect(table.row(of: identity(100), serving: all) == VersionTable.noRow)
    // Counting there is no mistake.
    table.answered(row: VersionTable.noRow, nanoseconds: 1, isFallback: false)
  }
}
