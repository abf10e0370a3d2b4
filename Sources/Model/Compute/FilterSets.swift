internal import Retrieval

/// The items that passed the filters of the last lists: a category's page is asked for again and again, and gathering the
/// 40,000 items of a category at a million takes 60 µs, which is as long as searching among them.
///
/// One worker's, for one model at a time. Sets grow until they hold `bytesMax`, then the one least recently used gives
/// its storage to the next.
struct FilterSets {
  /// 16 filters over a million items, 125 KB each.
  static let bytesMax = 2 << 20
  static let countMax = 16

  private struct Entry {
    var filter: ItemFilter
    var items: Bitmap
    var lastUse: UInt64
  }

  private var entries: [Entry] = []
  private var spare = Bitmap(count: 0)
  private var model: UInt64 = 0
  private var uses: UInt64 = 0
  private var current = 0

  /// What passes the filter that was found last.
  var items: Bitmap { entries[current].items }

  /// Makes `items` those that pass a filter. O(1) if it is one of the last, else O(items of its categories).
  mutating func find(_ filter: ItemFilter, _ model: ServingModel) {
    if self.model != model.serial { begin(model) }
    uses += 1
    if let known = entries.firstIndex(where: { $0.filter == filter }) {
      current = known
    } else {
      current = room(model.itemCount)
      entries[current].filter = filter
      model.categories.find(filter, &entries[current].items, all: model.allItems, using: &spare)
    }
    entries[current].lastUse = uses
  }

  private mutating func begin(_ model: ServingModel) {
    self.model = model.serial
    // Same size, same storage: a swap of versions mostly is that.
    if spare.count != model.itemCount {
      spare = Bitmap(count: model.itemCount)
      entries.removeAll()
    }
    for place in entries.indices { entries[place].filter = .none }
  }

  /// The place of a new set.
  private mutating func room(_ itemCount: Int) -> Int {
    let most = max(1, min(Self.countMax, Self.bytesMax / max(1, itemCount / 8)))
    guard entries.count >= most else {
      entries.append(Entry(filter: .none, items: Bitmap(count: itemCount), lastUse: 0))
      return entries.count - 1
    }
    return entries.indices.min { entries[$0].lastUse < entries[$1].lastUse }!
  }
}
