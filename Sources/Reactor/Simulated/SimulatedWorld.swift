internal import Glibc

/// A machine room on one thread: a virtual clock, an in-memory network, and every loop that was made with
/// `EventLoop(simulated:)`. The same seed and the same programs give the same run, event by event.
///
/// Clients, servers and what is tested are all ordinary programs on loops of their own, written against the public
/// types. What a real network would do to them is the world's: it delays, cuts into pieces, loses and resets, each
/// listening address by its own `SimulatedLink`. What a kernel promises is kept: bytes of one direction arrive in
/// order or not at all.
///
/// Nothing here draws from the system: chance comes from the seed, time from the events, and no order from a hash.
package final class SimulatedWorld {
  package let seed: UInt64
  /// The monotonic clock between turns. It begins above zero, as a machine's does.
  package private(set) var nowNanoseconds: UInt64 = 1_000_000_000
  /// Chance, for the network and for whoever scripts the world.
  package var random: SimulatedRandom
  /// Sets the wall clock: seconds since 1970 at the monotonic zero. Change it, and the clock has jumped.
  package var wallSecondsAtZero: Int

  /// Of every event so far with its time and content: two runs that agree here did the same.
  package private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
  package private(set) var eventCount = 0
  /// Hears of each event in words, for a replay; composing them costs nothing when it is nil.
  package var trace: ((String) -> Void)?

  /// The loop whose turn it is: it may be ahead of the world.
  weak var running: SimulatedLoop?
  private var events = EventHeap()
  private var listeners: [SocketAddress: [SimulatedListener]] = [:]
  private var links: [SocketAddress: SimulatedLink] = [:]
  private var bound: [Int32: SocketAddress] = [:]
  private var lastPort: UInt16 = 32_767
  private var lastID: UInt64 = 0

  package init(seed: UInt64, wallSeconds: Int = 1_767_225_600) {
    self.seed = seed
    random = SimulatedRandom(seed: seed)
    wallSecondsAtZero = wallSeconds
  }

  // MARK: Time

  /// The time of what happens now, inside turns too.
  package var presentNanoseconds: UInt64 { max(nowNanoseconds, running?.clock ?? 0) }

  /// Calls `body` at a time of the monotonic clock, between the turns of loops.
  package func at(_ nanoseconds: UInt64, _ body: @escaping () -> Void) {
    events.push(max(nanoseconds, nowNanoseconds), body)
  }

  package func after(milliseconds: Double, _ body: @escaping () -> Void) {
    at(presentNanoseconds + UInt64(milliseconds * 1_000_000), body)
  }

  /// Lets the next event happen; false when there is none.
  @discardableResult
  package func step() -> Bool {
    guard let (time, body) = events.pop() else { return false }
    nowNanoseconds = max(nowNanoseconds, time)
    body()
    return true
  }

  /// Lets time pass up to a moment.
  package func run(untilNanoseconds end: UInt64) {
    while let next = events.first, next <= end { step() }
    nowNanoseconds = max(nowNanoseconds, end)
  }

  package func run(milliseconds: Int) { run(untilNanoseconds: nowNanoseconds + UInt64(milliseconds) * 1_000_000) }

  // MARK: The network

  /// How the network treats the connections to an address. Made at the first question; change it at any time.
  package func link(to address: SocketAddress) -> SimulatedLink {
    if let link = links[address] { return link }
    let link = SimulatedLink()
    links[address] = link
    return link
  }

  /// Reserves an address; the descriptor stands for it until a listener opens. Port 0 is given a free one.
  func bind(_ address: SocketAddress, sharing: Bool) throws(LoopError) -> Int32 {
    var address = address
    if !address.isUnix && address.port == 0 { address = SocketAddress(kind: address.kind, port: nextPort()) }
    let isTaken = listeners[address]?.isEmpty == false || bound.values.contains(address)
    guard sharing || !isTaken else { throw LoopError(code: EADDRINUSE, while: "binding", address: address) }
    // No kernel has so many: a stray close(2) of one harms nobody.
    let descriptor = Int32(1_000_000_000) + Int32(truncatingIfNeeded: nextID())
    bound[descriptor] = address
    return descriptor
  }

  func address(of descriptor: Int32) -> SocketAddress? { bound[descriptor] }

  func opened(_ listener: SimulatedListener, at address: SocketAddress, _ descriptor: Int32) {
    bound[descriptor] = nil
    listeners[address, default: []].append(listener)
  }

  func closed(_ listener: SimulatedListener, at address: SocketAddress) {
    listeners[address]?.removeAll { $0 === listener }
  }

  /// One of those that listen there; with several the seed chooses, as a kernel's hash would.
  func listener(at address: SocketAddress) -> SimulatedListener? {
    guard let all = listeners[address], let first = all.first else { return nil }
    return all.count == 1 ? first : all[Int(random.below(UInt64(all.count)))]
  }

  func nextPort() -> UInt16 {
    lastPort = lastPort == .max ? 32_768 : lastPort + 1
    return lastPort
  }

  func nextID() -> UInt64 {
    lastID += 1
    return lastID
  }

  // MARK: The record

  /// Takes an event into the digest.
  func note(_ what: StaticString, _ id: UInt64, at time: UInt64, _ content: UnsafeRawBufferPointer? = nil) {
    eventCount += 1
    var hash = mixed(digest ^ time, id &+ UInt64(what.utf8CodeUnitCount) << 56 &+ UInt64(what.utf8Start.pointee))
    if let content { hash = mixed(hash, hashOf(content)) }
    digest = hash
    trace?("\(time) \(what) #\(id)\(content.map { " \($0.count) bytes" } ?? "")")
  }

  /// What a script saw or did, so that it counts too.
  package func note(_ text: String) {
    var text = text
    text.withUTF8 { digest = mixed(digest ^ nowNanoseconds, hashOf(UnsafeRawBufferPointer($0))) }
    trace?("\(nowNanoseconds) \(text)")
  }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
package struct SimulatedRandom: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// Uniform in 0..<bound. The bias of the multiplication, 2⁻³² at these bounds, decides nothing.
  package mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

  package mutating func within(_ range: ClosedRange<UInt64>) -> UInt64 {
    range.lowerBound + below(range.upperBound - range.lowerBound + 1)
  }

  package mutating func chance(perMille: Int) -> Bool { perMille > 0 && below(1000) < UInt64(perMille) }
}

private func mixed(_ left: UInt64, _ right: UInt64) -> UInt64 {
  var z = (left ^ right) &* 0x9E37_79B9_7F4A_7C15
  z ^= z &>> 32
  return z &* 0xD6E8_FEB8_6659_FD93 &+ right
}

private func hashOf(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
  var hash = UInt64(bytes.count)
  var at = 0
  while at + 8 <= bytes.count {
    hash = mixed(hash, bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    at += 8
  }
  while at < bytes.count {
    hash = mixed(hash, UInt64(bytes[at]))
    at += 1
  }
  return hash
}

/// What is to happen, soonest first; of one moment, in the order of its planning. A binary heap.
private struct EventHeap {
  private struct Event {
    let time: UInt64
    let order: UInt64
    let body: () -> Void

    func precedes(_ other: Event) -> Bool { time != other.time ? time < other.time : order < other.order }
  }

  private var heap: [Event] = []
  private var planned: UInt64 = 0

  var first: UInt64? { heap.first?.time }

  mutating func push(_ time: UInt64, _ body: @escaping () -> Void) {
    planned += 1
    heap.append(Event(time: time, order: planned, body: body))
    var child = heap.count - 1
    while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func pop() -> (UInt64, () -> Void)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return (first.time, first.body) }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      guard least != parent else { return (first.time, first.body) }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
