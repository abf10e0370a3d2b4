/// Finds a place by a 64-bit hash: one place a hash, kept in two flat arrays that are allocated when they grow and never
/// else.
///
/// Open addressing, linear probing, deletion by shifting back (Knuth 6.4, algorithm R), at most half full. The hashes are
/// taken to be well mixed already.
struct HashIndex: ~Copyable {
  private var hashes: [UInt64]
  /// -1 where nothing is.
  private var places: [Int32]
  private(set) var count = 0

  init(capacity: Int = 64) {
    var slots = 16
    while slots < capacity * 2 { slots *= 2 }
    hashes = Array(repeating: 0, count: slots)
    places = Array(repeating: -1, count: slots)
  }

  subscript(_ hash: UInt64) -> Int? {
    let slot = slot(of: hash)
    return places[slot] < 0 ? nil : Int(places[slot])
  }

  /// False when the hash has a place already, which stays.
  mutating func insert(_ hash: UInt64, _ place: Int) -> Bool {
    if (count + 1) * 2 > places.count { grow() }
    let slot = slot(of: hash)
    guard places[slot] < 0 else { return false }
    hashes[slot] = hash
    places[slot] = Int32(place)
    count += 1
    return true
  }

  /// Forgets a hash if it stands for this place.
  mutating func remove(_ hash: UInt64, _ place: Int) {
    var gap = slot(of: hash)
    guard places[gap] == Int32(place) else { return }
    let mask = places.count - 1
    var slot = (gap + 1) & mask
    while places[slot] >= 0 {
      let home = Int(truncatingIfNeeded: hashes[slot]) & mask
      if (slot - home) & mask >= (slot - gap) & mask {
        hashes[gap] = hashes[slot]
        places[gap] = places[slot]
        gap = slot
      }
      slot = (slot + 1) & mask
    }
    places[gap] = -1
    count -= 1
  }

  private func slot(of hash: UInt64) -> Int {
    let mask = places.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while places[slot] >= 0 && hashes[slot] != hash { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow() {
    let (oldHashes, oldPlaces) = (hashes, places)
    hashes = Array(repeating: 0, count: oldPlaces.count * 2)
    places = Array(repeating: -1, count: oldPlaces.count * 2)
    for (hash, place) in zip(oldHashes, oldPlaces) where place >= 0 {
      let slot = slot(of: hash)
      hashes[slot] = hash
      places[slot] = place
    }
  }
}
