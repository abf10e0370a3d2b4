internal import Glibc

/// A blocking socket for tests: one side of a conversation in literal bytes. Closed with the value.
public struct BlockingSocket: ~Copyable {
  private let descriptor: Int32

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Connects to a port of 127.0.0.1; nil when nobody listens. A small receive buffer makes a peer wait that sends more
  /// than is read.
  public init?(port: Int, receiveBufferBytes: Int32? = nil) {
    var address = loopback(port: port)
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var bytes = receiveBufferBytes {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout.size(ofValue: bytes)))
    }
    guard withSocketAddress(&address, { connect(descriptor, $0, $1) }) == 0 else {
      close(descriptor)
      return nil
    }
    // Pieces must leave as they are sent, not when the piece before is acknowledged.
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout.size(ofValue: yes)))
    self.init(descriptor: descriptor)
  }

  /// Connects to a unix socket; nil when nobody listens.
  public init?(path: String) {
    var address = unixAddress(path)
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard withSocketAddress(&address, { connect(descriptor, $0, $1) }) == 0 else {
      close(descriptor)
      return nil
    }
    self.init(descriptor: descriptor)
  }

  deinit { close(descriptor) }

  /// Sends all of it. A peer that has gone is no error here: the next read says so.
  public func send(_ text: String) { send(Array(text.utf8)) }

  public func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      // MSG_NOSIGNAL: a peer that closed must not kill the test process.
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  /// Sends what the kernel takes at once and says how much that was; nil when the peer has gone.
  public func sendSome(_ bytes: ArraySlice<UInt8>) -> Int? {
    let count = bytes.withUnsafeBytes {
      Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
    }
    return count >= 0 ? count : errno == EAGAIN ? 0 : nil
  }

  /// Reads at most so many bytes of what has come; 0 when nothing has, nil when the peer closed.
  public func receiveSome(bytesMax: Int, timeoutMilliseconds: Int32 = 0) -> Int? {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard Glibc.poll(&poll, 1, timeoutMilliseconds) > 0 else { return 0 }
    var buffer = [UInt8](repeating: 0, count: bytesMax)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? count : nil
  }

  /// What has come, waiting up to the timeout for the first byte; empty when nothing has, nil when the peer closed.
  public func receive(timeoutMilliseconds: Int32 = 2000) -> String? {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard Glibc.poll(&poll, 1, timeoutMilliseconds) > 0 else { return "" }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }

  /// The same in bytes.
  public func receiveBytes(timeoutMilliseconds: Int32 = 2000) -> [UInt8]? {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard Glibc.poll(&poll, 1, timeoutMilliseconds) > 0 else { return [] }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? Array(buffer[..<count]) : nil
  }

  /// Whether the peer closes, or sends something, within the time.
  public func waitForClose(milliseconds: Int32) -> Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&poll, 1, milliseconds) > 0
  }

  /// Says that nothing more will be sent; what the peer answers can still be received.
  public func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Everything up to and including `ending`, or what came before the peer closed or fell silent for 2 s.
  public func receive(until ending: String) -> String {
    var text = ""
    while !text.hasSuffix(ending) {
      guard let more = receive(), !more.isEmpty else { break }
      text += more
    }
    return text
  }

  /// Closes with a reset instead of an orderly end.
  public consuming func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
  }
}

/// A listening socket on 127.0.0.1.
struct BlockingListener: ~Copyable {
  let port: Int
  private let descriptor: Int32

  /// Port 0 takes a free one.
  init(port: Int = 0) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout.size(ofValue: yes)))
    var address = loopback(port: port)
    precondition(withSocketAddress(&address) { bind(descriptor, $0, $1) } == 0, "port \(port) is taken")
    precondition(listen(descriptor, 64) == 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    self.descriptor = descriptor
    self.port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }

  /// The next connection; nil when none came in time.
  func accept(timeoutMilliseconds: Int32) -> BlockingSocket? {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard Glibc.poll(&poll, 1, timeoutMilliseconds) > 0 else { return nil }
    let accepted = Glibc.accept(descriptor, nil, nil)
    return accepted >= 0 ? BlockingSocket(descriptor: accepted) : nil
  }
}

/// A TCP port of 127.0.0.1 on which nobody listened a moment ago.
public func freePort() -> Int { BlockingListener().port }

private func loopback(port: Int) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return address
}

private func unixAddress(_ path: String) -> sockaddr_un {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  precondition(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path), "socket path too long: \(path)")
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
  return address
}

private func withSocketAddress<Address>(
  _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
  withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
  }
}
