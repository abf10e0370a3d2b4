import Bytes
import Glibc

/// The first cache: one worker's rendered lists and windows, bounded by bytes.
///
/// SIEVE (Zhang et al., NSDI 2024): entries stand in the order of arrival, a hit sets one bit, and a hand that walks
/// from the oldest to the newest clears bits until it meets an entry without one, which goes. A hit therefore writes a
/// single byte. Keys are hashed with a seed of the process, so nobody can aim keys at one bucket.
///
/// Memory: the bytes of keys and values plus `entryOverheadBytes` each, at most `bytesMax`; an entry of more than
/// 1/64 of that is refused, so one list never empties the cache.
struct L1Cache: ~Copyable {
  /// What an entry costs beside its key and value: 64 bytes of `Entry`, two table slots at half load, malloc's header.
  static let entryOverheadBytes = 96
  /// Steps of the hand per eviction. When every bit is set the walk would be O(entries); after these the entry under
  /// the hand goes whatever its bit says.
  static let handStepsMax = 64

  typealias Index = Int32
  static let none: Index = -1

  struct Entry {
    var hash: UInt64
    /// Key, then value, in one allocation.
    var bytes: UnsafeMutableRawPointer
    var keyCount: UInt32
    var valueCount: UInt32
    var freshUntil: UInt32
    var staleUntil: UInt32
    var newer: Index
    var older: Index
    /// Tells this entry from later ones in its place.
    var stamp: UInt32
    var visited: Bool
  }

  var entries: [Entry] = []
  var free: [Index] = []
  /// Open addressing, linear probing, deletion by shifting back. A power of two, at most half full.
  var table: [Index]
  var newest = none
  var oldest = none
  var hand = none
  let seed: UInt64

  private(set) var bytesMax: Int
  var byteCount = 0
  var count = 0
  var evictions: UInt64 = 0
  var handSteps: UInt64 = 0
  var nextStamp: UInt32 = 0

  init(bytesMax: Int, seed: UInt64) {
    self.bytesMax = bytesMax
    self.seed = seed
    table = Array(repeating: L1Cache.none, count: 1024)
  }

  /// Holds this much from now on. O(entries that have to go).
  mutating func resize(bytesMax: Int) {
    self.bytesMax = bytesMax
    while byteCount > bytesMax, evict(now: 0) {}
  }

  deinit {
    var at = newest
    while at != L1Cache.none {
      entries[Int(at)].bytes.deallocate()
      at = entries[Int(at)].older
    }
  }

  /// The entry of a key that is at most stale at `now`; one that is past even that is dropped here.
  mutating func find(_ key: RawSpan, now: UInt32) -> Index? {
    let slot = slot(of: key, hash: xxh3(key, seed: seed))
    let index = table[slot]
    guard index != L1Cache.none else { return nil }
    guard now < entries[Int(index)].staleUntil else {
      remove(index)
      return nil
    }
    entries[Int(index)].visited = true
    return index
  }

  func freshUntil(_ index: Index) -> UInt32 { entries[Int(index)].freshUntil }
  func staleUntil(_ index: Index) -> UInt32 { entries[Int(index)].staleUntil }

  /// Names an entry, so that it can be known later whether it is still there.
  func name(_ index: Index) -> ComposedAnswer.Entry {
    ComposedAnswer.Entry(index: index, stamp: entries[Int(index)].stamp)
  }

  /// Whether an entry is still there and fresh at `now`; it then counts as used. O(1), no look-up.
  mutating func isFresh(_ name: ComposedAnswer.Entry, now: UInt32) -> Bool {
    let place = Int(name.index)
    guard place < entries.count, entries[place].stamp == name.stamp, now < entries[place].freshUntil else {
      return false
    }
    entries[place].visited = true
    return true
  }

  /// Lends a value; the cache must not be changed meanwhile.
  borrowing func withValue<Result>(_ index: Index, _ body: (RawSpan) -> Result) -> Result { body(value(index)) }

  /// The value. Valid until the cache is next changed.
  @_lifetime(borrow self)
  borrowing func value(_ index: Index) -> RawSpan {
    let entry = entries[Int(index)]
    let span = RawSpan(
      _unsafeStart: UnsafeRawPointer(entry.bytes + Int(entry.keyCount)), byteCount: Int(entry.valueCount))
    return _overrideLifetime(span, borrowing: self)
  }
}
