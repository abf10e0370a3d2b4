internal import Clibuv
internal import Glibc

/// Where a process waits for another one that wants descriptors of it: a listening unix socket that only its own user
/// may open.
public final class DescriptorDoor {
  /// Callers that wait; there is hardly ever one.
  static let backlog: Int32 = 8

  private let address: SocketAddress
  private let socket: OwnedDescriptor
  private let file: FileIdentity?
  private var watch: DescriptorWatch?

  /// Opens it at `path`, in place of whatever stands there: it is made beside it and renamed over it, so at no moment
  /// is there no door. `onCall` is called on the loop's thread for each caller of the same user; others are sent away.
  public init(loop: EventLoop, path: String, onCall: @escaping (DescriptorChannel) -> Void) throws(LoopError) {
    address = try SocketAddress(unixPath: path)
    let beside = try SocketAddress(unixPath: path + ".\(getpid())")
    let socket = OwnedDescriptor(try DescriptorDoor.openSocket(beside, isNonBlocking: true))
    self.socket = socket
    unlink(beside.unixPath!)
    guard beside.withKernelForm({ bind(socket.number, $0, $1) }) == 0 else {
      throw .lastFailure(while: "binding", address: beside)
    }
    // Before it listens, nobody can have come in.
    guard chmod(beside.unixPath!, 0o600) == 0, listen(socket.number, DescriptorDoor.backlog) == 0,
      rename(beside.unixPath!, path) == 0
    else {
      let failure = LoopError.lastFailure(while: "opening", address: address)
      unlink(beside.unixPath!)
      throw failure
    }
    file = FileIdentity(path)
    watch = try DescriptorWatch(loop, socket.number) { [unowned self] in
      while let channel = accept() { onCall(channel) }
    }
  }

  deinit { close() }

  /// Takes the door away, unless a successor has put its own there.
  public func close() {
    watch = nil
    let descriptor = socket.take()
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    if let file, FileIdentity(address.unixPath!) == file { unlink(address.unixPath!) }
  }

  /// The next caller of this user, or root; nil when nobody waits.
  private func accept() -> DescriptorChannel? {
    while true {
      let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
      let accepted = accept4(socket.number, nil, nil, flags)
      guard accepted >= 0 else {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return nil
      }
      let channel = DescriptorChannel(OwnedDescriptor(accepted))
      if let peer = channel.peer, peer.userID == geteuid() || peer.userID == 0 { return channel }
    }
  }

  static func openSocket(_ address: SocketAddress, isNonBlocking: Bool) throws(LoopError) -> Int32 {
    let flags =
      Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
      | (isNonBlocking ? Int32(SOCK_NONBLOCK.rawValue) : 0)
    let descriptor = Glibc.socket(AF_UNIX, flags, 0)
    guard descriptor >= 0 else { throw .lastFailure(while: "opening a socket for", address: address) }
    return descriptor
  }
}
