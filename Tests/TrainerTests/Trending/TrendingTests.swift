import Bytes
import Testing

@testable import Trainer

/// A log from literal rows: (user, item, day, weight).
func makeLog(_ rows: [(user: Int, item: Int, day: Double, weight: Float)], hasTimes: Bool = true) -> InteractionLog {
  var log = InteractionLog()
  for row in rows {
    log.append(UInt32(row.user), UInt32(row.item), hasTimes ? UInt32(1_000_000 + row.day * 86_400) : 0, row.weight)
  }
  let users = (rows.map(\.user).max() ?? -1) + 1
  let items = (rows.map(\.item).max() ?? -1) + 1
  log.userHashes = (0..<users).map { UserHash(high: UInt64($0) &* 0x9E37_79B9_7F4A_7C15, low: UInt32($0)) }
  log.itemIds = (0..<items).map { "i\($0)" }
  log.hasTimes = hasTimes
  return log
}

struct TrendingTests {
  private let log = makeLog([
    (0, 0, 0, 1), (1, 0, 0, 1), (0, 1, 5, 1), (1, 2, 10, 0.75), (2, 3, 10, 0.25), (2, 0, 5, 1), (2, 4, 10, 0),
  ])

  @Test func `an interaction counts half after each half-life`() {
    var settings = TrendingSettings()
    settings.halfLifeDays = 5
    let trending = Trending(log, segments: [], segmentCount: 0, settings: settings)
    // Item 0: 2 · ¼ + ½ = 1; item 1: ½; item 2: ¾; item 3: ¼; item 4 was seen and not liked.
    #expect(trending.global.map(\.item) == [0, 2, 1, 3])
    #expect(trending.global.map(\.score) == [1, 0.75, 0.5, 0.25])
  }

  @Test func `without times trending is popularity`() {
    let log = makeLog([(0, 1, 0, 1), (1, 1, 0, 1), (1, 0, 0, 1), (2, 2, 0, 1)], hasTimes: false)
    let trending = Trending(log, segments: [], segmentCount: 0, settings: TrendingSettings())
    #expect(trending.halfLifeDays == nil)
    #expect(trending.global.map(\.item) == [1, 0, 2])
  }

  @Test func `each segment has the trends of its own users`() {
    var settings = TrendingSettings()
    settings.halfLifeDays = 5
    let trending = Trending(log, segments: [0, 1, 1], segmentCount: 2, settings: settings)
    #expect(trending.bySegment[0].map(\.item) == [1, 0])
    #expect(trending.bySegment[1].map(\.item) == [0, 2, 3])
    settings.length = 1
    #expect(Trending(log, segments: [0, 1, 1], segmentCount: 2, settings: settings).bySegment.map(\.count) == [1, 1])
  }

  @Test func `what decayed to nothing is ordered by all time`() {
    let log = makeLog([(0, 0, 0, 1), (0, 1, 0, 1), (1, 1, 1, 1), (1, 2, 4000, 1)])
    var settings = TrendingSettings()
    settings.halfLifeDays = 0.05
    #expect(Trending(log, segments: [], segmentCount: 0, settings: settings).global.map(\.item) == [2, 1, 0])
  }

  @Test func `the half-life is a twentieth of the span, within an hour and a year`() {
    #expect(Trending.halfLifeDays(of: makeLog([(0, 0, 0, 1), (0, 0, 40, 1)])) == 2)
    #expect(Trending.halfLifeDays(of: makeLog([(0, 0, 0, 1), (0, 0, 0.1, 1)])) == 1.0 / 24)
    #expect(Trending.halfLifeDays(of: makeLog([(0, 0, 0, 1), (0, 0, 9000, 1)])) == 365)
    #expect(Trending.halfLifeDays(of: makeLog([(0, 0, 0, 1)], hasTimes: false)) == nil)
  }
}
