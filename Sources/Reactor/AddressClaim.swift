internal import Glibc

/// An address that nobody else listens on, held for the workers that are about to share it.
///
/// With SO_REUSEPORT a second process of the same user can join a port in silence and take part of its connections
/// (typesense PR #2984). So the port is first bound *without* it, which fails when anybody is there, and only then is
/// the option set on the bound socket: workers may join, and the port is never let go in between. The claim does not
/// listen, so no connection is ever queued on it.
///
/// A unix path has no such sharing: its workers listen on duplicates of the claim's one socket, and take turns. The
/// path is removed with the last of them.
public final class AddressClaim: Sendable {
  /// As bound: with the port that the kernel chose for port 0.
  public let address: SocketAddress
  let descriptor: Int32
  private let file: FileIdentity?
  /// Whether listeners open sockets of their own on the port, or duplicate this one.
  let isShared: Bool
  /// Where a simulated claim holds its address. A world has one thread.
  private nonisolated(unsafe) let world: SimulatedWorld?

  /// Throws `EADDRINUSE`, naming the address, if anybody listens there.
  public init(_ address: SocketAddress) throws(LoopError) {
    descriptor = try ListeningSocket.bound(to: address, share: .none)
    self.address = SocketAddress(of: descriptor, asking: getsockname) ?? address
    file = address.unixPath.flatMap { FileIdentity($0) }
    isShared = !address.isUnix
    world = nil
    if isShared { try ListeningSocket.enable(SO_REUSEPORT, descriptor, address) }
  }

  /// Takes over a bound socket from whoever started this process (systemd's LISTEN_FDS, or a predecessor that hands
  /// over). The claim owns the descriptor; its listeners duplicate it; a unix path stays when it is let go.
  public init(adopting descriptor: Int32) throws(LoopError) {
    guard let address = SocketAddress(of: descriptor, asking: getsockname) else {
      throw LoopError(code: ENOTSOCK, while: "adopting a listening socket")
    }
    self.descriptor = descriptor
    self.address = address
    file = nil
    isShared = false
    world = nil
  }

  /// An address of a simulated world, for workers on loops of it.
  package init(_ address: SocketAddress, in world: SimulatedWorld) {
    descriptor = -1
    self.address = address
    file = nil
    isShared = true
    self.world = world
  }

  deinit {
    if world == nil { Glibc.close(descriptor) }
    // Only the file that was made here: a successor may have put its own socket at the path.
    guard let file, let path = address.unixPath, FileIdentity(path) == file else { return }
    unlink(path)
  }

  /// A descriptor to listen on. The caller owns it.
  func openDescriptor() throws(LoopError) -> Int32 {
    if let world { return try world.bind(address, sharing: true) }
    if isShared { return try ListeningSocket.bound(to: address, share: .reusePort) }
    let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard duplicate >= 0 else { throw .lastFailure(while: "duplicating the socket of", address: address) }
    return duplicate
  }
}
