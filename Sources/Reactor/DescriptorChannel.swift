internal import Clibuv
internal import Glibc

/// A conversation between two processes of one user on this machine, in short texts that open descriptors may travel
/// with: a unix SOCK_SEQPACKET connection, so that a message is one packet and never half of one, and SCM_RIGHTS.
///
/// Not for untrusted peers: whoever can connect is told apart by `peer` alone. Not thread-safe.
public final class DescriptorChannel {
  /// Longest text of a message, bytes.
  public static let messageBytesMax = 16 * 1024
  /// Descriptors in one message; the kernel takes 253 (SCM_MAX_FD).
  public static let descriptorsMax = 128

  public struct Message: Sendable {
    public let text: String
    public let descriptors: [OwnedDescriptor]
  }

  /// Who is at the other end, as the kernel vouches for it (SO_PEERCRED, unix(7)).
  public struct Peer: Sendable {
    public let processID: Int32
    public let userID: UInt32
  }

  private let socket: OwnedDescriptor

  init(_ socket: OwnedDescriptor) { self.socket = socket }

  /// Connects to the process that listens at a path: ENOENT or ECONNREFUSED when there is none.
  public static func connect(toPath path: String) throws(LoopError) -> DescriptorChannel {
    let address = try SocketAddress(unixPath: path)
    let socket = OwnedDescriptor(try DescriptorDoor.openSocket(address, isNonBlocking: false))
    let status = address.withKernelForm { Glibc.connect(socket.number, $0, $1) }
    guard status == 0 else { throw .lastFailure(while: "connecting to", address: address) }
    return DescriptorChannel(socket)
  }

  public var peer: Peer? {
    // struct ucred, which glibc declares under _GNU_SOURCE only: pid_t, uid_t, gid_t.
    var credentials: InlineArray<3, UInt32> = [0, 0, 0]
    var length = socklen_t(MemoryLayout<InlineArray<3, UInt32>>.size)
    guard getsockopt(socket.number, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else { return nil }
    return Peer(processID: Int32(bitPattern: credentials[0]), userID: credentials[1])
  }

  /// Calls `body` on the loop whenever a message, or the end, is there to be received. Until the watch is dropped.
  public func watch(on loop: EventLoop, _ body: @escaping () -> Void) throws(LoopError) -> DescriptorWatch {
    try DescriptorWatch(loop, socket.number, body)
  }

  /// Waits for a message, or for the end, at most this long. False when neither came.
  public func awaitMessage(milliseconds: Int) -> Bool {
    var one = pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)
    return poll(&one, 1, Int32(clamping: milliseconds)) > 0
  }

  // MARK: Messages.

  /// Sends a text, not empty, and duplicates of the descriptors, which stay the caller's.
  public func send(_ text: String, descriptors: [Int32] = []) throws(LoopError) {
    var bytes = Array(text.utf8)
    precondition(!bytes.isEmpty && bytes.count <= DescriptorChannel.messageBytesMax)
    precondition(descriptors.count <= DescriptorChannel.descriptorsMax)
    var control = ControlMessage(carrying: descriptors)
    let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
    let sent = withMessage(&bytes, &control.bytes) { sendmsg(socket.number, $0, flags) }
    guard sent == bytes.count else { throw .lastFailure(while: "sending descriptors") }
  }

  /// The next message; nil when there is none yet. The end of the conversation is ECONNRESET.
  public func receive() throws(LoopError) -> Message? {
    var bytes = [UInt8](repeating: 0, count: DescriptorChannel.messageBytesMax)
    var control = ControlMessage(descriptorsMax: DescriptorChannel.descriptorsMax)
    let flags = Int32(MSG_CMSG_CLOEXEC) | Int32(MSG_DONTWAIT)
    var result = 0
    var taken = 0
    var outcome: Int32 = 0
    withMessage(&bytes, &control.bytes) { message in
      result = recvmsg(socket.number, message, flags)
      taken = message.pointee.msg_controllen
      outcome = message.pointee.msg_flags
    }
    let failure = errno
    guard result > 0 else {
      if result < 0 && (failure == EAGAIN || failure == EINTR) { return nil }
      throw LoopError(code: result == 0 ? ECONNRESET : failure, while: "receiving descriptors")
    }
    // Owned before anything is checked: what came is open here, whatever it is.
    let descriptors = control.descriptors(in: taken).map { OwnedDescriptor($0) }
    guard outcome & Int32(MSG_TRUNC) == 0, outcome & Int32(MSG_CTRUNC) == 0 else {
      throw LoopError(code: EMSGSIZE, while: "receiving descriptors")
    }
    return Message(text: String(decoding: bytes[..<result], as: UTF8.self), descriptors: descriptors)
  }

  @discardableResult
  private func withMessage<Result>(
    _ bytes: inout [UInt8], _ control: inout [UInt8], _ body: (UnsafeMutablePointer<msghdr>) -> Result
  ) -> Result {
    bytes.withUnsafeMutableBytes { text in
      control.withUnsafeMutableBytes { control in
        var vector = iovec(iov_base: text.baseAddress, iov_len: text.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
          var message = msghdr()
          message.msg_iov = vector
          message.msg_iovlen = 1
          message.msg_control = control.isEmpty ? nil : control.baseAddress
          message.msg_controllen = control.count
          return body(&message)
        }
      }
    }
  }
}

/// Says when a descriptor can be read, as long as it is held.
public final class DescriptorWatch {
  private let slot: PollSlot

  init(_ loop: EventLoop, _ descriptor: Int32, _ body: @escaping () -> Void) throws(LoopError) {
    slot = try PollSlot(loop.core, descriptor, body)
    slot.start()
  }

  deinit { slot.close() }
}

/// The ancillary data of one message: a `cmsghdr` (length, level, type: 8 + 4 + 4 bytes) and the descriptors after it.
/// The macros of cmsg(3) do not come through to Swift; on 64-bit Linux everything is aligned to 8.
private struct ControlMessage {
  private static let headBytes = 16
  private static let descriptorBytes = MemoryLayout<Int32>.size

  var bytes: [UInt8]

  /// Room for what may come.
  init(descriptorsMax: Int) {
    bytes = [UInt8](repeating: 0, count: ControlMessage.space(descriptorsMax))
  }

  init(carrying descriptors: [Int32]) {
    guard !descriptors.isEmpty else {
      bytes = []
      return
    }
    bytes = [UInt8](repeating: 0, count: ControlMessage.space(descriptors.count))
    bytes.withUnsafeMutableBytes { raw in
      raw.storeBytes(
        of: ControlMessage.headBytes + descriptors.count * ControlMessage.descriptorBytes, as: Int.self)
      raw.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
      raw.storeBytes(of: Int32(SCM_RIGHTS), toByteOffset: 12, as: Int32.self)
      for (index, descriptor) in descriptors.enumerated() {
        raw.storeBytes(
          of: descriptor, toByteOffset: ControlMessage.headBytes + index * ControlMessage.descriptorBytes,
          as: Int32.self)
      }
    }
  }

  /// What came in the first `taken` bytes; messages that carry something else are passed over.
  func descriptors(in taken: Int) -> [Int32] {
    bytes.withUnsafeBytes { raw in
      var found: [Int32] = []
      var at = 0
      while at + ControlMessage.headBytes <= taken {
        let length = raw.loadUnaligned(fromByteOffset: at, as: Int.self)
        guard length >= ControlMessage.headBytes, at + length <= taken else { break }
        let level = raw.loadUnaligned(fromByteOffset: at + 8, as: Int32.self)
        let type = raw.loadUnaligned(fromByteOffset: at + 12, as: Int32.self)
        if level == SOL_SOCKET && type == Int32(SCM_RIGHTS) {
          for offset in stride(
            from: at + ControlMessage.headBytes, through: at + length - ControlMessage.descriptorBytes,
            by: ControlMessage.descriptorBytes)
          {
            found.append(raw.loadUnaligned(fromByteOffset: offset, as: Int32.self))
          }
        }
        at += (length + 7) & ~7
      }
      return found
    }
  }

  private static func space(_ count: Int) -> Int { headBytes + (count * descriptorBytes + 7) & ~7 }
}
