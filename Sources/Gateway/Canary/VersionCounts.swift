import Bytes
import Model
import Publishing
import Telemetry

/// What one version of a model answered, and what came of it. Counted by each worker, from the start of the process.
struct VersionCounts: Sendable {
  /// Answers with status 200 or 304, and of these the ones that were not what was asked for.
  var answers: UInt64 = 0
  var fallbacks: UInt64 = 0
  /// Requests that this version would have answered, and that were refused with 5xx.
  var errors: UInt64 = 0
  var durations = LatencyHistogram()
  var impressions: UInt64 = 0
  var clicks: UInt64 = 0
  /// Items of impressions: what this version really put before people's eyes.
  var shown = ItemSketch()
  /// Of answers given by a canary, by `CanaryArm.step`.
  var responses = [ResponseCounts](repeating: ResponseCounts(), count: CanaryArm.stepsToldApart)

  mutating func add(_ other: VersionCounts) {
    answers += other.answers
    fallbacks += other.fallbacks
    errors += other.errors
    durations.add(other.durations)
    impressions += other.impressions
    clicks += other.clicks
    shown.add(other.shown)
    for step in responses.indices { responses[step].add(other.responses[step]) }
  }
}

/// Impressions and clicks by groups of users.
///
/// Somebody who likes to click does so all day: what one user does is not a row of independent draws, and a test that
/// took it for one would cry wolf. Groups are independent of each other, so how much their rates differ says how much
/// chance there really is in the whole (Deng, Knoblich, Lu, KDD 2018, on randomisation units and analysis units).
struct ResponseCounts: Sendable, Equatable {
  /// Enough for a variance that is known to √(2 / 255) = 9 %; 4 KiB a version and step.
  static let groupCount = 256

  private(set) var impressions = [UInt64](repeating: 0, count: groupCount)
  private(set) var clicks = [UInt64](repeating: 0, count: groupCount)

  /// Not from the bits that decide on a user's side: those of one side would fall into few groups.
  static func group(of user: UserHash) -> Int { Int(user.low) % groupCount }

  mutating func add(impressions count: UInt64, of user: UserHash) { impressions[Self.group(of: user)] += count }
  mutating func add(clicks count: UInt64, of user: UserHash) { clicks[Self.group(of: user)] += count }

  mutating func add(_ other: ResponseCounts) {
    for group in impressions.indices {
      impressions[group] += other.impressions[group]
      clicks[group] += other.clicks[group]
    }
  }

  func since(_ earlier: ResponseCounts) -> ResponseCounts {
    var difference = self
    for group in impressions.indices {
      difference.impressions[group] -= min(earlier.impressions[group], impressions[group])
      difference.clicks[group] -= min(earlier.clicks[group], clicks[group])
    }
    return difference
  }

  var impressionCount: UInt64 { impressions.reduce(0, +) }
  var clickCount: UInt64 { clicks.reduce(0, +) }
}

/// The counts of the versions that a worker has served lately, by rows: a shelf knows its row, so that a hit counts with
/// an index.
struct VersionTable: Sendable {
  struct Row: Sendable {
    let identity: ModelIdentity
    /// Of requests that name nobody while a canary runs: they are on no side of it.
    let isBystander: Bool
    var counts = VersionCounts()
  }

  /// Versions of some days of all models; what is beyond takes the place of the oldest that does not serve. A row has
  /// 11 KiB.
  static let rowsMax = 32
  static let noRow = UInt8.max

  private(set) var rows: [Row] = []

  /// The row of a version, made if there is none. `serving`: whose rows must stay.
  mutating func row(of identity: ModelIdentity, isBystander: Bool = false, serving: [ModelIdentity]) -> UInt8 {
    if let row = index(of: identity, isBystander) { return UInt8(row) }
    guard rows.count == VersionTable.rowsMax else {
      rows.append(Row(identity: identity, isBystander: isBystander))
      return UInt8(rows.count - 1)
    }
    // More models than rows: what has none is not told apart by version.
    guard let oldest = rows.indices.first(where: { !serving.contains(rows[$0].identity) }) else { return Self.noRow }
    rows[oldest] = Row(identity: identity, isBystander: isBystander)
    return UInt8(oldest)
  }

  private func index(of identity: ModelIdentity, _ isBystander: Bool) -> Int? {
    rows.firstIndex { $0.identity == identity && $0.isBystander == isBystander }
  }

  /// What a canary compares: without bystanders.
  subscript(_ identity: ModelIdentity) -> VersionCounts? { index(of: identity, false).map { rows[$0].counts } }

  /// All that each version did.
  var byVersion: [ModelIdentity: VersionCounts] {
    rows.reduce(into: [:]) { $0[$1.identity, default: VersionCounts()].add($1.counts) }
  }

  mutating func answered(row: UInt8, nanoseconds: UInt64, isFallback: Bool) {
    guard row < rows.count else { return }
    rows[Int(row)].counts.answers += 1
    rows[Int(row)].counts.durations.record(nanoseconds: nanoseconds)
    if isFallback { rows[Int(row)].counts.fallbacks += 1 }
  }

  mutating func refused(row: UInt8) {
    guard row < rows.count else { return }
    rows[Int(row)].counts.errors += 1
  }

  /// An event about an answer: `arm` as its id says.
  mutating func responded(row: UInt8, user: UserHash, arm: UInt16, impressions: UInt64, clicks: UInt64) {
    guard row < rows.count else { return }
    rows[Int(row)].counts.impressions += impressions
    rows[Int(row)].counts.clicks += clicks
    guard let step = CanaryArm(code: arm)?.step else { return }
    if impressions > 0 { rows[Int(row)].counts.responses[step].add(impressions: impressions, of: user) }
    if clicks > 0 { rows[Int(row)].counts.responses[step].add(clicks: clicks, of: user) }
  }

  mutating func shown(row: UInt8, itemHash: UInt64) {
    guard row < rows.count else { return }
    rows[Int(row)].counts.shown.insert(itemHash)
  }

  /// Rows of other workers may stand in another order.
  mutating func add(_ other: VersionTable) {
    for row in other.rows {
      if let own = index(of: row.identity, row.isBystander) {
        rows[own].counts.add(row.counts)
      } else {
        rows.append(row)
      }
    }
  }
}
