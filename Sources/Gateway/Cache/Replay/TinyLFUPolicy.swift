/// W-TinyLFU (Einziger, Friedman, Manes, ACM TOS 2017), by bytes: a window of 1 % by recency, then a main cache of two
/// segments that a newcomer enters only if a sketch of past frequencies puts it above the one that would go.
struct TinyLFUPolicy: ReplayPolicy {
  private var entries: ReplayEntries
  private var window: KeyQueue
  private var probation: KeyQueue
  private var protected: KeyQueue
  private var sketch: FrequencySketch
  private let bytesMax: Int
  private let windowBytesMax: Int
  private(set) var evictions: UInt64 = 0

  init(_ trace: KeyTrace, bytesMax: Int) {
    entries = ReplayEntries(trace, bytesMax: bytesMax)
    window = KeyQueue(keyCount: trace.keyCount)
    (probation, protected) = (window, window)
    let mean = max(trace.footprintBytes / max(trace.keyCount, 1), 1)
    sketch = FrequencySketch(keysMax: max(bytesMax / mean, 256))
    self.bytesMax = bytesMax
    // At least the largest entry, or nothing could enter.
    windowBytesMax = max(bytesMax / 100, entries.costMax)
  }

  var byteCount: Int { window.bytes + probation.bytes + protected.bytes }

  mutating func look(_ key: Int, now: UInt32) -> ReplayFind {
    sketch.note(key)
    guard isKept(key) else { return .nothing }
    let find = entries.find(key, now: now)
    if find == .nothing { remove(key) } else { touch(key) }
    return find
  }

  mutating func put(_ key: Int, now: UInt32, freshUntil: UInt32, staleUntil: UInt32) {
    let cost = entries.costs[key]
    guard cost <= entries.costMax else { return }
    entries.keep(key, freshUntil: freshUntil, staleUntil: staleUntil)
    guard !isKept(key) else { return }
    window.push(key, cost: cost)
    while window.bytes > windowBytesMax, let candidate = window.last {
      window.remove(candidate, cost: entries.costs[candidate])
      admit(candidate)
    }
    // The window may be larger than its share while the main cache is full.
    while byteCount > bytesMax { evictMain() }
  }

  private func isKept(_ key: Int) -> Bool {
    window.contains(key) || probation.contains(key) || protected.contains(key)
  }

  private mutating func touch(_ key: Int) {
    let cost = entries.costs[key]
    if window.contains(key) {
      window.remove(key, cost: cost)
      window.push(key, cost: cost)
      return
    }
    if probation.contains(key) { probation.remove(key, cost: cost) } else { protected.remove(key, cost: cost) }
    protected.push(key, cost: cost)
    while protected.bytes * 10 > mainBytesMax * 8, let last = protected.last {
      protected.remove(last, cost: entries.costs[last])
      probation.push(last, cost: entries.costs[last])
    }
  }

  private var mainBytesMax: Int { bytesMax - windowBytesMax }

  /// The candidate of the window against who would have to go for it.
  private mutating func admit(_ candidate: Int) {
    let cost = entries.costs[candidate]
    while probation.bytes + protected.bytes + cost > mainBytesMax {
      guard let victim = probation.last ?? protected.last,
        sketch.frequency(of: candidate) > sketch.frequency(of: victim)
      else {
        evictions += 1
        return
      }
      remove(victim)
      evictions += 1
    }
    probation.push(candidate, cost: cost)
  }

  private mutating func evictMain() {
    guard let victim = probation.last ?? protected.last ?? window.last else { return }
    remove(victim)
    evictions += 1
  }

  private mutating func remove(_ key: Int) {
    let cost = entries.costs[key]
    if window.contains(key) { window.remove(key, cost: cost) }
    if probation.contains(key) { probation.remove(key, cost: cost) }
    if protected.contains(key) { protected.remove(key, cost: cost) }
  }
}

/// How often a key was asked for lately, at most 15: a count-min sketch of four rows, halved after every ten accesses a
/// key that fits.
struct FrequencySketch {
  private static let countMax: UInt8 = 15
  private static let seeds: [UInt64] = [
    0xC3A5_C85C_97CB_3127, 0xB492_B66F_BE98_F273, 0x9AE1_6A3B_2F90_404F, 0xCBF2_9CE4_8422_2325,
  ]
  private var counts: [UInt8]
  private let mask: UInt64
  private let accessesMax: Int
  private var accesses = 0

  init(keysMax: Int) {
    var width = 16
    while width < keysMax { width *= 2 }
    counts = Array(repeating: 0, count: width * Self.seeds.count)
    mask = UInt64(width - 1)
    accessesMax = 10 * width
  }

  mutating func note(_ key: Int) {
    for row in Self.seeds.indices where counts[place(key, row)] < Self.countMax { counts[place(key, row)] += 1 }
    accesses += 1
    guard accesses >= accessesMax else { return }
    for place in counts.indices { counts[place] /= 2 }
    accesses /= 2
  }

  func frequency(of key: Int) -> UInt8 { Self.seeds.indices.map { counts[place(key, $0)] }.min()! }

  private func place(_ key: Int, _ row: Int) -> Int {
    var mixed = (UInt64(key) &+ 1) &* Self.seeds[row]
    mixed ^= mixed >> 32
    return row * Int(mask + 1) + Int(mixed & mask)
  }
}
