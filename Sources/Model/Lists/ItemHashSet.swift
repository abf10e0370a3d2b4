/// Items by the XXH3 of their id: what a request excludes, and what is on the page already.
///
/// Open addressing over a table at most half full. One a worker, emptied between requests in O(1): a slot counts only
/// if it carries the current generation.
public struct ItemHashSet: ~Copyable {
  private var slots: [Slot]
  private var generation: UInt32 = 1
  public private(set) var count = 0

  private struct Slot {
    var hash: UInt64 = 0
    var generation: UInt32 = 0
  }

  /// `capacity`: items that go in before it grows.
  public init(capacity: Int = 256) {
    slots = Array(repeating: Slot(), count: Self.slotCount(capacity))
  }

  public var isEmpty: Bool { count == 0 }

  public mutating func removeAll() {
    count = 0
    generation &+= 1
    // After 2³² requests the oldest stamps would be taken for new ones.
    guard generation == 0 else { return }
    for index in slots.indices { slots[index].generation = 0 }
    generation = 1
  }

  /// Whether the item was new.
  @discardableResult
  public mutating func insert(_ hash: UInt64) -> Bool {
    if 2 * (count + 1) > slots.count { grow() }
    let place = find(hash)
    guard slots[place].generation != generation else { return false }
    slots[place] = Slot(hash: hash, generation: generation)
    count += 1
    return true
  }

  public mutating func insert(_ hashes: [UInt64]) {
    for hash in hashes { insert(hash) }
  }

  /// Everything that a list holds, written or not: what it could not give, no other list should either.
  public mutating func insert(itemsOf list: borrowing RenderedList) {
    for index in 0..<list.count { insert(list.itemHash(index)) }
  }

  public func contains(_ hash: UInt64) -> Bool {
    count > 0 && slots[find(hash)].generation == generation
  }

  /// The slot of an item, or the free one where it would go.
  private func find(_ hash: UInt64) -> Int {
    let mask = slots.count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while slots[place].generation == generation && slots[place].hash != hash { place = (place + 1) & mask }
    return place
  }

  private mutating func grow() {
    let old = slots
    let stamp = generation
    slots = Array(repeating: Slot(), count: old.count * 2)
    generation = 1
    for slot in old where slot.generation == stamp {
      slots[find(slot.hash)] = Slot(hash: slot.hash, generation: generation)
    }
  }

  private static func slotCount(_ capacity: Int) -> Int {
    var count = 16
    while count < 2 * capacity { count *= 2 }
    return count
  }
}
