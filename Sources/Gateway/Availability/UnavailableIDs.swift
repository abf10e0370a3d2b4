import Model

/// An item's id as the shop spells it. By bytes: two spellings that Unicode calls equal are two items.
struct ItemID: Sendable, Comparable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: ItemID, right: ItemID) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }
  static func < (left: ItemID, right: ItemID) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  /// In a model; nil when it does not have the item. O(1).
  func item(in model: ServingModel) -> UInt32? {
    let bytes = text.utf8.span.bytes
    return model.item(id: bytes)
  }
}

/// The items that cannot be shown now, by id: so the set outlives every snapshot, and holds items that only a later one
/// will know. A value; whoever keeps it tells the bitmaps of the snapshots.
struct UnavailableIDs: Sendable, Equatable {
  /// Ids in the set: a quarter of a catalogue of a million. 16 bytes each while they have up to 15 bytes, 4 MiB in all;
  /// ids of the greatest length, 255 bytes in blocks of 288, would be 76 MiB.
  static let idsMax = 1 << 18

  /// Ascending, each once.
  private(set) var ids: [ItemID] = []

  init() {}

  /// From a list that is ascending, with each id once; nil for another, or one that is too long.
  init?(ascending ids: [ItemID]) {
    guard ids.count <= UnavailableIDs.idsMax, zip(ids, ids.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    self.ids = ids
  }

  var count: Int { ids.count }
  var isEmpty: Bool { ids.isEmpty }

  /// O(log ids).
  func contains(_ id: ItemID) -> Bool {
    let place = firstPlace(notBelow: id)
    return place < ids.count && ids[place] == id
  }

  /// Up to `limit` ids that come after one, ascending; from the first without one. O(log ids + limit).
  func page(after id: ItemID?, limit: Int) -> ArraySlice<ItemID> {
    var start = 0
    if let id {
      start = firstPlace(notBelow: id)
      if start < ids.count && ids[start] == id { start += 1 }
    }
    return ids[start..<min(ids.count, start + limit)]
  }

  /// What a change comes to: ids that were available and no longer are, and the other way round.
  struct Difference: Sendable, Equatable {
    var unavailable: [ItemID] = []
    var available: [ItemID] = []
    var count: Int { unavailable.count + available.count }
  }

  /// Makes a change and tells what it came to; throws when the set would hold too many. O(ids + ids of the change).
  mutating func apply(_ change: AvailabilityChange) throws(RequestProblem) -> Difference {
    let difference =
      change.isWhole
      ? Difference(
        unavailable: UnavailableIDs.missing(change.unavailable, in: ids),
        available: UnavailableIDs.missing(ids, in: change.unavailable))
      : Difference(
        unavailable: change.unavailable.filter { !contains($0) }, available: change.available.filter { contains($0) })
    let next = ids.count + difference.unavailable.count - difference.available.count
    guard next <= UnavailableIDs.idsMax else {
      throw RequestProblem(
        status: 409, parameter: nil,
        detail:
          "\(next) items would be unavailable, more than \(UnavailableIDs.idsMax). Publish a snapshot without those that do not come back, and name them as available."
      )
    }
    ids = UnavailableIDs.merged(UnavailableIDs.missing(ids, in: difference.available), difference.unavailable)
    return difference
  }

  /// The first place whose id is not below another.
  private func firstPlace(notBelow id: ItemID) -> Int {
    var (low, high) = (0, ids.count)
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Those of one ascending list that another lacks.
  private static func missing(_ some: [ItemID], in others: [ItemID]) -> [ItemID] {
    guard !others.isEmpty else { return some }
    var place = 0
    return some.filter { id in
      while place < others.count && others[place] < id { place += 1 }
      return place == others.count || others[place] != id
    }
  }

  /// Both of two ascending lists, which share nothing.
  private static func merged(_ some: [ItemID], _ others: [ItemID]) -> [ItemID] {
    guard !others.isEmpty else { return some }
    var all: [ItemID] = []
    all.reserveCapacity(some.count + others.count)
    var place = 0
    for id in some {
      while place < others.count && others[place] < id {
        all.append(others[place])
        place += 1
      }
      all.append(id)
    }
    return all + others[place...]
  }
}
