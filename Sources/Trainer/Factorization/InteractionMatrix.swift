/// Who touched what, and how strongly: users × items, compressed by rows (CSR).
///
/// `columns` ascend within a row and never repeat, so a row can be searched by halving and two matrices made of the
/// same entries in another order are equal. 8 bytes an entry and 8 a row: 810,128 entries of Gowalla take 6.7 MB.
public struct InteractionMatrix: Sendable, Equatable {
  public let userCount: Int
  public let itemCount: Int
  /// `userCount + 1` of them: row `u` is `rowOffsets[u]..<rowOffsets[u + 1]` of `columns` and `weights`.
  public let rowOffsets: [Int]
  public let columns: [UInt32]
  /// Confidence of an entry: 1 for "it happened once", more for more evidence. Always finite and above zero.
  public let weights: [Float]

  public var entryCount: Int { columns.count }

  /// Sorts and merges. Entries of one user and item become one whose weight is their sum (evidence adds up); an entry
  /// whose weight is not finite or not above zero says nothing and is left out, as is a sum that overflows.
  ///
  /// Every `user` must be below `userCount`, every `item` below `itemCount`.
  ///
  /// - Complexity: O(entries + users + items): two stable counting sorts, by item and then by user.
  public init(userCount: Int, itemCount: Int, entries: [(user: UInt32, item: UInt32, weight: Float)]) {
    precondition(userCount >= 0 && itemCount >= 0 && itemCount <= Int(UInt32.max))
    let order = Self.orderByUserThenItem(userCount: userCount, itemCount: itemCount, entries: entries)
    var rowOffsets = [0]
    var columns: [UInt32] = []
    var weights: [Float] = []
    rowOffsets.reserveCapacity(userCount + 1)
    columns.reserveCapacity(entries.count)
    weights.reserveCapacity(entries.count)

    var place = 0
    for user in 0..<userCount {
      while place < order.count, entries[order[place]].user == user {
        let item = entries[order[place]].item
        // Summed in double: the sum then hardly depends on the order in which the entries came.
        var sum = 0.0
        while place < order.count, entries[order[place]].user == user, entries[order[place]].item == item {
          let weight = entries[order[place]].weight
          if weight.isFinite, weight > 0 { sum += Double(weight) }
          place += 1
        }
        let weight = Float(sum)
        guard weight > 0, weight.isFinite else { continue }
        columns.append(item)
        weights.append(weight)
      }
      rowOffsets.append(columns.count)
    }
    self.init(
      userCount: userCount, itemCount: itemCount, rowOffsets: rowOffsets, columns: columns, weights: weights)
  }

  private init(userCount: Int, itemCount: Int, rowOffsets: [Int], columns: [UInt32], weights: [Float]) {
    self.userCount = userCount
    self.itemCount = itemCount
    self.rowOffsets = rowOffsets
    self.columns = columns
    self.weights = weights
  }

  /// Where a user's entries stand in `columns` and `weights`.
  public func range(of user: Int) -> Range<Int> { rowOffsets[user]..<rowOffsets[user + 1] }

  /// The items of one user, ascending, and their weights.
  public func row(_ user: Int) -> (columns: ArraySlice<UInt32>, weights: ArraySlice<Float>) {
    let range = range(of: user)
    return (columns[range], weights[range])
  }

  public func contains(user: Int, item: UInt32) -> Bool { containsSorted(row(user).columns, item) }

  /// Items × users: each item's users, ascending.
  ///
  /// - Complexity: O(entries + users + items).
  public func transposed() -> InteractionMatrix {
    var offsets = itemDegrees().reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    let rowOffsets = offsets
    var rows = [UInt32](repeating: 0, count: entryCount)
    var values = [Float](repeating: 0, count: entryCount)
    for user in 0..<userCount {
      for place in range(of: user) {
        let item = Int(columns[place])
        rows[offsets[item]] = UInt32(user)
        values[offsets[item]] = weights[place]
        offsets[item] += 1
      }
    }
    return InteractionMatrix(
      userCount: itemCount, itemCount: userCount, rowOffsets: rowOffsets, columns: rows, weights: values)
  }

  /// How many distinct users touched each item.
  public func itemDegrees() -> [Int] {
    columns.reduce(into: [Int](repeating: 0, count: itemCount)) { $0[Int($1)] += 1 }
  }

  /// Both matrices' entries; weights of entries in both add up.
  public func merging(_ other: InteractionMatrix) -> InteractionMatrix {
    precondition(userCount == other.userCount && itemCount == other.itemCount)
    return InteractionMatrix(userCount: userCount, itemCount: itemCount, entries: entries + other.entries)
  }

  /// What is in this matrix and not in the other, whatever the weights.
  public func removing(_ other: InteractionMatrix) -> InteractionMatrix {
    precondition(userCount == other.userCount && itemCount == other.itemCount)
    return InteractionMatrix(
      userCount: userCount, itemCount: itemCount,
      entries: entries.filter { !other.contains(user: Int($0.user), item: $0.item) })
  }

  /// The same entries, each of weight 1.
  public func withUnitWeights() -> InteractionMatrix {
    InteractionMatrix(
      userCount: userCount, itemCount: itemCount, rowOffsets: rowOffsets, columns: columns,
      weights: [Float](repeating: 1, count: entryCount))
  }

  /// Every entry, by user and then by item.
  public var entries: [(user: UInt32, item: UInt32, weight: Float)] {
    (0..<userCount).flatMap { user in
      range(of: user).map { (user: UInt32(user), item: columns[$0], weight: weights[$0]) }
    }
  }

  private static func orderByUserThenItem(
    userCount: Int, itemCount: Int, entries: [(user: UInt32, item: UInt32, weight: Float)]
  ) -> [Int] {
    let byItem = stableOrder(of: Array(entries.indices), keyCount: itemCount) { entries[$0].item }
    return stableOrder(of: byItem, keyCount: userCount) { entries[$0].user }
  }

  /// `places` reordered by key, equal keys in the order they came: a counting sort.
  private static func stableOrder(of places: [Int], keyCount: Int, key: (Int) -> UInt32) -> [Int] {
    var next = [Int](repeating: 0, count: keyCount + 1)
    for place in places { next[Int(key(place)) + 1] += 1 }
    for index in 0..<keyCount { next[index + 1] += next[index] }
    var ordered = [Int](repeating: 0, count: places.count)
    for place in places {
      let slot = Int(key(place))
      ordered[next[slot]] = place
      next[slot] += 1
    }
    return ordered
  }
}
