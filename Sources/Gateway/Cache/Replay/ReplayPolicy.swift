/// A cache under replay: what it answers, and what it keeps.
///
/// Keys are the trace's numbers. All policies count an entry's bytes alike, refuse what is above 1/64 of the cache as
/// `L1Cache` does, and drop an entry past its stale time when they meet it. Those beside `SievePolicy` are baselines, here
/// to be compared with and not to serve.
protocol ReplayPolicy: ~Copyable {
  init(_ trace: KeyTrace, bytesMax: Int)

  /// What an access to the key finds at `now`.
  mutating func look(_ key: Int, now: UInt32) -> ReplayFind

  /// The key's value was fetched or made anew.
  mutating func put(_ key: Int, now: UInt32, freshUntil: UInt32, staleUntil: UInt32)

  var byteCount: Int { get }
  var evictions: UInt64 { get }
}

enum ReplayFind: Sendable, Equatable { case fresh, stale, nothing }

/// The deadlines and sizes that the baselines share, by key.
struct ReplayEntries {
  let costs: [Int]
  let costMax: Int
  private var freshUntil: [UInt32]
  private var staleUntil: [UInt32]

  init(_ trace: KeyTrace, bytesMax: Int) {
    costs = (0..<trace.keyCount).map { trace.cost(of: $0) }
    costMax = bytesMax / 64
    freshUntil = Array(repeating: 0, count: costs.count)
    staleUntil = freshUntil
  }

  mutating func keep(_ key: Int, freshUntil fresh: UInt32, staleUntil stale: UInt32) {
    freshUntil[key] = fresh
    staleUntil[key] = stale
  }

  func find(_ key: Int, now: UInt32) -> ReplayFind {
    now < freshUntil[key] ? .fresh : now < staleUntil[key] ? .stale : .nothing
  }
}

/// A doubly linked list of keys, newest at the head; each key is in at most one place of one list.
struct KeyQueue {
  private static let none: Int32 = -1
  private var newer: [Int32]
  private var older: [Int32]
  private var isIn: [Bool]
  private(set) var newest = none
  private(set) var oldest = none
  private(set) var count = 0
  private(set) var bytes = 0

  init(keyCount: Int) {
    newer = Array(repeating: Self.none, count: keyCount)
    older = newer
    isIn = Array(repeating: false, count: keyCount)
  }

  func contains(_ key: Int) -> Bool { isIn[key] }

  /// The next newer key; nil at the newest.
  func newer(than key: Int) -> Int? { newer[key] == Self.none ? nil : Int(newer[key]) }

  var last: Int? { oldest == Self.none ? nil : Int(oldest) }

  mutating func push(_ key: Int, cost: Int) {
    precondition(!isIn[key])
    isIn[key] = true
    newer[key] = Self.none
    older[key] = newest
    if newest != Self.none { newer[Int(newest)] = Int32(key) } else { oldest = Int32(key) }
    newest = Int32(key)
    count += 1
    bytes += cost
  }

  mutating func remove(_ key: Int, cost: Int) {
    precondition(isIn[key])
    isIn[key] = false
    if newer[key] != Self.none { older[Int(newer[key])] = older[key] } else { newest = older[key] }
    if older[key] != Self.none { newer[Int(older[key])] = newer[key] } else { oldest = newer[key] }
    count -= 1
    bytes -= cost
  }
}
