import Reactor

/// One connection of a simulated node: cuts commands out of the input and sends the replies in their order, unless a
/// fault says otherwise.
final class SimulatedMemcachedConnection: StreamHandler {
  let stream: ByteStream
  private unowned let node: SimulatedMemcached
  private var inbox: [UInt8] = []
  /// Replies that wait for a stall to end, and one that is held back to be swapped with the next.
  private var waiting: [[UInt8]] = []
  private var held: [UInt8]?
  private var timer: Timer!

  init(_ stream: consuming ByteStream, _ node: SimulatedMemcached) {
    self.stream = stream
    self.node = node
    timer = Timer(loop: node.loop) { [unowned self] in resume() }
  }

  func received(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { inbox += $0 }
    while let reply = next() { answer(reply) }
  }

  func ended(_ end: StreamEnd) { node.ended(self) }

  // MARK: Commands

  /// The reply to the first whole command; nil when there is none.
  private func next() -> [UInt8]? {
    guard let end = inbox.firstIndex(of: 10) else { return nil }
    let words = String(decoding: inbox[..<(end - 1)], as: UTF8.self).split(separator: " ")
    var used = end + 1
    defer { inbox.removeFirst(used) }
    switch words.first {
    case "version": return Array("VERSION 1.6.18\r\n".utf8)
    case "mn": return Array("MN\r\n".utf8)
    case "mg": return node.metaGet(String(words[1]), Array(words[2...]))
    case "md": return node.metaDelete(String(words[1]), Array(words[2...]))
    case "ms":
      let length = Int(words[2])!
      guard inbox.count >= used + length + 2 else {
        used = 0
        return nil
      }
      let value = Array(inbox[used..<used + length])
      used += length + 2
      return node.metaSet(String(words[1]), value, Array(words[3...]))
    default: return Array("ERROR\r\n".utf8)
    }
  }

  // MARK: Replies and what becomes of them

  private func answer(_ reply: [UInt8]) {
    guard stream.isOpen else { return }
    let world = node.world
    let faults = node.faults
    var reply = reply
    if world.random.chance(perMille: faults.loseReply) { return }
    if world.random.chance(perMille: faults.serverError) { reply = Array("SERVER_ERROR out of memory\r\n".utf8) }
    if world.random.chance(perMille: faults.wrongOpaque) { reply = withOtherOpaque(reply) }
    if world.random.chance(perMille: faults.wrongLength) { reply = withOtherLength(reply) }
    if world.random.chance(perMille: faults.garbage) {
      reply = (0..<1 + world.random.below(60)).map { _ in UInt8(truncatingIfNeeded: world.random.next()) }
    }
    if world.random.chance(perMille: faults.swapReplies), held == nil {
      held = reply
      return
    }
    send(reply)
    if let held {
      self.held = nil
      send(held)
    }
  }

  private func send(_ reply: [UInt8]) {
    let world = node.world
    if world.random.chance(perMille: node.faults.reset) { return stream.resetSimulated() }
    if world.random.chance(perMille: node.faults.stall), !timer.isActive {
      timer.start(milliseconds: Int(world.random.within(node.faults.stallMilliseconds)))
    }
    guard !timer.isActive else { return waiting.append(reply) }
    write(reply)
  }

  private func write(_ reply: [UInt8]) {
    guard stream.isOpen else { return }
    if node.world.random.chance(perMille: node.faults.cutReply) {
      let part = Array(reply.prefix(Int(node.world.random.below(UInt64(reply.count)))))
      let bytes = part.span.bytes
      stream.write(bytes)
      stream.close()
      return
    }
    let bytes = reply.span.bytes
    stream.write(bytes)
  }

  private func resume() {
    let due = waiting
    waiting = []
    for reply in due { write(reply) }
  }

  private func withOtherOpaque(_ reply: [UInt8]) -> [UInt8] {
    guard let at = reply.firstIndex(of: UInt8(ascii: "O")) else { return reply }
    var reply = reply
    reply[at + 1] = reply[at + 1] == UInt8(ascii: "9") ? UInt8(ascii: "8") : reply[at + 1] + 1
    return reply
  }

  /// `VA` with a length that is a few bytes off.
  private func withOtherLength(_ reply: [UInt8]) -> [UInt8] {
    guard reply.starts(with: Array("VA ".utf8)), let end = reply[3...].firstIndex(of: 32),
      let length = Int(String(decoding: reply[3..<end], as: UTF8.self))
    else { return reply }
    let other = max(0, length + Int(node.world.random.below(9)) - 4)
    return Array("VA \(other)".utf8) + reply[end...]
  }
}
