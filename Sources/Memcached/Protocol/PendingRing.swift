/// A request that has been composed and not yet answered.
struct PendingRequest: Equatable {
  enum Kind: UInt8 { case probe, get, set, delete }
  let kind: Kind
  /// Nil when nobody waits: the answer is checked and counted, then dropped.
  let ticket: UInt64?
  let askedNanoseconds: UInt64
  /// XXH3 of the key that the answer must name; 0 when it was not asked to.
  var keyHash: UInt64 = 0
}

/// The unanswered requests of one connection, oldest first, in a ring that is allocated once.
///
/// A request's place in the sequence is its opaque. Answers come in order, so the only opaque that may come next is
/// the oldest one's; 32 bits wrap harmlessly, for only `capacity` of them are ever alive.
struct PendingRing: ~Copyable {
  private var slots: [PendingRequest?]
  private let mask: UInt32
  private let countMax: Int
  private(set) var count = 0
  private(set) var oldestOpaque: UInt32

  /// 40 bytes a slot: the default of 4096 takes 160 KiB a node and worker.
  init(countMax: Int, firstOpaque: UInt32 = 0) {
    precondition((1...(1 << 20)).contains(countMax))
    var capacity = 1
    while capacity < countMax { capacity *= 2 }
    slots = Array(repeating: nil, count: capacity)
    mask = UInt32(capacity - 1)
    self.countMax = countMax
    oldestOpaque = firstOpaque
  }

  var isFull: Bool { count >= countMax }
  var nextOpaque: UInt32 { oldestOpaque &+ UInt32(count) }
  var oldest: PendingRequest? { count == 0 ? nil : slots[Int(oldestOpaque & mask)] }

  mutating func append(_ request: PendingRequest) {
    precondition(!isFull)
    slots[Int(nextOpaque & mask)] = request
    count += 1
  }

  mutating func removeOldest() -> PendingRequest? {
    guard count > 0 else { return nil }
    let slot = Int(oldestOpaque & mask)
    defer {
      slots[slot] = nil
      oldestOpaque &+= 1
      count -= 1
    }
    return slots[slot]
  }
}
