/// The least recently used entry goes.
struct LRUPolicy: ReplayPolicy {
  private var entries: ReplayEntries
  private var queue: KeyQueue
  private let bytesMax: Int
  private(set) var evictions: UInt64 = 0

  init(_ trace: KeyTrace, bytesMax: Int) {
    entries = ReplayEntries(trace, bytesMax: bytesMax)
    queue = KeyQueue(keyCount: trace.keyCount)
    self.bytesMax = bytesMax
  }

  var byteCount: Int { queue.bytes }

  mutating func look(_ key: Int, now: UInt32) -> ReplayFind {
    guard queue.contains(key) else { return .nothing }
    queue.remove(key, cost: entries.costs[key])
    let find = entries.find(key, now: now)
    if find != .nothing { queue.push(key, cost: entries.costs[key]) }
    return find
  }

  mutating func put(_ key: Int, now: UInt32, freshUntil: UInt32, staleUntil: UInt32) {
    let cost = entries.costs[key]
    guard cost <= entries.costMax else { return }
    if queue.contains(key) { queue.remove(key, cost: cost) }
    while queue.bytes + cost > bytesMax, let last = queue.last {
      queue.remove(last, cost: entries.costs[last])
      evictions += 1
    }
    queue.push(key, cost: cost)
    entries.keep(key, freshUntil: freshUntil, staleUntil: staleUntil)
  }
}

/// S3-FIFO (Yang et al., SOSP 2023, algorithm 1), by bytes: a tenth for newcomers, the rest for what was asked for twice
/// since it came, and a ghost queue of the main one's size that remembers what left the small one.
struct S3FIFOPolicy: ReplayPolicy {
  private static let frequencyMax: UInt8 = 3

  private var entries: ReplayEntries
  private var small: KeyQueue
  private var main: KeyQueue
  private var ghost: KeyQueue
  private var frequencies: [UInt8]
  private let bytesMax: Int
  private(set) var evictions: UInt64 = 0

  init(_ trace: KeyTrace, bytesMax: Int) {
    entries = ReplayEntries(trace, bytesMax: bytesMax)
    small = KeyQueue(keyCount: trace.keyCount)
    (main, ghost) = (small, small)
    frequencies = Array(repeating: 0, count: trace.keyCount)
    self.bytesMax = bytesMax
  }

  var byteCount: Int { small.bytes + main.bytes }

  mutating func look(_ key: Int, now: UInt32) -> ReplayFind {
    guard small.contains(key) || main.contains(key) else { return .nothing }
    let find = entries.find(key, now: now)
    if find == .nothing {
      drop(key)
    } else {
      frequencies[key] = min(frequencies[key] + 1, Self.frequencyMax)
    }
    return find
  }

  mutating func put(_ key: Int, now: UInt32, freshUntil: UInt32, staleUntil: UInt32) {
    let cost = entries.costs[key]
    guard cost <= entries.costMax else { return }
    entries.keep(key, freshUntil: freshUntil, staleUntil: staleUntil)
    // A new value of what is there stays where it is.
    if small.contains(key) || main.contains(key) { return }
    while byteCount + cost > bytesMax { evict() }
    frequencies[key] = 0
    if ghost.contains(key) {
      ghost.remove(key, cost: cost)
      main.push(key, cost: cost)
    } else {
      small.push(key, cost: cost)
    }
  }

  private mutating func drop(_ key: Int) {
    if small.contains(key) { small.remove(key, cost: entries.costs[key]) }
    if main.contains(key) { main.remove(key, cost: entries.costs[key]) }
  }

  private mutating func evict() {
    if small.bytes * 10 >= bytesMax || main.count == 0 { evictSmall() } else { evictMain() }
  }

  private mutating func evictSmall() {
    guard let last = small.last else { return }
    let cost = entries.costs[last]
    small.remove(last, cost: cost)
    if frequencies[last] > 1 {
      frequencies[last] = 0
      main.push(last, cost: cost)
    } else {
      evictions += 1
      ghost.push(last, cost: cost)
      while ghost.bytes * 10 > bytesMax * 9, let forgotten = ghost.last {
        ghost.remove(forgotten, cost: entries.costs[forgotten])
      }
    }
  }

  private mutating func evictMain() {
    while let last = main.last {
      let cost = entries.costs[last]
      main.remove(last, cost: cost)
      if frequencies[last] == 0 {
        evictions += 1
        return
      }
      frequencies[last] -= 1
      main.push(last, cost: cost)
    }
  }
}

/// SIEVE as published (Zhang et al., NSDI 2024, algorithm 1): a hand without a limit, and a new value keeps its place.
struct TextbookSievePolicy: ReplayPolicy {
  private var entries: ReplayEntries
  private var queue: KeyQueue
  private var visited: [Bool]
  private var hand: Int?
  private let bytesMax: Int
  private(set) var evictions: UInt64 = 0

  init(_ trace: KeyTrace, bytesMax: Int) {
    entries = ReplayEntries(trace, bytesMax: bytesMax)
    queue = KeyQueue(keyCount: trace.keyCount)
    visited = Array(repeating: false, count: trace.keyCount)
    self.bytesMax = bytesMax
  }

  var byteCount: Int { queue.bytes }

  mutating func look(_ key: Int, now: UInt32) -> ReplayFind {
    guard queue.contains(key) else { return .nothing }
    let find = entries.find(key, now: now)
    if find == .nothing { remove(key) } else { visited[key] = true }
    return find
  }

  mutating func put(_ key: Int, now: UInt32, freshUntil: UInt32, staleUntil: UInt32) {
    let cost = entries.costs[key]
    guard cost <= entries.costMax else { return }
    entries.keep(key, freshUntil: freshUntil, staleUntil: staleUntil)
    guard !queue.contains(key) else { return }
    while queue.bytes + cost > bytesMax, let victim = victim() {
      remove(victim)
      evictions += 1
    }
    visited[key] = false
    queue.push(key, cost: cost)
  }

  private mutating func victim() -> Int? {
    guard var at = hand ?? queue.last else { return nil }
    while visited[at] {
      visited[at] = false
      at = queue.newer(than: at) ?? queue.last!
    }
    hand = at
    return at
  }

  private mutating func remove(_ key: Int) {
    if hand == key { hand = queue.newer(than: key) }
    queue.remove(key, cost: entries.costs[key])
  }
}
