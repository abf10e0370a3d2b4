internal import Bytes
internal import Snapshots

/// The catalogue's ids and the way from an id to its item.
///
///     itm.ids   table of ids; u64 XXH3 of each; u64 count of slots; u32 item of each slot, .max where there is none
///
/// The slots are an open-addressing table, a power of two and at most half full, probed linearly from the hash's low
/// bits. Hashes are unique: two ids of one hash are refused when the snapshot is made, because lists name items by hash.
struct ItemIDs: Sendable {
  private let ids: StringTable
  private let hashes: Column<UInt64>
  private let slots: Column<UInt32>

  var count: Int { hashes.count }

  /// O(bytes). With `trusted`, ids and hashes are taken as verified before; what lookups need to end and to stay inside
  /// is checked all the same.
  init(_ snapshot: Snapshot, count: Int, trusted: Bool) throws(SnapshotError) {
    self = try snapshot.read(ModelTag.ids) { (reader) throws(SnapshotError) in
      let ids = try StringTable(from: &reader)
      guard ids.count == count else { throw reader.invalid("has \(ids.count) ids of \(count) items") }
      let hashes = try reader.column(of: UInt64.self, count: count)
      let slotCount = try reader.count(max: reader.remainingBytes / 4)
      guard slotCount.nonzeroBitCount == 1, slotCount >= 2 * count else {
        throw reader.invalid("has \(slotCount) slots")
      }
      let table = ItemIDs(ids: ids, hashes: hashes, slots: try reader.column(of: UInt32.self, count: slotCount))
      try table.checkSlots(reader)
      if !trusted { try table.checkIDs(reader) }
      return table
    }
  }

  private init(ids: StringTable, hashes: Column<UInt64>, slots: Column<UInt32>) {
    self.ids = ids
    self.hashes = hashes
    self.slots = slots
  }

  /// Valid as long as the snapshot is.
  @_lifetime(borrow self)
  func id(_ item: UInt32) -> RawSpan { ids.bytes(at: Int(item)) }

  func start(of item: UInt32) -> UInt64 { ids.start(of: Int(item)) }
  func touch(_ item: UInt32) -> UInt64 { ids.touch(Int(item)) }

  func hash(_ item: UInt32) -> UInt64 { hashes[Int(item)] }

  /// O(1) on average.
  func find(hash: UInt64) -> UInt32? {
    let mask = slots.count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while true {
      let item = slots[place]
      if item == .max { return nil }
      if hashes[Int(item)] == hash { return item }
      place = (place + 1) & mask
    }
  }

  func find(_ id: RawSpan) -> UInt32? {
    guard let item = find(hash: xxh3(id)), equal(self.id(item), id) else { return nil }
    return item
  }

  /// Items are inside and some slots are free, so that every lookup ends.
  private func checkSlots(_ reader: borrowing SectionReader) throws(SnapshotError) {
    var filled = 0
    for item in slots where item != .max {
      guard item < count else { throw reader.invalid("has item \(item) of \(count) in its table") }
      filled += 1
    }
    guard filled == count else { throw reader.invalid("has \(filled) of \(count) items in its table") }
  }

  private func checkIDs(_ reader: borrowing SectionReader) throws(SnapshotError) {
    if let item = ids.firstInvalidUTF8() { throw reader.invalid("has an id, of item \(item), that is not UTF-8") }
    for item in 0..<UInt32(count) {
      let id = id(item)
      guard (1...ModelContent.idBytesMax).contains(id.byteCount) else {
        throw reader.invalid("has an id of \(id.byteCount) bytes, of item \(item)")
      }
      guard xxh3(id) == hash(item) else { throw reader.invalid("has another hash than that of the id of item \(item)") }
      guard find(hash: hash(item)) == item else { throw reader.invalid("does not lead from its id to item \(item)") }
    }
  }

  static func write(_ items: [ModelContent.Item], into section: inout SectionBuilder) throws(ModelContentError) {
    StringTable.write(into: &section, items.map(\.id))
    let hashes = items.map { xxh3($0.id) }
    section.column(hashes)
    var slotCount = 2
    while slotCount < 2 * items.count { slotCount *= 2 }
    var slots = [UInt32](repeating: .max, count: slotCount)
    for (item, hash) in hashes.enumerated() {
      var place = Int(truncatingIfNeeded: hash) & (slotCount - 1)
      while slots[place] != .max {
        let other = Int(slots[place])
        guard hashes[other] != hash else {
          throw .invalid(
            items[other].id == items[item].id
              ? "item id \"\(items[item].id)\" stands twice"
              : "items \"\(items[other].id)\" and \"\(items[item].id)\" share a hash")
        }
        place = (place + 1) & (slotCount - 1)
      }
      slots[place] = UInt32(item)
    }
    section.count(slotCount)
    section.column(slots)
  }
}
