internal import Clibuv
internal import Glibc

/// Accepts connections on a loop until it is closed or dropped.
public final class Listener {
  /// Connections that the kernel completes while the loop is busy. It caps this at net.core.somaxconn (4096).
  public static let backlogDefault: Int32 = 4096

  /// As bound: with the port that the kernel chose for port 0.
  public let address: SocketAddress
  private let slot: ListenerSlot
  /// Of a unix socket that this listener bound: the path goes with it. For TCP the socket itself keeps the port.
  private let claim: AddressClaim?

  /// Binds and listens. Throws with the address in the error: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`.
  ///
  /// `onAccept` is called on the loop's thread for every connection; a stream that it drops is closed. TCP streams
  /// come with nodelay set.
  public init(
    loop: EventLoop, address: SocketAddress, backlog: Int32 = Listener.backlogDefault, share: PortSharing = .none,
    onAccept: @escaping (consuming ByteStream) -> Void
  ) throws(LoopError) {
    if let world = loop.core.simulation?.world {
      let descriptor = try world.bind(address, sharing: share == .reusePort)
      claim = nil
      self.address = world.address(of: descriptor)!
      slot = try Listener.listen(loop, descriptor, self.address, backlog, onAccept)
      return
    }
    let claim = address.isUnix ? try AddressClaim(address) : nil
    let descriptor =
      if let claim { try claim.openNext().take() } else { try ListeningSocket.bound(to: address, share: share) }
    self.claim = claim
    self.address = SocketAddress(of: descriptor, asking: getsockname) ?? address
    slot = try Listener.listen(loop, descriptor, self.address, backlog, onAccept)
  }

  /// The next of several loops' listeners on a claimed address, which the claim must outlive: it keeps the sockets.
  public init(
    loop: EventLoop, sharing claim: AddressClaim, backlog: Int32 = Listener.backlogDefault,
    onAccept: @escaping (consuming ByteStream) -> Void
  ) throws(LoopError) {
    let descriptor = try claim.openNext().take()
    self.claim = nil
    address = claim.address
    slot = try Listener.listen(loop, descriptor, address, backlog, onAccept)
  }

  /// Listens on a bound stream socket and owns it from now on, whether this succeeds or not.
  public init(
    loop: EventLoop, adopting fileDescriptor: Int32, backlog: Int32 = Listener.backlogDefault,
    onAccept: @escaping (consuming ByteStream) -> Void
  ) throws(LoopError) {
    guard let address = SocketAddress(of: fileDescriptor, asking: getsockname) else {
      throw LoopError(code: ENOTSOCK, while: "adopting a listening socket")
    }
    claim = nil
    self.address = address
    slot = try Listener.listen(loop, fileDescriptor, address, backlog, onAccept)
  }

  /// Listens on a socket that a claim opened.
  public init(
    loop: EventLoop, adopting socket: OwnedDescriptor, at address: SocketAddress,
    backlog: Int32 = Listener.backlogDefault, onAccept: @escaping (consuming ByteStream) -> Void
  ) throws(LoopError) {
    claim = nil
    self.address = address
    slot = try Listener.listen(loop, socket.take(), address, backlog, onAccept)
  }

  deinit { slot.close() }

  /// Stops accepting; accepted streams go on. If this was the last descriptor of the socket, connections that wait in
  /// its accept queue are reset by the kernel: `AddressClaim.stopArrivals` a moment before leaves none.
  public func close() { slot.close() }

  /// Leaves further connections in the kernel's backlog: the last step before refusing them. At most one more is
  /// accepted, and held back.
  public func pauseAccepting() { slot.pause() }
  public func resumeAccepting() { slot.resume() }

  /// Connections that could not be accepted, mostly for want of descriptors (EMFILE).
  public var failedAccepts: Int { slot.failedAccepts }

  /// The listening socket, to be handed to a successor; nil once closed. It stays the listener's: duplicate it, or
  /// send it (SCM_RIGHTS), which duplicates it.
  public var fileDescriptor: Int32? { slot.descriptor }

  private static func listen(
    _ loop: EventLoop, _ descriptor: Int32, _ address: SocketAddress, _ backlog: Int32,
    _ onAccept: @escaping (consuming ByteStream) -> Void
  ) throws(LoopError) -> ListenerSlot {
    try ListenerSlot(loop.core, adopting: descriptor, at: address, backlog: backlog, onAccept: onAccept)
  }
}
