internal import Bytes
internal import Model

/// What a log of interactions says of rows of users and items.
struct PackedHistory {
  private let log: InteractionLog
  /// The row of each item and each user of the log, if it has one.
  private let itemRows: [Int?]
  private let userRows: [Int?]

  init(_ log: InteractionLog, items: [String: Int], users: [UserHash]) {
    self.log = log
    itemRows = log.itemIds.map { items[$0] }
    var rows: [UserHash: Int] = [:]
    for (row, user) in users.enumerated() { rows[user] = row }
    userRows = log.userHashes.map { rows[$0] }
  }

  var interactions: Int { log.count }
  var knownUsers: Int { userRows.count { $0 != nil } }
  var knownItems: Int { itemRows.count { $0 != nil } }

  /// What each user has met, ascending.
  func seen(users: Int) -> [[UInt32]] {
    var seen = [Set<UInt32>](repeating: [], count: users)
    for row in 0..<log.count {
      guard let user = userRows[Int(log.users[row])], let item = itemRows[Int(log.items[row])] else { continue }
      seen[user].insert(UInt32(item))
    }
    return seen.map { $0.sorted() }
  }

  /// Interactions of each item, whoever's they are.
  func counts(items: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: items)
    for row in 0..<log.count where log.weights[row] > 0 {
      if let item = itemRows[Int(log.items[row])] { counts[item] += 1 }
    }
    return counts
  }

  /// What is liked lately, by the segments of the users that have a row; the others count everywhere only.
  func trending(segments: Segmentation) -> (global: [ModelContent.Trending], bySegment: [[ModelContent.Trending]]) {
    let nobodys = UInt16(segments.count)
    let ofUsers = userRows.map { $0.map { segments.assignment[$0] } ?? nobodys }
    let trending = Trending(
      log, segments: ofUsers, segmentCount: segments.count + 1, settings: TrendingSettings())
    func rows(_ list: [TrendingItem]) -> [ModelContent.Trending] {
      list.compactMap { place in
        itemRows[Int(place.item)].map { ModelContent.Trending(item: UInt32($0), score: place.score) }
      }
    }
    return (rows(trending.global), trending.bySegment.dropLast().map(rows))
  }
}
