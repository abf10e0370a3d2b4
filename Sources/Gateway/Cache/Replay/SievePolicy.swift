import Bytes

/// The cache that serves, under replay: the same code, given values of the trace's sizes.
struct SievePolicy: ~Copyable, ReplayPolicy {
  private var cache: L1Cache
  private let trace: KeyTrace
  private let zeros: [UInt8]

  init(_ trace: KeyTrace, bytesMax: Int) {
    self.trace = trace
    cache = L1Cache(bytesMax: bytesMax, seed: 0x5EED)
    zeros = Array(repeating: 0, count: Int(trace.valueBytes.max() ?? 0))
  }

  mutating func look(_ key: Int, now: UInt32) -> ReplayFind {
    let name = trace.names[key]
    let bytes = name.utf8.span.bytes
    guard let entry = cache.find(bytes, now: now) else { return .nothing }
    return now < cache.freshUntil(entry) ? .fresh : .stale
  }

  mutating func put(_ key: Int, now: UInt32, freshUntil: UInt32, staleUntil: UInt32) {
    let (name, zeros) = (trace.names[key], zeros)
    let bytes = name.utf8.span.bytes
    let value = zeros.span.bytes.extracting(first: Int(trace.valueBytes[key]))
    cache.insert(bytes, value, freshUntil: freshUntil, staleUntil: staleUntil)
  }

  var byteCount: Int { cache.byteCount }
  var evictions: UInt64 { cache.evictions }
}

/// The same behind a doorkeeper: a key that was never seen before leaves a mark, and is kept when it is asked for again.
///
/// The marks are two Bloom filters that take turns, so that one seen long ago counts as new.
struct DoorkeptSievePolicy: ~Copyable, ReplayPolicy {
  private var sieve: SievePolicy
  private var door: Doorkeeper
  private let names: [UInt64]

  init(_ trace: KeyTrace, bytesMax: Int) {
    sieve = SievePolicy(trace, bytesMax: bytesMax)
    // As many keys as the cache could hold at the trace's mean cost, at least a thousand.
    let mean = max(trace.footprintBytes / max(trace.keyCount, 1), 1)
    door = Doorkeeper(keysMax: max(bytesMax / mean, 1000))
    names = trace.names.map { xxh3($0.utf8.span.bytes) }
  }

  mutating func look(_ key: Int, now: UInt32) -> ReplayFind { sieve.look(key, now: now) }

  mutating func put(_ key: Int, now: UInt32, freshUntil: UInt32, staleUntil: UInt32) {
    guard door.hasSeen(names[key]) else { return }
    sieve.put(key, now: now, freshUntil: freshUntil, staleUntil: staleUntil)
  }

  var byteCount: Int { sieve.byteCount }
  var evictions: UInt64 { sieve.evictions }
}

/// Whether a key was seen lately. Two Bloom filters of 8 bits a key and three hashes: some 3 % of new keys count as seen.
struct Doorkeeper {
  private var marks: [UInt64]
  private var before: [UInt64]
  private let keysMax: Int
  private var keys = 0

  init(keysMax: Int) {
    self.keysMax = keysMax
    var words = 1
    while words * 64 < keysMax * 8 { words *= 2 }
    marks = Array(repeating: 0, count: words)
    before = marks
  }

  /// Marks the key; true when it was marked already. O(1).
  mutating func hasSeen(_ hash: UInt64) -> Bool {
    if keys >= keysMax {
      swap(&marks, &before)
      for word in marks.indices { marks[word] = 0 }
      keys = 0
    }
    let (now, earlier) = (isMarked(marks, hash), isMarked(before, hash))
    if !now {
      for bit in bits(hash) { marks[bit / 64] |= 1 << UInt64(bit % 64) }
      keys += 1
    }
    return now || earlier
  }

  private func isMarked(_ marks: [UInt64], _ hash: UInt64) -> Bool {
    let bits = bits(hash)
    for place in bits.indices where marks[bits[place] / 64] >> UInt64(bits[place] % 64) & 1 == 0 { return false }
    return true
  }

  /// Three places from one hash (Kirsch and Mitzenmacher, 2006).
  private func bits(_ hash: UInt64) -> [Int] {
    let mask = UInt64(marks.count * 64 - 1)
    let (one, other) = (hash & 0xFFFF_FFFF, hash >> 32 | 1)
    return (0..<3).map { Int((one &+ $0 &* other) & mask) }
  }
}
