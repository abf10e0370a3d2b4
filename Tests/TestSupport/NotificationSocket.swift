internal import Glibc

/// Where a service manager listens for notifications: NOTIFY_SOCKET's other end.
public final class NotificationSocket {
  /// As NOTIFY_SOCKET says it: a path, or `@` and an abstract name.
  public let name: String
  private let descriptor: Int32

  public init(_ name: String) {
    self.name = name
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(name.utf8)
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!
    precondition(bytes.count < MemoryLayout.size(ofValue: address.sun_path))
    let status = withUnsafeMutableBytes(of: &address) { raw in
      UnsafeMutableRawBufferPointer(rebasing: raw[offset...]).copyBytes(from: bytes)
      let isAbstract = bytes.first == UInt8(ascii: "@")
      if isAbstract { raw[offset] = 0 }
      let length = socklen_t(offset + bytes.count + (isAbstract ? 0 : 1))
      return bind(descriptor, raw.baseAddress!.assumingMemoryBound(to: sockaddr.self), length)
    }
    precondition(status == 0, "cannot bind \(name)")
  }

  deinit {
    close(descriptor)
    if name.utf8.first == UInt8(ascii: "/") { unlink(name) }
  }

  /// The next notification; nil when none comes in time.
  public func next(timeoutMilliseconds: Int32 = HTTPClient.timeoutMilliseconds) -> String? {
    var one = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&one, 1, timeoutMilliseconds) > 0 else { return nil }
    var buffer = [UInt8](repeating: 0, count: 8192)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }

  /// Notifications up to and including the first with this line; nil when it does not come.
  public func notifications(until line: String) -> [String]? {
    var all: [String] = []
    while let next = next() {
      all.append(next)
      if next.split(separator: "\n").contains(where: { $0 == line }) { return all }
    }
    return nil
  }
}
