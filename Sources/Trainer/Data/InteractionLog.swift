public import Bytes
internal import Glibc

func logarithm(_ value: Double) -> Double { log(value) }
func exponential(_ value: Double) -> Double { exp(value) }

/// Who did what when, in order of time: a struct of arrays, 16 bytes a row.
///
/// Users are known by their hash only. Rows of equal time keep the order of the file. A weight of 0 marks an item as
/// seen and not liked (a low rating): it is never recommended to that user, and nothing is learnt from it.
public struct InteractionLog: Sendable, Equatable {
  /// Index into `userHashes`.
  public private(set) var users: [UInt32] = []
  /// Index into `itemIds`.
  public private(set) var items: [UInt32] = []
  /// Unix seconds; all 0 where the source has no times.
  public private(set) var times: [UInt32] = []
  public private(set) var weights: [Float] = []

  public internal(set) var userHashes: [UserHash] = []
  /// Items of the log first, in order of appearance; a catalogue may have appended others behind them.
  public internal(set) var itemIds: [String] = []
  public internal(set) var hasTimes = false
  /// Whether weights stand for ratings, of which a user's last one counts, and not for events, which add up.
  public internal(set) var isRated = false

  public var count: Int { users.count }
  public var userCount: Int { userHashes.count }
  public var itemCount: Int { itemIds.count }

  public init() {}

  init(like other: InteractionLog, rows: some Sequence<Int>) {
    userHashes = other.userHashes
    itemIds = other.itemIds
    hasTimes = other.hasTimes
    isRated = other.isRated
    for row in rows { append(other.users[row], other.items[row], other.times[row], other.weights[row]) }
  }

  mutating func append(_ user: UInt32, _ item: UInt32, _ time: UInt32, _ weight: Float) {
    users.append(user)
    items.append(item)
    times.append(time)
    weights.append(weight)
  }

  mutating func setWeight(_ weight: Float, row: Int) { weights[row] = weight }

  /// The same users and items with only some of the rows, in the order given.
  public func selecting(_ rows: some Sequence<Int>) -> InteractionLog { InteractionLog(like: self, rows: rows) }

  /// First and last time of a row; nil without times.
  public var timeSpan: ClosedRange<UInt32>? {
    guard hasTimes, let first = times.min(), let last = times.max() else { return nil }
    return first...last
  }
}

// MARK: - Order

extension InteractionLog {
  /// Puts rows in order of time, equal times as they came. O(rows log rows), nothing when they already are.
  mutating func sortByTime() {
    guard hasTimes, zip(times, times.dropFirst()).contains(where: { $0 > $1 }) else { return }
    // Time and row number in one integer: the sort is then stable whatever algorithm it uses.
    var keys = times.enumerated().map { UInt64($1) << 32 | UInt64($0) }
    keys.sort()
    self = selecting(keys.lazy.map { Int($0 & 0xFFFF_FFFF) })
  }

  /// Rows grouped by user, in order of time within each: rows of user `u` are
  /// `rows[offsets[u]..<offsets[u + 1]]`. O(rows + users), a counting sort.
  public func rowsByUser() -> (offsets: [Int], rows: [UInt32]) {
    var offsets = [Int](repeating: 0, count: userCount + 1)
    for user in users { offsets[Int(user) + 1] += 1 }
    for user in 0..<userCount { offsets[user + 1] += offsets[user] }
    var next = offsets
    var rows = [UInt32](repeating: 0, count: count)
    for row in 0..<count {
      let user = Int(users[row])
      rows[next[user]] = UInt32(row)
      next[user] += 1
    }
    return (offsets, rows)
  }
}

// MARK: - Pairs

/// What is left of a log when each user meets each item once: by user, then by item.
public struct InteractionPairs: Sendable, Equatable {
  public private(set) var users: [UInt32] = []
  public private(set) var items: [UInt32] = []
  /// 0 marks an item as seen and not liked.
  public private(set) var weights: [Float] = []
  public let userCount: Int
  public let itemCount: Int

  public var count: Int { users.count }

  init(userCount: Int, itemCount: Int) {
    self.userCount = userCount
    self.itemCount = itemCount
  }

  mutating func append(_ user: UInt32, _ item: UInt32, _ weight: Float) {
    users.append(user)
    items.append(item)
    weights.append(weight)
  }

  /// The items of each user, ascending, low ratings included: what is never recommended to them.
  public func seen() -> [[UInt32]] {
    var seen = [[UInt32]](repeating: [], count: userCount)
    for pair in 0..<count { seen[Int(users[pair])].append(items[pair]) }
    return seen
  }
}

extension InteractionLog {
  /// Merges what a user did with an item. Ratings: the last one counts (events that follow a rating outrank it).
  /// Events: their weights are summed. Either is damped (`dampedWeight`).
  ///
  /// - Complexity: O(rows log(rows of a user)).
  public func merged() -> InteractionPairs {
    let (offsets, rows) = rowsByUser()
    var pairs = InteractionPairs(userCount: userCount, itemCount: itemCount)
    for user in 0..<userCount {
      // Item and row number in one integer: rows of an item stay in order of time.
      var own = rows[offsets[user]..<offsets[user + 1]].map { UInt64(items[Int($0)]) << 32 | UInt64($0) }
      own.sort()
      var at = 0
      while at < own.count {
        let item = own[at] >> 32
        var sum = 0.0
        var last: Float = 0
        while at < own.count, own[at] >> 32 == item {
          last = weights[Int(own[at] & 0xFFFF_FFFF)]
          sum += Double(last)
          at += 1
        }
        pairs.append(UInt32(user), UInt32(item), dampedWeight(isRated ? Double(last) : sum))
      }
    }
    return pairs
  }

  /// Removes deliveries of the same event: rows that repeat user, item and time of another, the heaviest of which
  /// stays. Without times nothing is removed, since a repeated row is then a second interaction.
  /// Returns how many were removed.
  mutating func removeRepeats() -> Int {
    guard hasTimes else { return 0 }
    let (offsets, rows) = rowsByUser()
    var isRepeat = [Bool](repeating: false, count: count)
    var repeats = 0
    for user in 0..<userCount {
      var kept: [UInt64: UInt32] = [:]
      var time: UInt32 = 0
      for row in rows[offsets[user]..<offsets[user + 1]] {
        // Rows come in order of time, so only those of one instant have to be remembered.
        if times[Int(row)] != time {
          time = times[Int(row)]
          kept.removeAll(keepingCapacity: true)
        }
        guard let earlier = kept[UInt64(items[Int(row)])] else {
          kept[UInt64(items[Int(row)])] = row
          continue
        }
        isRepeat[Int(row)] = true
        repeats += 1
        weights[Int(earlier)] = max(weights[Int(earlier)], weights[Int(row)])
      }
    }
    if repeats > 0 { self = selecting((0..<count).lazy.filter { !isRepeat[$0] }) }
    return repeats
  }
}
