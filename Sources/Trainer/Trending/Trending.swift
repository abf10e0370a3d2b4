internal import Glibc

/// An item of a trending list and its decayed count.
public struct TrendingItem: Sendable, Equatable {
  public let item: UInt32
  public let score: Float

  public init(item: UInt32, score: Float) {
    self.item = item
    self.score = score
  }
}

public struct TrendingSettings: Sendable, Codable, Equatable {
  /// After how many days an interaction counts half; nil for `Trending.halfLifeDays(of:)`.
  public var halfLifeDays: Double?
  /// Length of each list.
  public var length = 200

  public init() {}

  /// A rendered list holds up to 100 items, and what is excluded has to be made up for.
  public static let lengthRange = 100...500
}

/// What is liked lately: Σ weight · 2^(−age / half-life) per item, age counted back from the newest interaction.
///
/// Without times every age is 0, and this is popularity. Ties go to the item with more weight over all time, then to
/// the smaller index; so a list goes on with what was liked long ago, and is only as short as the items somebody liked.
public struct Trending: Sendable, Equatable {
  public let halfLifeDays: Double?
  public let global: [TrendingItem]
  /// By segment, from the interactions of its users alone.
  public let bySegment: [[TrendingItem]]

  /// A twentieth of the time that the log covers, between an hour and a year: a month of data gives 1.5 days, a year
  /// 18. A short half-life on sparse data would let the last few users decide; ml-latest-small, 22 years, gets a year.
  public static func halfLifeDays(of log: InteractionLog) -> Double? {
    guard let span = log.timeSpan else { return nil }
    return min(365, max(1.0 / 24, Double(span.upperBound - span.lowerBound) / 86_400 / 20))
  }

  /// - Parameter segments: the segment of each user; empty for none.
  /// - Complexity: O(rows + segments × items log items).
  public init(_ log: InteractionLog, segments: [UInt16], segmentCount: Int, settings: TrendingSettings) {
    let halfLife = log.hasTimes ? settings.halfLifeDays ?? Self.halfLifeDays(of: log) : nil
    let decay = Decay(log, halfLifeDays: halfLife)
    var rows = [[Int]](repeating: [], count: segmentCount)
    if segmentCount > 0 {
      for row in 0..<log.count { rows[Int(segments[Int(log.users[row])])].append(row) }
    }
    halfLifeDays = halfLife
    global = Self.top(0..<log.count, log, decay, settings.length)
    bySegment = rows.map { Self.top($0, log, decay, settings.length) }
  }

  /// The decayed count of every item: what the evaluation ranks by.
  public static func scores(_ log: InteractionLog, halfLifeDays: Double?) -> [Float] {
    let decay = Decay(log, halfLifeDays: halfLifeDays)
    var sums = [Double](repeating: 0, count: log.itemCount)
    for row in 0..<log.count { sums[Int(log.items[row])] += decay.weight(row) }
    return sums.map { Float($0) }
  }

  private struct Decay {
    let log: InteractionLog
    let end: UInt32
    /// −1 / half-life in seconds; 0 for no decay.
    let rate: Double

    init(_ log: InteractionLog, halfLifeDays: Double?) {
      self.log = log
      end = log.timeSpan?.upperBound ?? 0
      rate = log.hasTimes ? halfLifeDays.map { -1 / ($0 * 86_400) } ?? 0 : 0
    }

    func weight(_ row: Int) -> Double {
      Double(log.weights[row]) * (rate == 0 ? 1 : exp2(Double(end - log.times[row]) * rate))
    }
  }

  private static func top(_ rows: some Sequence<Int>, _ log: InteractionLog, _ decay: Decay, _ length: Int)
    -> [TrendingItem]
  {
    var recent = [Double](repeating: 0, count: log.itemCount)
    var total = [Double](repeating: 0, count: log.itemCount)
    for row in rows {
      recent[Int(log.items[row])] += decay.weight(row)
      total[Int(log.items[row])] += Double(log.weights[row])
    }
    return total.indices.filter { total[$0] > 0 }
      .sorted { (recent[$0], total[$0], $1) > (recent[$1], total[$1], $0) }
      .prefix(length)
      .map { TrendingItem(item: UInt32($0), score: Float(recent[$0])) }
  }
}
