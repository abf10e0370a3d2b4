internal import Bytes
internal import Retrieval
internal import Snapshots

/// The categories of items, and the items of categories.
///
///     itm.cat   table of names, ascending; u64 XXH3 of each; u32 categories in order of hash;
///               rows of each item's categories; rows of each category's items
///
/// Columns only: a copy touches no reference count.
struct ItemCategories: Sendable {
  /// Categories are few and their names short, or they are not categories.
  static let categoriesMax = 1 << 20

  private let names: StringTable
  private let byItem: NumberRows
  private let byCategory: NumberRows
  private let hashes: Column<UInt64>
  private let byHash: Column<UInt32>

  /// `trusted`: that both sides are one relation was seen before; 50 ms a million items, and no answer depends on it for
  /// staying inside of the file.
  init(_ snapshot: Snapshot, items: Int, trusted: Bool = false) throws(SnapshotError) {
    self = try snapshot.read(ModelTag.categories) { (reader) throws(SnapshotError) in
      let names = try StringTable(from: &reader)
      guard names.count <= Self.categoriesMax else { throw reader.invalid("has \(names.count) categories") }
      if let name = names.firstInvalidUTF8() {
        throw reader.invalid("has a name, of category \(name), that is not UTF-8")
      }
      let hashes = try reader.column(of: UInt64.self, count: names.count)
      let byHash = try reader.column(of: UInt32.self, count: names.count)
      let byItem = try NumberRows(from: &reader, rows: items, below: names.count)
      let byCategory = try NumberRows(from: &reader, rows: names.count, below: items)
      guard byItem.values.count == byCategory.values.count else {
        throw reader.invalid(
          "has \(byItem.values.count) categories of items and \(byCategory.values.count) items of categories")
      }
      let table = ItemCategories(names: names, byItem: byItem, byCategory: byCategory, hashes: hashes, byHash: byHash)
      try table.checkHashes(reader)
      // Equally many, and each of one side is on the other: the two are one relation.
      for category in 0..<names.count where !trusted {
        for item in byCategory[category] where !byItem[Int(item)].containsSorted(UInt32(category)) {
          throw reader.invalid("has item \(item) in category \(category), which the item does not know")
        }
      }
      return table
    }
  }

  private init(
    names: StringTable, byItem: NumberRows, byCategory: NumberRows, hashes: Column<UInt64>, byHash: Column<UInt32>
  ) {
    self.names = names
    self.byItem = byItem
    self.byCategory = byCategory
    self.hashes = hashes
    self.byHash = byHash
  }

  var count: Int { names.count }
  func name(_ category: UInt32) -> String { names.string(at: Int(category)) }
  func of(_ item: UInt32) -> Column<UInt32> { byItem[Int(item)] }
  /// Where an item's categories stand, and the first of them, 0 for none: to be read before they are needed.
  func start(of item: UInt32) -> UInt64 { byItem.starts[Int(item)] }
  func first(of item: UInt32) -> UInt64 {
    let categories = of(item)
    return categories.isEmpty ? 0 : UInt64(categories[0])
  }
  func items(_ category: UInt32) -> Column<UInt32> { byCategory[Int(category)] }

  /// O(log categories).
  func find(hash: UInt64) -> UInt32? {
    var (low, high) = (0, byHash.count)
    while low < high {
      let middle = (low + high) / 2
      if hashes[Int(byHash[middle])] < hash { low = middle + 1 } else { high = middle }
    }
    return low < byHash.count && hashes[Int(byHash[low])] == hash ? byHash[low] : nil
  }

  /// Whether an item passes a filter. O(its categories × conditions).
  func allows(_ filter: ItemFilter, _ item: UInt32) -> Bool {
    var included = filter.includeCount == 0
    var includedFurther = filter.furtherCount == 0
    let categories = of(item)
    for index in 0..<categories.count {
      let hash = hashes[Int(categories[index])]
      for place in 0..<filter.excludeCount where filter.exclude(place) == hash { return false }
      for place in 0..<filter.includeCount where filter.include(place) == hash { included = true }
      for place in 0..<filter.furtherCount where filter.further(place) == hash { includedFurther = true }
    }
    return included && includedFurther
  }

  /// Writes what a filter lets through over `items`. O(items of the categories named + catalogue / 64).
  func find(_ filter: ItemFilter, _ items: inout Bitmap, all: borrowing Bitmap, using spare: inout Bitmap) {
    if filter.includeCount > 0 {
      unite(filter.includeCount, filter.include, &items)
    } else {
      items.assign(all)
    }
    if filter.furtherCount > 0 {
      unite(filter.furtherCount, filter.further, &spare)
      items.formIntersection(spare)
    }
    for place in 0..<filter.excludeCount {
      if let category = find(hash: filter.exclude(place)) { items.remove(self.items(category)) }
    }
  }

  /// Makes `items` those that are in one of some categories.
  private func unite(_ count: Int, _ category: (Int) -> UInt64, _ items: inout Bitmap) {
    items.removeAll()
    for place in 0..<count {
      if let category = find(hash: category(place)) { items.insert(self.items(category)) }
    }
  }

  private func checkHashes(_ reader: borrowing SectionReader) throws(SnapshotError) {
    for category in 0..<count where hashes[category] != xxh3(names.bytes(at: category)) {
      throw reader.invalid("has another hash than that of the name of category \(category)")
    }
    for place in 0..<count {
      guard byHash[place] < count, place == 0 || hashes[Int(byHash[place - 1])] < hashes[Int(byHash[place])] else {
        throw reader.invalid("has categories out of the order of their hashes")
      }
    }
  }

  static func write(_ items: [ModelContent.Item], into section: inout SectionBuilder) throws(ModelContentError) {
    let names = Set(items.lazy.flatMap(\.categories)).sorted {
      Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
    }
    guard names.count <= categoriesMax else {
      throw .invalid("\(names.count) categories are more than \(categoriesMax)")
    }
    let hashes = names.map { xxh3($0) }
    guard Set(hashes).count == names.count else { throw .invalid("two categories share a hash") }
    let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, UInt32($0)) })
    let byItem = items.map { item in Set(item.categories.map { numbers[$0]! }).sorted() }
    var byCategory = [[UInt32]](repeating: [], count: names.count)
    for (item, categories) in byItem.enumerated() {
      for category in categories { byCategory[Int(category)].append(UInt32(item)) }
    }
    StringTable.write(into: &section, names)
    section.column(hashes)
    section.column(hashes.indices.sorted { hashes[$0] < hashes[$1] }.map(UInt32.init))
    NumberRows.write(byItem, into: &section)
    NumberRows.write(byCategory, into: &section)
  }
}
