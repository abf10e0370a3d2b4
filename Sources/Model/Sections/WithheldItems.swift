internal import Snapshots

/// Items that the snapshot knows, so that they count for users and neighbours, but that it never shows: discontinued, or
/// not sold here. Its own list, beside that of the node, which comes and goes with stock.
///
///     itm.held  u64 items; u32 items, ascending      absent when there are none
struct WithheldItems: Sendable {
  private let items: Column<UInt32>?

  init(_ snapshot: Snapshot, _ head: ModelHead) throws(SnapshotError) {
    guard snapshot.has(ModelTag.withheld) else {
      items = nil
      return
    }
    items = try snapshot.read(ModelTag.withheld) { (reader) throws(SnapshotError) in
      let count = try reader.count(max: head.items)
      let items = try reader.column(of: UInt32.self, count: count)
      var next: UInt64 = 0
      for place in 0..<count {
        guard items[place] >= next, items[place] < head.items else {
          throw reader.invalid("has items out of order, or beyond the catalogue")
        }
        next = UInt64(items[place]) + 1
      }
      return items
    }
  }

  var count: Int { items?.count ?? 0 }
  func contains(_ item: UInt32) -> Bool { items?.containsSorted(item) ?? false }
  subscript(place: Int) -> UInt32 { items![place] }

  static func write(_ items: [UInt32], to file: inout ModelFile) throws(ModelContentError) {
    guard !items.isEmpty else { return }
    try file.add(ModelTag.withheld) { (section) in
      section.count(items.count)
      section.column(items)
    }
  }
}

extension ServingModel {
  /// Items that this snapshot never shows, ascending.
  public var withheldItems: [UInt32] { (0..<withheld.count).map { withheld[$0] } }
  /// O(log withheld).
  public func isWithheld(_ item: UInt32) -> Bool { withheld.contains(item) }
}
