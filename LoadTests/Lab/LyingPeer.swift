internal import Glibc
internal import Synchronization

/// A server in memcached's place: it passes everything to a real one and lies about some of the replies.
///
/// A thread takes connections and each has one of its own: a gateway has one a worker and node.
public final class LyingPeer: Sendable {
  public let port: Int
  public var address: String { "127.0.0.1:\(port)" }
  private let truth: Int
  private let state: Mutex<State>
  private let stopped = Atomic(false)

  private struct State {
    var lie: Lie?
    /// One reply in so many is lied about.
    var every = 1
    var replies = 0
    var lies = 0
  }

  /// - Parameter memcached: who knows the truth.
  public init(before memcached: MemcachedProcess) throws(LabError) {
    guard let listener = BlockingListener() else { throw .trouble("no free port on 127.0.0.1") }
    port = listener.port
    truth = memcached.port
    state = Mutex(State())
    let held = Held(listener: listener)
    onThread { [self] in
      while !stopped.load(ordering: .acquiring) {
        guard isReadable(held.listener.descriptor, milliseconds: 50) else { continue }
        let accepted = accept(held.listener.descriptor, nil, nil)
        guard accepted >= 0 else { continue }
        onThread { [self] in converse(accepted) }
      }
    }
  }

  private final class Held: @unchecked Sendable {
    let listener: BlockingListener
    init(listener: consuming BlockingListener) { self.listener = listener }
  }

  /// From now on one reply in `every` is lied about; nil for the truth.
  public func tell(_ lie: Lie?, every: Int = 1) {
    state.withLock { state in
      state.lie = lie
      state.every = max(1, every)
    }
  }

  /// Lies told so far.
  public var lies: Int { state.withLock { $0.lies } }

  /// Takes no more connections and ends those there are.
  public func end() { stopped.store(true, ordering: .releasing) }

  /// Which lie to tell about this reply; nil for the truth. The number is one of a kind.
  private func choose() -> (Lie?, Int) {
    state.withLock { state in
      state.replies += 1
      guard let lie = state.lie, state.replies % state.every == 0 else { return (nil, state.replies) }
      state.lies += 1
      return (lie, state.replies)
    }
  }

  private func converse(_ accepted: Int32) {
    let client = BlockingSocket(descriptor: accepted)
    guard let server = BlockingSocket(port: truth) else { return }
    var pending: [UInt8] = []
    var earlier: [UInt8]?
    var silent = false
    while !stopped.load(ordering: .acquiring) {
      var polled = [client.descriptor, server.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&polled, 2, 50) > 0 else { continue }
      if polled[0].revents != 0 {
        guard let request = client.receive(), server.send(request) else { return }
      }
      guard polled[1].revents != 0 else { continue }
      guard let bytes = server.receive() else { return }
      pending += bytes
      for reply in MetaReply.take(from: &pending) where !silent {
        let (lie, number) = choose()
        let deed = lie?.deed(for: reply, earlier: earlier, draw: number) ?? Lie.Deed(send: reply.bytes)
        if let value = reply.value { earlier = value }
        pause(seconds: deed.waitSeconds)
        guard client.send(deed.send), deed.after != .close else { return }
        silent = deed.after == .silence
      }
    }
  }
}

/// Whether there is something to read or accept within the time.
func isReadable(_ descriptor: Int32, milliseconds: Int32) -> Bool {
  var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&polled, 1, milliseconds) > 0
}

/// Runs `body` on a thread of its own that nobody waits for.
func onThread(_ body: @escaping @Sendable () -> Void) {
  final class Start {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let status = pthread_create(
    &thread, nil,
    {
      Unmanaged<Start>.fromOpaque($0!).takeRetainedValue().body()
      return nil
    }, Unmanaged.passRetained(Start(body)).toOpaque())
  precondition(status == 0, "no thread: \(String(cString: strerror(status)))")
  pthread_detach(thread)
}
