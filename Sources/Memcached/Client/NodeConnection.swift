internal import Bytes
internal import Reactor

/// One attempt to talk to a node: a stream, the protocol's state, and the input that is not a whole reply yet. Moves
/// bytes between them and decides nothing.
///
/// Once detached from its node it is deaf: bytes that come late meet nobody. The loop lets it go when the stream ends.
final class NodeConnection: StreamHandler {
  private let stream: ByteStream
  private let loop: EventLoop
  /// Nil once detached.
  private var node: Node?
  /// Apart from `inbox`, because answers are delivered while the input is lent, and may make new requests.
  private var meta: MetaConnection
  /// At most the largest value, its line, and one read of the loop (64 KiB).
  private var inbox = ByteBuffer(capacity: 4096)

  init(_ node: Node, to address: SocketAddress, on loop: EventLoop, _ settings: MemcachedSettings) {
    self.node = node
    self.loop = loop
    stream = ByteStream.connect(loop: loop, to: address)
    meta = MetaConnection(
      pendingMax: settings.pendingMax, timeoutNanoseconds: settings.timeoutNanoseconds,
      valueBytesMax: settings.valueBytesMax)
  }

  /// Apart from `init`: the stream wants a complete handler.
  func start() { stream.start(self) }

  var isReady: Bool { meta.stage == .ready }
  var pendingCount: Int { meta.pendingCount }
  var hasOutput: Bool { meta.outputBytes > 0 }
  var queuedBytes: Int { meta.outputBytes + stream.queuedBytes }
  var version: String { meta.version.map(String.init(describing:)) ?? "" }

  func isOverdue(now: UInt64) -> Bool { meta.isOverdue(now: now) }

  func get(
    key: RawSpan, recacheSeconds: Int?, vivifySeconds: Int?, echoesKey: Bool, ticket: UInt64, now: UInt64
  ) throws(MemcachedFailure) {
    try meta.get(
      key: key, recacheSeconds: recacheSeconds, vivifySeconds: vivifySeconds, echoesKey: echoesKey, ticket: ticket,
      now: now)
  }

  func set(
    key: RawSpan, value: RawSpan, flags: UInt32, ttlSeconds: Int, mode: SetMode, ticket: UInt64?, now: UInt64
  ) throws(MemcachedFailure) {
    try meta.set(key: key, value: value, flags: flags, ttlSeconds: ttlSeconds, mode: mode, ticket: ticket, now: now)
  }

  func delete(
    key: RawSpan, cas: UInt64?, staleSeconds: Int?, ticket: UInt64?, now: UInt64
  ) throws(MemcachedFailure) {
    try meta.delete(key: key, cas: cas, staleSeconds: staleSeconds, ticket: ticket, now: now)
  }

  /// One write for everything composed since the last. A stream that no longer takes it has ended or is about to.
  func flush() -> Int {
    let bytes = meta.outputBytes
    guard bytes > 0 else { return 0 }
    _ = meta.withOutput { stream.write($0) }
    meta.sent()
    return bytes
  }

  /// Closes, and forgets the node. What is pending stays to be collected with `removeAllPending`.
  func detach() {
    node = nil
    meta.close()
    stream.close()
  }

  func removeAllPending() -> [PendingRequest] { meta.removeAllPending() }

  // MARK: StreamHandler

  /// The greeting is all that is composed before the connection is ready.
  func connected() {
    meta.greetingLeaves(now: loop.nowNanoseconds)
    node?.connected(sent: flush())
  }

  func received(_ bytes: RawSpan) {
    guard let node else { return }
    node.noteReceived(bytes.byteCount)
    if inbox.isEmpty {
      let consumed = take(bytes)
      guard isAttached, consumed < bytes.byteCount else { return }
      inbox.append(bytes.extracting(consumed..<bytes.byteCount))
    } else {
      complete(with: bytes)
    }
  }

  /// Continues a reply whose first part came before. What follows it is read where it lies: with replies of many
  /// kilobytes nearly every read ends inside one, and copying the rest of it all would cost more than reading it.
  private func complete(with bytes: RawSpan) {
    var given = 0
    var piece = 4096
    while given < bytes.byteCount {
      let count = min(piece, bytes.byteCount - given)
      let before = inbox.count
      inbox.append(bytes.extracting(given..<given + count))
      given += count
      piece *= 2
      let consumed = take(inbox.bytes)
      guard isAttached else { return }
      guard consumed >= before else {
        inbox.removeFirst(consumed)
        continue
      }
      given -= inbox.count - consumed
      inbox.removeAll()
      given += take(bytes.extracting(given..<bytes.byteCount))
      guard isAttached else { return }
      return inbox.append(bytes.extracting(given..<bytes.byteCount))
    }
  }

  func ended(_ end: StreamEnd) {
    switch end {
    case .closedByPeer: node?.lose(.connectionLost, "the server closed the connection")
    case .failed(let error): node?.lose(.connectionLost, "\(error)")
    case .closedHere: node?.lose(.connectionLost, "the loop stopped")
    }
  }

  private var isAttached: Bool { node != nil }

  /// Delivers every complete reply at the front of `bytes` and returns how many bytes they took. Stops where a
  /// delivery, or a reply that cannot be, has ended the connection.
  private func take(_ bytes: RawSpan) -> Int {
    let now = loop.nowNanoseconds
    var consumed = 0
    while let node {
      let rest = bytes.extracting(consumed..<bytes.byteCount)
      switch meta.step(rest, now: now) {
      case .needMore: return consumed
      case .greeted(let count):
        consumed += count
        node.connected(sent: flush())
      case .ready(let count):
        consumed += count
        node.becameReady()
      case .answer(let answer, let count):
        consumed += count
        node.deliver(answer, value: rest.extracting(answer.value))
      case .broken(let failure, let problem):
        node.lose(failure, problem?.description ?? "an answer that cannot be (\(failure.label)): '\(firstLine(rest))'")
      }
    }
    return consumed
  }
}
