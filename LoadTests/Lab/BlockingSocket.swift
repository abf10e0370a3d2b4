internal import Glibc

/// A blocking TCP connection to a port of 127.0.0.1, closed with the value.
struct BlockingSocket: ~Copyable {
  let descriptor: Int32

  /// An accepted connection.
  init(descriptor: Int32) {
    self.descriptor = descriptor
    sendAtOnce(descriptor)
  }

  /// nil when nobody listens. Reads give up after `timeoutSeconds`.
  init?(port: Int, timeoutSeconds: Int = 5) {
    guard let descriptor = connectLoopback(port: port, timeoutSeconds: timeoutSeconds) else { return nil }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Sends all of it; false when the peer has gone.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool { sendAll(descriptor, bytes) }

  /// What has come, at least one byte; nil at the peer's end, on an error or when nothing came in time.
  func receive() -> [UInt8]? { receiveSome(descriptor) }
}

/// A connection to a port of 127.0.0.1; nil when nobody listens.
func connectLoopback(port: Int, timeoutSeconds: Int) -> Int32? {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
  var address = loopback(port: port)
  let connected = withSocketAddress(&address) { connect(descriptor, $0, $1) }
  guard descriptor >= 0, connected == 0 else {
    if descriptor >= 0 { close(descriptor) }
    return nil
  }
  var patience = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  sendAtOnce(descriptor)
  return descriptor
}

/// Without this a second small piece waits for the acknowledgement of the first, which the peer delays by up to 40 ms:
/// longer than a gateway waits for memcached.
private func sendAtOnce(_ descriptor: Int32) {
  var yes: Int32 = 1
  setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
}

func sendAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
  var sent = 0
  while sent < bytes.count {
    // MSG_NOSIGNAL: a peer that closed must not end us.
    let count = bytes.withUnsafeBytes {
      Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
    }
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else { return false }
    sent += count
  }
  return true
}

func receiveSome(_ descriptor: Int32) -> [UInt8]? {
  var chunk = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = recv(descriptor, &chunk, chunk.count, 0)
    if count < 0 && errno == EINTR { continue }
    return count > 0 ? Array(chunk[..<count]) : nil
  }
}

/// A listening socket on 127.0.0.1, closed with the value.
struct BlockingListener: ~Copyable {
  let port: Int
  let descriptor: Int32

  /// Port 0 takes a free one; nil when the port is taken.
  init?(port: Int = 0) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = loopback(port: port)
    guard withSocketAddress(&address, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 128) == 0 else {
      close(descriptor)
      return nil
    }
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    self.descriptor = descriptor
    self.port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }
}

/// A port of loopback that is free now. Another program may take it first; then what is started there says so.
func freePort() throws(LabError) -> Int {
  guard let listener = BlockingListener() else { throw .trouble("no free port on 127.0.0.1") }
  return listener.port
}

/// Whether somebody accepts connections there.
func answers(port: Int) -> Bool { BlockingSocket(port: port) != nil }

func loopback(port: Int) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return address
}

func withSocketAddress(_ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
  withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
  }
}
