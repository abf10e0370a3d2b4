internal import Clibuv
internal import Glibc

/// The listening sockets that whoever started this process opened for it: systemd's socket activation
/// (sd_listen_fds(3)). They are descriptors from 3 on; LISTEN_FDS says how many, LISTEN_PID for whom they are meant,
/// and LISTEN_FDNAMES what each is called.
public struct InheritedSockets: Sendable {
  /// SD_LISTEN_FDS_START.
  static let firstDescriptor: Int32 = 3
  /// More sockets than any gateway has addresses. A larger number is a mistake, not a wish.
  static let countMax = 256

  public struct Socket: Sendable {
    public let name: String
    public let address: SocketAddress
    public let descriptor: OwnedDescriptor
  }

  public let sockets: [Socket]

  /// What the environment promises to this process; none when it promises nothing, or to another.
  /// Throws a sentence that names the descriptor that is not a stream socket.
  public init(environment: [String: String]) throws(InheritedSocketsError) {
    try self.init(environment: environment, processID: getpid(), firstDescriptor: Self.firstDescriptor)
  }

  init(environment: [String: String], processID: Int32, firstDescriptor: Int32) throws(InheritedSocketsError) {
    guard let text = environment["LISTEN_FDS"], environment["LISTEN_PID"].flatMap({ Int32($0) }) == processID else {
      sockets = []
      return
    }
    guard let count = Int(text), (0...Self.countMax).contains(count) else {
      throw InheritedSocketsError("LISTEN_FDS is \"\(text)\", not a number from 0 to \(Self.countMax)")
    }
    let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
    var sockets: [Socket] = []
    for index in 0..<count {
      let name = names.indices.contains(index) ? String(names[index]) : ""
      sockets.append(try Self.socket(firstDescriptor + Int32(index), name))
    }
    self.sockets = sockets
  }

  /// Children must not take the promise for theirs.
  public static func forget() {
    for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] { unsetenv(name) }
  }

  private static func socket(_ descriptor: Int32, _ name: String) throws(InheritedSocketsError) -> Socket {
    let owned = OwnedDescriptor(descriptor)
    guard let address = SocketAddress(listeningAt: owned) else {
      _ = owned.take()  // Whatever it is, it is not ours.
      throw InheritedSocketsError(
        "LISTEN_FDS: descriptor \(descriptor)\(name.isEmpty ? "" : " (\(name))") is not a stream socket")
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return Socket(name: name, address: address, descriptor: owned)
  }
}

/// Why inherited sockets cannot be used: the fault of whoever started the process.
public struct InheritedSocketsError: Error, Sendable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}
