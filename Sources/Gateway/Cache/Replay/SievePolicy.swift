import Bytes

/// The cache that serves, under replay: the same code, given values of the trace's sizes.
struct SievePolicy: ~Copyable, ReplayPolicy {
  private var cache: L1Cache
  private let trace: KeyTrace
  /// Two values for each size: a list that is made anew differs from the last.
  private let values: [[UInt8]]
  private var puts = 0

  init(_ trace: KeyTrace, bytesMax: Int) {
    self.trace = trace
    cache = L1Cache(bytesMax: bytesMax, seed: 0x5EED)
    values = (0..<2).map { Array(repeating: $0, count: Int(trace.valueBytes.max() ?? 0)) }
  }

  mutating func look(_ key: Int, now: UInt32) -> ReplayFind {
    let name = trace.names[key]
    let bytes = name.utf8.span.bytes
    guard let entry = cache.find(bytes, now: now) else { return .nothing }
    return now < cache.freshUntil(entry) ? .fresh : .stale
  }

  mutating func put(_ key: Int, now: UInt32, freshUntil: UInt32, staleUntil: UInt32) {
    puts += 1
    let (name, content) = (trace.names[key], values[puts % 2])
    let bytes = name.utf8.span.bytes
    let value = content.span.bytes.extracting(first: Int(trace.valueBytes[key]))
    cache.insert(bytes, value, freshUntil: freshUntil, staleUntil: staleUntil, now: now)
  }

  var byteCount: Int { cache.byteCount }
  var evictions: UInt64 { cache.evictions }
}

/// The same behind a doorkeeper: a key that is new to it leaves a mark, and is kept when it comes again.
struct DoorkeptSievePolicy: ~Copyable, ReplayPolicy {
  private var sieve: SievePolicy
  private var door = Doorkeeper()
  private let hashes: [UInt64]

  init(_ trace: KeyTrace, bytesMax: Int) {
    sieve = SievePolicy(trace, bytesMax: bytesMax)
    hashes = trace.names.map { xxh3($0.utf8.span.bytes) }
  }

  mutating func look(_ key: Int, now: UInt32) -> ReplayFind { sieve.look(key, now: now) }

  mutating func put(_ key: Int, now: UInt32, freshUntil: UInt32, staleUntil: UInt32) {
    guard door.admits(hashes[key]) else { return }
    sieve.put(key, now: now, freshUntil: freshUntil, staleUntil: staleUntil)
  }

  var byteCount: Int { sieve.byteCount }
  var evictions: UInt64 { sieve.evictions }
}
