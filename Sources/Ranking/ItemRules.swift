public import Retrieval

/// A set of items that is emptied in O(1), for what differs by request: excluded and seen items.
///
/// Open addressing with an epoch per slot: a slot of an older epoch is empty, so nothing is ever cleared. Grows when it
/// is half full, then never again for sets of that size.
public struct ItemSet: Sendable {
  private var items: [UInt32]
  private var epochs: [UInt32]
  private var epoch: UInt32 = 1
  public private(set) var count = 0

  /// `capacity` items fit without growing.
  public init(capacity: Int = 512) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    items = Array(repeating: 0, count: size)
    epochs = Array(repeating: 0, count: size)
  }

  public var isEmpty: Bool { count == 0 }

  public mutating func removeAll() {
    count = 0
    epoch &+= 1
    guard epoch == 0 else { return }
    // Once in four billion requests an old epoch would look like the new one.
    for index in epochs.indices { epochs[index] = 0 }
    epoch = 1
  }

  public mutating func insert(_ item: UInt32) {
    if 2 * (count + 1) > items.count { grow() }
    let slot = slot(of: item)
    guard epochs[slot] != epoch else { return }
    items[slot] = item
    epochs[slot] = epoch
    count += 1
  }

  public func contains(_ item: UInt32) -> Bool { count > 0 && epochs[slot(of: item)] == epoch }

  /// The item's slot, or the empty one where it would go.
  private func slot(of item: UInt32) -> Int {
    // Fibonacci hashing (Knuth, TAOCP 6.4): item numbers are dense, their products' high bits are spread.
    let mask = items.count - 1
    var slot = Int(truncatingIfNeeded: (UInt64(item) &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while epochs[slot] == epoch, items[slot] != item { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow() {
    var larger = ItemSet(capacity: items.count)
    for slot in items.indices where epochs[slot] == epoch { larger.insert(items[slot]) }
    self = larger
  }
}

/// Which candidates may be shown at all. The caller has resolved names to items and categories to bitmaps.
public struct ItemRules: Sendable {
  /// Named by the request, and seen by the user.
  public var excluded = ItemSet()
  /// Only these, if given: availability and included categories.
  public var allowed: Bitmap?
  /// None of these, if given: excluded categories.
  public var denied: Bitmap?

  public init() {}

  public func allows(_ item: UInt32) -> Bool {
    if excluded.contains(item) { return false }
    if let allowed, !allowed.contains(item) { return false }
    if let denied, denied.contains(item) { return false }
    return true
  }
}
