internal import Clibuv
internal import Glibc

/// Accepts connections on one loop that others will serve: each is handed out as a descriptor.
///
/// This is the one acceptor of the `handover` strategy. A `Listener` would make a stream of its own loop of every
/// connection, and libuv has no way to move a stream to another loop.
public final class Acceptor {
  /// Connections taken in one turn, so that a storm of them does not keep the loop from its mailbox.
  static let acceptsPerTurnMax = 64
  /// Without descriptors (EMFILE) the connections stay in the kernel's queue this long before the next try: the
  /// readiness is level-triggered and would spin meanwhile.
  static let pauseMilliseconds = 50

  private let socket: OwnedDescriptor
  private let slot: PollSlot
  private let onAccept: (OwnedDescriptor) -> Void
  private var pause: Timer?
  /// Connections that could not be accepted, mostly for want of descriptors.
  public private(set) var failedAccepts = 0

  /// Listens on a bound stream socket. `onAccept` is called on the loop's thread; a descriptor that it drops is closed.
  public init(
    loop: EventLoop, adopting socket: OwnedDescriptor, backlog: Int32 = Listener.backlogDefault,
    onAccept: @escaping (OwnedDescriptor) -> Void
  ) throws(LoopError) {
    self.socket = socket
    self.onAccept = onAccept
    guard listen(socket.number, backlog) == 0 else { throw .lastFailure(while: "listening") }
    var arrived: () -> Void = {}
    slot = try PollSlot(loop.core, socket.number) { arrived() }
    pause = Timer(loop: loop, holdsLoop: false) { [unowned self] in slot.start() }
    arrived = { [unowned self] in acceptSome() }
    slot.start()
  }

  deinit { slot.close() }

  /// Stops accepting. What waits in the accept queue is lost if nobody else holds the socket.
  public func close() {
    slot.close()
    pause?.stop()
    pause = nil
    let descriptor = socket.take()
    if descriptor >= 0 { Glibc.close(descriptor) }
  }

  private func acceptSome() {
    for _ in 0..<Acceptor.acceptsPerTurnMax {
      let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
      let accepted = accept4(socket.number, nil, nil, flags)
      guard accepted < 0 else {
        onAccept(OwnedDescriptor(accepted))
        continue
      }
      switch errno {
      case EAGAIN: return
      // The client went before it was accepted, or the call was interrupted.
      case EINTR, ECONNABORTED: continue
      default:
        failedAccepts += 1
        slot.stop()
        pause?.start(milliseconds: Acceptor.pauseMilliseconds)
        return
      }
    }
  }
}
