internal import Bytes

/// Gives each distinct id (an item, an event type) the next number, and keeps its text once.
///
/// Open addressing with linear probing at a load of at most one half. Memory: 8 bytes of slots, 8 of hash and 8 of
/// offset per id, doubled at worst by growth, plus the text. A look-up is O(bytes of the id).
struct IdTable {
  private var slots = [UInt32](repeating: 0, count: 1024)  // 0 is empty, else number + 1
  private var hashes: [UInt64] = []
  private var offsets: [Int] = [0]
  private var text: [UInt8] = []

  var count: Int { hashes.count }

  /// The number of an id, a new one if it was never seen.
  mutating func intern(_ id: RawSpan) -> UInt32 {
    let hash = xxh3(id)
    let slot = find(id, hash)
    if slots[slot] != 0 { return slots[slot] - 1 }
    slots[slot] = UInt32(count + 1)
    hashes.append(hash)
    id.withUnsafeBytes { text.append(contentsOf: $0) }
    offsets.append(text.count)
    if 2 * count > slots.count { grow() }
    return UInt32(count - 1)
  }

  func number(of id: RawSpan) -> UInt32? {
    let slot = find(id, xxh3(id))
    return slots[slot] == 0 ? nil : slots[slot] - 1
  }

  func id(_ number: Int) -> String {
    String(decoding: text[offsets[number]..<offsets[number + 1]], as: UTF8.self)
  }

  var ids: [String] { (0..<count).map(id) }

  private func find(_ id: RawSpan, _ hash: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let number = Int(slots[slot] - 1)
      if hashes[number] == hash, isText(of: number, id) { break }
      slot = (slot + 1) & mask
    }
    return slot
  }

  private func isText(of number: Int, _ id: RawSpan) -> Bool {
    guard offsets[number + 1] - offsets[number] == id.byteCount else { return false }
    return equal(text.span.bytes.extracting(offsets[number]..<offsets[number + 1]), id)
  }

  private mutating func grow() {
    let mask = slots.count * 2 - 1
    var larger = [UInt32](repeating: 0, count: mask + 1)
    for number in 0..<count {
      var slot = Int(truncatingIfNeeded: hashes[number]) & mask
      while larger[slot] != 0 { slot = (slot + 1) & mask }
      larger[slot] = UInt32(number + 1)
    }
    slots = larger
  }
}

/// Gives each distinct user hash the next number. As `IdTable`, with the hash as its own text: raw ids are not kept.
struct UserTable {
  private var slots = [UInt32](repeating: 0, count: 1024)
  private(set) var hashes: [UserHash] = []

  var count: Int { hashes.count }

  mutating func intern(_ user: UserHash) -> UInt32 {
    var mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: user.high) & mask
    while slots[slot] != 0 {
      if hashes[Int(slots[slot] - 1)] == user { return slots[slot] - 1 }
      slot = (slot + 1) & mask
    }
    slots[slot] = UInt32(count + 1)
    hashes.append(user)
    guard 2 * count > slots.count else { return UInt32(count - 1) }
    mask = slots.count * 2 - 1
    var larger = [UInt32](repeating: 0, count: mask + 1)
    for number in 0..<count {
      var slot = Int(truncatingIfNeeded: hashes[number].high) & mask
      while larger[slot] != 0 { slot = (slot + 1) & mask }
      larger[slot] = UInt32(number + 1)
    }
    slots = larger
    return UInt32(count - 1)
  }
}
