internal import Glibc

/// One side of a connection of the simulated network: what has arrived and is unread, and what it has sent that the
/// other side has not read. Kept by its stream, by the other side, and by what is on its way.
final class SimulatedEndpoint {
  private enum Segment {
    case bytes([UInt8])
    case end
  }

  let world: SimulatedWorld
  let link: SimulatedLink
  let id: UInt64
  let localAddress: SocketAddress
  let remoteAddress: SocketAddress
  /// Nil until it is accepted, and once it is closed.
  weak var stream: SimulatedStream?
  private var peer: SimulatedEndpoint?

  // What came.
  private var inbox = ByteQueue()
  private(set) var hasEnded = false
  /// ECONNRESET once the connection has been reset.
  private(set) var failure: CInt = 0

  // What goes.
  private var unread = 0
  private var underway: [(arrival: UInt64, segment: Segment)] = []
  private var lastArrival: UInt64 = 0
  private var hasSentEnd = false
  /// The network has given the connection up; nothing crosses any more but the resets that say so.
  private var isCut = false
  private(set) var isClosed = false

  private init(_ world: SimulatedWorld, _ link: SimulatedLink, _ local: SocketAddress, _ remote: SocketAddress) {
    self.world = world
    self.link = link
    id = world.nextID()
    localAddress = local
    remoteAddress = remote
  }

  /// The two sides of a new connection: the client's, the server's.
  static func pair(
    _ world: SimulatedWorld, to server: SocketAddress, over link: SimulatedLink
  ) -> (SimulatedEndpoint, SimulatedEndpoint) {
    let client = server.isUnix ? server : SocketAddress(kind: server.kind, port: world.nextPort())
    let (near, far) = (SimulatedEndpoint(world, link, client, server), SimulatedEndpoint(world, link, server, client))
    near.peer = far
    far.peer = near
    return (near, far)
  }

  var unreadBytes: Int { inbox.count }
  var isReadable: Bool { !inbox.isEmpty || hasEnded || failure != 0 }

  // MARK: Sending

  /// write(2): how many bytes were taken, or a negated errno.
  func send(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard failure == 0 else { return -Int(failure) }
    guard !hasSentEnd else { return -Int(EPIPE) }
    var count = min(bytes.count, max(0, link.bufferBytes - unread))
    guard count > 0 else { return -Int(EAGAIN) }
    if count > 1, world.random.chance(perMille: link.partialWritePerMille) {
      count = 1 + Int(world.random.below(UInt64(count)))
    }
    unread += count
    let taken = UnsafeRawBufferPointer(rebasing: bytes[..<count])
    world.note("send", id, at: world.presentNanoseconds, taken)
    if world.random.chance(perMille: link.resetPerMille) { cut() }
    for piece in pieces(of: taken) { plan(.bytes(Array(piece))) }
    return count
  }

  private func pieces(of bytes: UnsafeRawBufferPointer) -> [UnsafeRawBufferPointer] {
    guard bytes.count > 1, world.random.chance(perMille: link.splitPerMille) else { return [bytes] }
    var pieces: [UnsafeRawBufferPointer] = []
    var rest = bytes[...]
    for _ in 0..<1 + world.random.below(4) where rest.count > 1 {
      // Near the beginning as often as anywhere: lines and heads are short.
      let reach = world.random.chance(perMille: 500) ? min(rest.count - 1, 40) : rest.count - 1
      let count = 1 + Int(world.random.below(UInt64(reach)))
      pieces.append(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    return pieces + [UnsafeRawBufferPointer(rebasing: rest)]
  }

  /// shutdown(2) of the sending side.
  func finish() {
    guard !hasSentEnd, failure == 0 else { return }
    hasSentEnd = true
    plan(.end)
  }

  private func plan(_ segment: Segment) {
    guard !isCut else { return }
    let arrival = max(world.presentNanoseconds + world.random.within(link.latencyNanoseconds), lastArrival)
    lastArrival = arrival
    underway.append((arrival, segment))
    world.at(arrival) { self.deliver() }
  }

  private func deliver() {
    guard !link.isBlackHole else {
      guard !underway.isEmpty else { return }
      return world.at(world.nowNanoseconds + SimulatedLink.retransmissionNanoseconds) { self.deliver() }
    }
    while let (arrival, segment) = underway.first, arrival <= world.nowNanoseconds {
      underway.removeFirst()
      guard let peer else { return }
      switch segment {
      case .bytes(let bytes): peer.receive(bytes)
      case .end: peer.receiveEnd()
      }
    }
  }

  // MARK: Receiving

  private func receive(_ bytes: [UInt8]) {
    // Nobody is there any more: the sender hears so.
    guard !isClosed else { return sendReset() }
    guard failure == 0 else { return }
    inbox.append(bytes)
    stream?.becomeReadable()
  }

  private func receiveEnd() {
    guard !isClosed, failure == 0 else { return }
    hasEnded = true
    stream?.becomeReadable()
  }

  /// Moves up to `room` bytes to `target`; how many.
  func take(to target: UnsafeMutableRawPointer, room: Int) -> Int {
    var count = min(room, inbox.count)
    if count > 1, world.random.chance(perMille: link.shortReadPerMille) {
      count = 1 + Int(world.random.below(UInt64(count)))
    }
    inbox.take(count, to: target)
    world.note("read", id, at: world.presentNanoseconds, UnsafeRawBufferPointer(start: target, count: count))
    guard let peer else { return count }
    // The window opens on the other side when it hears of it.
    world.at(world.presentNanoseconds + world.random.within(link.latencyNanoseconds)) {
      peer.unread -= count
      peer.stream?.becomeWritable()
    }
    return count
  }

  // MARK: The end

  /// close(2). As in Linux, unread input turns the farewell into a reset (RFC 1122 §4.2.2.13).
  func close() {
    guard !isClosed else { return }
    isClosed = true
    stream = nil
    if failure == 0 {
      if inbox.isEmpty { finish() } else { sendReset() }
    }
    inbox.removeAll()
  }

  /// Closes with a reset whatever is unread (SO_LINGER 0).
  func closeWithReset() {
    guard !isClosed else { return }
    sendReset()
    failure = ECONNRESET
    close()
  }

  /// A reset behind what is on its way already.
  private func sendReset() {
    guard let peer else { return }
    let arrival = max(world.presentNanoseconds + world.random.within(link.latencyNanoseconds), lastArrival)
    world.at(arrival) { [link] in
      // Nobody sends a reset again.
      if !link.isBlackHole { peer.receiveReset() }
    }
  }

  /// The network itself gives the connection up, with what is on its way: both sides hear of it.
  private func cut() {
    guard !isCut, let peer else { return }
    for side in [self, peer] {
      side.isCut = true
      side.underway.removeAll()
      side.sendReset()
    }
  }

  private func receiveReset() {
    guard failure == 0 else { return }
    failure = ECONNRESET
    underway.removeAll()
    // What was received and not read may be lost with the connection (RFC 9112 §9.6), or not.
    if world.random.chance(perMille: 500) { inbox.removeAll() }
    guard !isClosed else { return }
    world.note("reset", id, at: world.presentNanoseconds)
    stream?.becomeReadable()
    stream?.becomeWritable()
  }

  /// Nobody holds either side any more.
  func letGo() {
    guard isClosed, peer?.isClosed ?? true else { return }
    peer?.peer = nil
    peer = nil
  }
}
