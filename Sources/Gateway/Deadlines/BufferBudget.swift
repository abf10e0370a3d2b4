/// What all connections of a worker hold in buffers together, and who has to let go when it is too much.
///
/// Each connection is bounded by itself, by the longest body and by `http.outputBytes`; ten thousand at once are not:
/// 10,000 × (2 × 512 KiB + 256 KiB) = 12 GiB. Bytes that one read brings and one write takes are never held, so a
/// client pays into the budget only while its request is arriving in pieces, waits behind others, or its answers are
/// not read.
///
/// Above the budget the one that has held something longest lets go: a client that is fast, however large its request,
/// is done in less than `graceNanoseconds`, and one that has been at it longer is slow, or means harm. When nobody is
/// that old there is simply too much at once, and whoever asks for more is refused.
struct BufferBudget: ~Copyable {
  static let graceNanoseconds: UInt64 = 1_000_000_000

  private struct Holder {
    var bytes = 0
    var sinceNanoseconds: UInt64 = 0
  }

  let bytesMax: Int
  private(set) var bytes = 0
  private var holders: [Holder] = []
  private var oldestFirst = SlotQueue()

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// Connections that hold something.
  var count: Int { oldestFirst.count }

  func bytes(of slot: Int) -> Int { slot < holders.count ? holders[slot].bytes : 0 }

  /// `slot` now holds this much in all; 0 is nothing. Returns who has to let go, if that was too much. O(1).
  mutating func hold(_ slot: Int, bytes held: Int, now: UInt64) -> Int? {
    guard held > 0 else {
      release(slot)
      return nil
    }
    while slot >= holders.count { holders.append(Holder()) }
    if holders[slot].bytes == 0 {
      holders[slot].sinceNanoseconds = now
      oldestFirst.append(slot)
    }
    let grew = held > holders[slot].bytes
    bytes += held - holders[slot].bytes
    holders[slot].bytes = held
    // Who gives back is never the one to blame.
    return grew ? culprit(asking: slot, now: now) : nil
  }

  /// Who has to let go when `slot` asks for more; nil when all fits.
  func culprit(asking slot: Int, now: UInt64) -> Int? {
    guard bytes > bytesMax, let oldest = oldestFirst.first else { return nil }
    let age = now - min(now, holders[oldest].sinceNanoseconds)
    return age >= BufferBudget.graceNanoseconds ? oldest : slot
  }

  mutating func release(_ slot: Int) {
    guard slot < holders.count, holders[slot].bytes > 0 else { return }
    bytes -= holders[slot].bytes
    holders[slot].bytes = 0
    oldestFirst.remove(slot)
  }
}

/// Slots in the order in which they came: a list threaded through two flat arrays. Every operation is O(1).
struct SlotQueue: ~Copyable {
  private struct Node {
    var previous, next: UInt32
    var isIn = false
  }

  /// The first node stands for both ends.
  private var nodes = [Node(previous: 0, next: 0, isIn: true)]
  private(set) var count = 0

  var first: Int? { count > 0 ? Int(nodes[0].next) - 1 : nil }

  func contains(_ slot: Int) -> Bool { slot + 1 < nodes.count && nodes[slot + 1].isIn }

  /// Appends a slot that is not in the queue.
  mutating func append(_ slot: Int) {
    precondition(slot >= 0 && !contains(slot))
    while slot + 1 >= nodes.count { nodes.append(Node(previous: 0, next: 0)) }
    let last = nodes[0].previous
    nodes[slot + 1] = Node(previous: last, next: 0, isIn: true)
    nodes[Int(last)].next = UInt32(slot + 1)
    nodes[0].previous = UInt32(slot + 1)
    count += 1
  }

  mutating func remove(_ slot: Int) {
    guard contains(slot) else { return }
    let node = nodes[slot + 1]
    nodes[Int(node.previous)].next = node.next
    nodes[Int(node.next)].previous = node.previous
    nodes[slot + 1].isIn = false
    count -= 1
  }
}
