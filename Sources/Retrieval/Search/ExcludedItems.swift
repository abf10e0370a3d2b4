/// Items that one search must not answer: those a user has seen, or a list shows already. An open-addressing table, half
/// full at most, which lies in the scratch and is filled anew for each search: about 2 ns an item.
struct ExcludedItems {
  private let slots: Room<UInt32>
  /// Of the part in use, a power of two.
  private var mask = 0
  private var shift = 32
  private(set) var count = 0

  /// Twice as many slots are 32 KB.
  static let countMax = 4096
  private static let free = UInt32.max

  init() { slots = Room(2 * Self.countMax) }

  func deallocate() { slots.deallocate() }

  var isEmpty: Bool { count == 0 }

  mutating func removeAll() { count = 0 }

  /// Becomes the set of these, at most `countMax`; repeated ones count once.
  mutating func assign(_ items: Span<UInt32>) {
    precondition(items.count <= Self.countMax)
    count = 0
    guard items.count > 0 else { return }
    shift = (2 * UInt32(items.count) - 1).leadingZeroBitCount
    mask = (1 << (32 - shift)) - 1
    slots.update(repeating: Self.free, count: mask + 1)
    for place in items.indices where items[place] != Self.free { insert(items[place]) }
  }

  private mutating func insert(_ item: UInt32) {
    var slot = home(item)
    while slots[slot] != Self.free {
      if slots[slot] == item { return }
      slot = (slot + 1) & mask
    }
    slots[slot] = item
    count += 1
  }

  func contains(_ item: UInt32) -> Bool {
    guard count > 0 else { return false }
    var slot = home(item)
    while slots[slot] != Self.free {
      if slots[slot] == item { return true }
      slot = (slot + 1) & mask
    }
    return false
  }

  /// The high bits of a product with 2^32 / φ (Knuth, volume 3, 6.4): neighbours in the catalogue part.
  private func home(_ item: UInt32) -> Int { Int(UInt64(item &* 0x9E37_79B1) >> UInt64(shift)) }
}
