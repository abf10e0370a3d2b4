/// Lists that wait to be computed, in the order of their arrival, and since when the queue has not been empty.
///
/// A ring: taking the oldest or the newest is O(1), taking one near the newest O(`lookBack`).
struct ComputeQueue<Work> {
  struct Entry {
    let work: Work
    /// The key was asked for a moment ago too.
    let isHot: Bool
    let arrivedNanoseconds: UInt64
  }

  /// How far behind the newest a preferred one is looked for: 32 comparisons beside some 200 µs of computing.
  static var lookBack: Int { 32 }

  private var ring: [Entry?] = Array(repeating: nil, count: 16)
  private var head = 0
  private(set) var count = 0
  /// When the first came that found the queue empty.
  private var heldSinceNanoseconds: UInt64?
  /// When the last left that was given up. A queue that was emptied so has not been worked off: a thread that loses its
  /// core for longer than the bound gives all of them up, and that must not look like an end of overload.
  private var givenUpNanoseconds: UInt64?

  var isEmpty: Bool { count == 0 }
  var oldest: Entry? { count == 0 ? nil : self[0] }

  /// How long the queue must stay empty after one was given up to count as empty: as long as the shortest target.
  static var pauseNanoseconds: UInt64 { 5_000_000 }

  /// For how long the queue has not been empty.
  func heldNanoseconds(_ now: UInt64) -> UInt64 {
    guard let heldSinceNanoseconds, !hasPaused(now) else { return 0 }
    return now > heldSinceNanoseconds ? now - heldSinceNanoseconds : 0
  }

  private func hasPaused(_ now: UInt64) -> Bool {
    guard count == 0 else { return false }
    return givenUpNanoseconds.map { now > $0 + Self.pauseNanoseconds } ?? true
  }

  mutating func add(_ work: Work, isHot: Bool, now: UInt64) {
    if heldSinceNanoseconds == nil || hasPaused(now) {
      heldSinceNanoseconds = now
      givenUpNanoseconds = nil
    }
    if count == ring.count { grow() }
    self[count] = Entry(work: work, isHot: isHot, arrivedNanoseconds: now)
    count += 1
  }

  /// `givingUp`: it will not be computed.
  mutating func takeOldest(givingUp now: UInt64? = nil) -> Entry? {
    guard count > 0 else { return nil }
    if let now { givenUpNanoseconds = now }
    let entry = self[0]
    self[0] = nil
    head = (head + 1) & (ring.count - 1)
    count -= 1
    noteTaken()
    return entry
  }

  /// The newest that is preferred, of the last `lookBack`; the newest of all when none is.
  mutating func takeNewest(preferring isPreferred: (Entry) -> Bool) -> Entry? {
    guard count > 0 else { return nil }
    let place = (max(0, count - Self.lookBack)..<count).last { isPreferred(self[$0]!) } ?? count - 1
    let entry = self[place]
    for later in place + 1..<max(place + 1, count) { self[later - 1] = self[later] }
    self[count - 1] = nil
    count -= 1
    noteTaken()
    return entry
  }

  private mutating func noteTaken() { if count == 0 && givenUpNanoseconds == nil { heldSinceNanoseconds = nil } }

  /// By age: 0 is the oldest.
  private subscript(_ place: Int) -> Entry? {
    get { ring[(head + place) & (ring.count - 1)] }
    set { ring[(head + place) & (ring.count - 1)] = newValue }
  }

  private mutating func grow() {
    ring = (0..<ring.count).map { self[$0] } + Array(repeating: nil, count: ring.count)
    head = 0
  }
}
