import TestSupport
import Testing

@testable import Trainer

struct HeldOutSplitTests {
  @Test func `a cut in time lets no later event into training`() throws {
    let rows = (0..<1000).map { (user: ($0 * 7) % 40, item: ($0 * 13) % 97, day: Double($0), weight: Float(1)) }
    let split = try #require(HeldOutSplit.make(makeLog(rows), seed: 1))
    #expect(split.kind == .globalTime)
    #expect(split.train.times.max()! < split.cut!)
    #expect(split.test.times.min()! >= split.cut!)
    #expect(split.train.count == 800)
    #expect(split.testUsers > 20)
  }

  @Test func `rows of one moment stay on one side`() throws {
    let log = makeLog((0..<100).map { (user: $0 % 30, item: $0, day: $0 < 70 ? 0 : 9, weight: Float(1)) })
    let split = try #require(HeldOutSplit.byMoment(log, 0.2))
    #expect(split.train.count == 70)
    #expect(HeldOutSplit.byMoment(makeLog([(0, 0, 1, 1), (1, 1, 1, 1)]), 0.2) == nil)
  }

  @Test func `users who live on one side of the cut only give their own last items`() throws {
    var rows: [(user: Int, item: Int, day: Double, weight: Float)] = []
    for user in 0..<50 { for item in 0..<10 { rows.append((user, (user + item) % 60, Double(user * 10 + item), 1)) } }
    let split = try #require(HeldOutSplit.make(makeLog(rows), seed: 1))
    #expect(split.kind == .userTime)
    #expect(split.testUsers == 50)
    #expect(split.test.count == 100)
    let ofFirst = split.test.users.indices.filter { split.test.users[$0] == 0 }
    #expect(ofFirst.map { split.test.items[$0] } == [8, 9])
  }

  @Test func `without times a random part of each user's items is held out, the same for a seed`() throws {
    let rows = (0..<600).map { (user: $0 % 20, item: $0 / 20, day: 0.0, weight: Float(1)) }
    let log = makeLog(rows, hasTimes: false)
    let split = try #require(HeldOutSplit.make(log, seed: 4))
    #expect(split.kind == .userRandom)
    #expect(split.test.count == 20 * 6)
    #expect(HeldOutSplit.make(log, seed: 4)?.test == split.test)
    #expect(HeldOutSplit.make(log, seed: 5)?.test != split.test)
  }

  @Test func `a test asks only for what can be foretold`() {
    let log = makeLog([
      (0, 0, 0, 1), (1, 1, 0, 0), (0, 2, 1, 1), (2, 3, 1, 1),
      // After the cut: a repeat, a dislike, users without a liked item before, and one that counts.
      (0, 0, 5, 1), (0, 5, 5, 0), (1, 4, 5, 1), (3, 4, 5, 1), (2, 4, 5, 1),
    ])
    let split = HeldOutSplit.byMoment(log, 0.5)!
    #expect(split.test.users == [2])
    #expect(split.test.items == [4])
  }

  @Test func `nothing to hold out is no split`() {
    #expect(HeldOutSplit.make(makeLog([(0, 0, 0, 1), (1, 1, 0, 1)], hasTimes: false), seed: 1) == nil)
  }
}
