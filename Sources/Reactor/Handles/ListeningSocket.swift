internal import Clibuv
internal import Glibc

// Sockets that are bound before libuv sees them: 1.44.2 has no flag for SO_REUSEPORT (UV_TCP_REUSEPORT is 1.49), and
// it has to be set before bind.

/// How a TCP listener treats other sockets on its port.
public enum PortSharing: Sendable {
  /// Alone: a second listener fails with EADDRINUSE.
  case none
  /// With other `reusePort` sockets of this user, between which the kernel spreads connections by hash of the
  /// 4-tuple. Another process of the same user could join unnoticed: make an `AddressClaim` first.
  case reusePort
}

enum ListeningSocket {
  /// A bound, non-blocking socket. The caller owns the descriptor.
  static func bound(to address: SocketAddress, share: PortSharing) throws(LoopError) -> Int32 {
    let descriptor = try open(address)
    do {
      if !address.isUnix {
        // Connections of an earlier run in TIME_WAIT must not keep the port from its next.
        try enable(SO_REUSEADDR, descriptor, address)
        if share == .reusePort { try enable(SO_REUSEPORT, descriptor, address) }
      }
      try bind(descriptor, to: address)
      return descriptor
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  static func enable(_ option: Int32, _ descriptor: Int32, _ address: SocketAddress?) throws(LoopError) {
    var on: Int32 = 1
    guard setsockopt(descriptor, SOL_SOCKET, option, &on, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
      throw .lastFailure(while: "setting an option of the socket for", address: address)
    }
  }

  private static func open(_ address: SocketAddress) throws(LoopError) -> Int32 {
    let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, flags, 0)
    guard descriptor >= 0 else { throw .lastFailure(while: "opening a socket for", address: address) }
    return descriptor
  }

  private static func bind(_ descriptor: Int32, to address: SocketAddress) throws(LoopError) {
    func attempt() -> Bool { address.withKernelForm { Glibc.bind(descriptor, $0, $1) == 0 } }
    if attempt() { return }
    let failure = LoopError.lastFailure(while: "binding", address: address)
    // A unix path outlives a process that was killed. It is only ours to take if nobody answers there.
    guard failure.code == EADDRINUSE, let path = address.unixPath, try isAbandoned(address) else { throw failure }
    unlink(path)
    guard attempt() else { throw .lastFailure(while: "binding", address: address) }
  }

  private static func isAbandoned(_ address: SocketAddress) throws(LoopError) -> Bool {
    let probe = try open(address)
    defer { Glibc.close(probe) }
    let refused = address.withKernelForm { connect(probe, $0, $1) != 0 && errno == ECONNREFUSED }
    // A plain file refuses a connection, too, and is not ours to remove.
    return refused && FileIdentity(address.unixPath!)?.isSocket == true
  }
}

/// Which file a path named at some moment, to tell later whether it still does.
struct FileIdentity: Equatable, Sendable {
  let device: UInt64
  let inode: UInt64
  let isSocket: Bool

  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    isSocket = status.st_mode & S_IFMT == S_IFSOCK
  }
}
