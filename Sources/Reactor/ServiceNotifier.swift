internal import Clibuv
internal import Glibc

/// Tells the service manager what the process does: systemd's notification protocol (sd_notify(3)), which is a
/// datagram of `KEY=value` lines to the unix socket that NOTIFY_SOCKET names. No library is needed for that.
public struct ServiceNotifier: Sendable {
  private let path: String

  /// Nil when nobody wants to be told. `@` at the beginning stands for the zero byte of an abstract address.
  public init?(socket path: String?) {
    guard let path, let first = path.utf8.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@"),
      path.utf8.count <= SocketAddress.unixPathBytesMax
    else { return nil }
    self.path = path
  }

  /// Sends one message, several assignments in lines. Whether it was sent; nobody waits for an answer.
  @discardableResult
  public func send(_ message: String) -> Bool {
    let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let bytes = Array(message.utf8)
    return withAddress { address, length in
      sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, length) == bytes.count
    }
  }

  private func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var storage = sockaddr_un()
    storage.sun_family = sa_family_t(AF_UNIX)
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!
    let bytes = Array(path.utf8)
    return withUnsafeMutableBytes(of: &storage) { raw in
      UnsafeMutableRawBufferPointer(rebasing: raw[offset...]).copyBytes(from: bytes)
      let isAbstract = bytes[0] == UInt8(ascii: "@")
      if isAbstract { raw[offset] = 0 }
      // The length tells where an abstract name ends: it may hold zeros. A path ends with one (unix(7)).
      let length = socklen_t(offset + bytes.count + (isAbstract ? 0 : 1))
      return body(UnsafeRawPointer(raw.baseAddress!).assumingMemoryBound(to: sockaddr.self), length)
    }
  }
}
