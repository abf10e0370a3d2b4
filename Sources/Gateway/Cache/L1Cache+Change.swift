import Bytes
import Glibc

extension L1Cache {
  /// Puts a value under a key, in place of what was there. Both are copied. False when it is too large to keep. The same
  /// value again only lives longer: its entry stays the one that others rest on.
  /// Amortised O(1) evictions of at most `handStepsMax` steps each.
  /// - Parameter now: entries that are past stale then go first.
  @discardableResult
  mutating func insert(
    _ key: RawSpan, _ value: RawSpan, freshUntil: UInt32, staleUntil: UInt32, now: UInt32
  ) -> Bool {
    let cost = key.byteCount + value.byteCount + L1Cache.entryOverheadBytes
    guard cost <= bytesMax / 64, staleUntil >= freshUntil else { return false }
    let hash = xxh3(key, seed: seed)
    let present = table[slot(of: key, hash: hash)]
    // What is made anew was in use: it stays as well regarded as it was (needletail cache replay shows what that is worth).
    var visited = false
    if present != L1Cache.none {
      if equal(self.value(present), value) {
        entries[Int(present)].freshUntil = freshUntil
        entries[Int(present)].staleUntil = staleUntil
        return true
      }
      visited = entries[Int(present)].visited
      remove(present)
    }
    while byteCount + cost > bytesMax, evict(now: now) {}
    if (count + 1) * 2 > table.count { grow() }

    let bytes = UnsafeMutableRawPointer.allocate(byteCount: key.byteCount + value.byteCount, alignment: 8)
    key.withUnsafeBytes { bytes.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    value.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      (bytes + key.byteCount).copyMemory(from: start, byteCount: source.count)
    }
    nextStamp &+= 1
    let entry = Entry(
      hash: hash, bytes: bytes, keyCount: UInt32(key.byteCount), valueCount: UInt32(value.byteCount),
      freshUntil: freshUntil, staleUntil: staleUntil, newer: L1Cache.none, older: newest, stamp: nextStamp,
      visited: visited)
    let index = place(entry)
    table[slot(of: key, hash: hash)] = index
    if newest != L1Cache.none { entries[Int(newest)].newer = index } else { oldest = index }
    newest = index
    byteCount += cost
    count += 1
    return true
  }

  mutating func remove(_ key: RawSpan) {
    let index = table[slot(of: key, hash: xxh3(key, seed: seed))]
    if index != L1Cache.none { remove(index) }
  }

  /// Drops the lists of placements by name; windows and other placements' lists stay. O(entries): for a reload.
  mutating func removeLists(of placements: [String]) {
    let names = placements.map { Array($0.utf8) }
    var at = newest
    while at != L1Cache.none {
      let entry = entries[Int(at)]
      let key = UnsafeRawBufferPointer(start: entry.bytes, count: Int(entry.keyCount))
      if let name = L1Cache.placement(in: key), names.contains(where: { $0.elementsEqual(name) }) { remove(at) }
      at = entry.older
    }
  }

  /// Hands `body` what follows `prefix` in the keys that were hit since they came, the last that came first, until it has
  /// enough or so many entries have been looked at.
  func forEachHit(startingWith prefix: [UInt8], lookingAtMost limit: Int, _ body: (RawSpan) -> Bool) {
    var at = newest
    var looked = 0
    while at != L1Cache.none, looked < limit {
      let entry = entries[Int(at)]
      looked += 1
      at = entry.older
      let key = UnsafeRawBufferPointer(start: entry.bytes, count: Int(entry.keyCount))
      guard entry.visited, key.count > prefix.count, key.prefix(prefix.count).elementsEqual(prefix) else { continue }
      let tail = UnsafeRawBufferPointer(rebasing: key[prefix.count...])
      guard body(RawSpan(_unsafeBytes: tail)) else { return }
    }
  }

  /// `nt1:<namespace>:<model>:<digest8>:<placement>:…` and `nt1x:<namespace>:<placement>:…`; nil for a window's key,
  /// `nt1:<namespace>:w:<user>`.
  private static func placement(in key: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
    let parts = key.split(separator: UInt8(ascii: ":"), maxSplits: 5, omittingEmptySubsequences: false)
    if parts.count == 6 { return parts[4] }
    return parts.count == 4 && parts[0].elementsEqual("nt1x".utf8) ? parts[2] : nil
  }

  /// Room for one entry is made; false when nothing is left to go.
  mutating func evict(now: UInt32) -> Bool {
    guard count > 0 else { return false }
    var at = hand == L1Cache.none ? oldest : hand
    var steps = 0
    while entries[Int(at)].visited && now < entries[Int(at)].staleUntil && steps < L1Cache.handStepsMax {
      entries[Int(at)].visited = false
      let next = entries[Int(at)].newer
      at = next == L1Cache.none ? oldest : next
      steps += 1
    }
    hand = at
    evictions += 1
    handSteps += UInt64(steps)
    remove(at)
    return true
  }

  mutating func remove(_ index: Index) {
    let entry = entries[Int(index)]
    if hand == index { hand = entry.newer }
    if entry.newer != L1Cache.none { entries[Int(entry.newer)].older = entry.older } else { newest = entry.older }
    if entry.older != L1Cache.none { entries[Int(entry.older)].newer = entry.newer } else { oldest = entry.newer }
    closeGap(at: slot(holding: index, hash: entry.hash))
    byteCount -= Int(entry.keyCount) + Int(entry.valueCount) + L1Cache.entryOverheadBytes
    count -= 1
    entry.bytes.deallocate()
    // No name fits an empty place.
    entries[Int(index)].freshUntil = 0
    free.append(index)
  }

  private mutating func place(_ entry: Entry) -> Index {
    if let index = free.popLast() {
      entries[Int(index)] = entry
      return index
    }
    entries.append(entry)
    return Index(entries.count - 1)
  }
}

// The table.
extension L1Cache {
  /// The slot that holds the key, or the free one where it would go. At most half the slots are taken, so there is one.
  func slot(of key: RawSpan, hash: UInt64) -> Int {
    let mask = table.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while table[slot] != L1Cache.none {
      let entry = entries[Int(table[slot])]
      if entry.hash == hash && Int(entry.keyCount) == key.byteCount
        && key.withUnsafeBytes({ memcmp($0.baseAddress!, entry.bytes, $0.count) == 0 })
      {
        return slot
      }
      slot = (slot + 1) & mask
    }
    return slot
  }

  private func slot(holding index: Index, hash: UInt64) -> Int {
    let mask = table.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while table[slot] != index { slot = (slot + 1) & mask }
    return slot
  }

  /// Frees a slot and moves later ones of its run back, so that probing needs no tombstones (Knuth, 6.4 algorithm R).
  private mutating func closeGap(at start: Int) {
    let mask = table.count - 1
    var gap = start
    var slot = (start + 1) & mask
    while table[slot] != L1Cache.none {
      let home = Int(truncatingIfNeeded: entries[Int(table[slot])].hash) & mask
      if (slot - home) & mask >= (slot - gap) & mask {
        table[gap] = table[slot]
        gap = slot
      }
      slot = (slot + 1) & mask
    }
    table[gap] = L1Cache.none
  }

  private mutating func grow() {
    let mask = table.count * 2 - 1
    table = Array(repeating: L1Cache.none, count: table.count * 2)
    var at = newest
    while at != L1Cache.none {
      var slot = Int(truncatingIfNeeded: entries[Int(at)].hash) & mask
      while table[slot] != L1Cache.none { slot = (slot + 1) & mask }
      table[slot] = at
      at = entries[Int(at)].older
    }
  }
}
