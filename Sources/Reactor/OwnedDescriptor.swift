internal import Clibuv
internal import Glibc
internal import Synchronization

/// The owner of one open file descriptor, on whatever thread it is let go: it closes with the last reference, unless
/// somebody took it out. This is how descriptors cross threads and come from other processes without leaking.
public final class OwnedDescriptor: Sendable {
  private static let gone: Int32 = -1
  private let descriptor: Atomic<Int32>

  public init(_ descriptor: Int32) { self.descriptor = Atomic(descriptor) }

  deinit {
    let descriptor = take()
    if descriptor != OwnedDescriptor.gone { close(descriptor) }
  }

  /// Hands the descriptor to the caller, who owns it from now on; -1 when it was taken before.
  public func take() -> Int32 { descriptor.exchange(OwnedDescriptor.gone, ordering: .relaxed) }

  /// The number, still owned here.
  public var number: Int32 { descriptor.load(ordering: .relaxed) }
}

extension OwnedDescriptor {
  /// Another descriptor of the same open file, closed on exec.
  static func duplicate(_ descriptor: Int32) throws(LoopError) -> Int32 {
    let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard duplicate >= 0 else { throw .lastFailure(while: "duplicating a socket") }
    return duplicate
  }
}

extension SocketAddress {
  /// Where a descriptor listens, or is bound to listen; nil for what is no stream socket.
  public init?(listeningAt descriptor: OwnedDescriptor) {
    var kind: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(descriptor.number, SOL_SOCKET, SO_TYPE, &kind, &length) == 0, kind == Int32(SOCK_STREAM.rawValue)
    else { return nil }
    self.init(of: descriptor.number, asking: getsockname)
  }
}
