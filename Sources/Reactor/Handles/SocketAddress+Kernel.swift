internal import Clibuv
internal import Glibc

// The kernel's form of an address: `sockaddr_storage` and its length.

extension SocketAddress {
  var family: Int32 {
    switch kind {
    case .ipv4: AF_INET
    case .ipv6: AF_INET6
    case .unix: AF_UNIX
    }
  }

  /// Lends the address as the kernel reads it.
  func withKernelForm<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var storage = sockaddr_storage()
    let length = withUnsafeMutablePointer(to: &storage) { fill(UnsafeMutableRawPointer($0)) }
    return withUnsafePointer(to: &storage) { storage in
      body(UnsafeRawPointer(storage).assumingMemoryBound(to: sockaddr.self), length)
    }
  }

  /// Writes the address into zeroed storage and returns its length in bytes.
  private func fill(_ storage: UnsafeMutableRawPointer) -> socklen_t {
    switch kind {
    case .ipv4(let host):
      let address = storage.assumingMemoryBound(to: sockaddr_in.self)
      address.pointee.sin_family = sa_family_t(AF_INET)
      address.pointee.sin_port = port.bigEndian
      inet_pton(AF_INET, host, &address.pointee.sin_addr)
      return socklen_t(MemoryLayout<sockaddr_in>.size)
    case .ipv6(let host):
      let address = storage.assumingMemoryBound(to: sockaddr_in6.self)
      address.pointee.sin6_family = sa_family_t(AF_INET6)
      address.pointee.sin6_port = port.bigEndian
      inet_pton(AF_INET6, host, &address.pointee.sin6_addr)
      return socklen_t(MemoryLayout<sockaddr_in6>.size)
    case .unix(let path):
      storage.assumingMemoryBound(to: sockaddr_un.self).pointee.sun_family = sa_family_t(AF_UNIX)
      let start = storage + MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!
      var path = path
      path.withUTF8 { start.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
      return socklen_t(MemoryLayout<sockaddr_un>.size)
    }
  }

  /// Reads what the kernel or the resolver wrote; `port` overrides the one found there. Nil for families that are
  /// not ours.
  init?(_ raw: UnsafePointer<sockaddr>, port override: UInt16? = nil) {
    let storage = UnsafeRawPointer(raw)
    switch Int32(raw.pointee.sa_family) {
    case AF_INET:
      var address = storage.loadUnaligned(as: sockaddr_in.self)
      self.init(
        kind: .ipv4(host: SocketAddress.text(AF_INET, &address.sin_addr)),
        port: override ?? UInt16(bigEndian: address.sin_port))
    case AF_INET6:
      var address = storage.loadUnaligned(as: sockaddr_in6.self)
      self.init(
        kind: .ipv6(host: SocketAddress.canonical(&address.sin6_addr)),
        port: override ?? UInt16(bigEndian: address.sin6_port))
    case AF_UNIX:
      let path = storage + MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!
      // A client's socket has no name: an empty path.
      self.init(kind: .unix(path: String(cString: path.assumingMemoryBound(to: CChar.self))), port: 0)
    default:
      return nil
    }
  }

  static func canonical(_ address: inout in6_addr) -> String { text(AF_INET6, &address) }

  private static func text(_ family: Int32, _ address: UnsafeRawPointer) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
      inet_ntop(family, address, buffer.baseAddress!, socklen_t(buffer.count))
      return String(cString: buffer.baseAddress!)
    }
  }

  /// The name `ask` (getsockname or getpeername) gives to a descriptor.
  init?(
    of descriptor: Int32,
    asking ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let found: SocketAddress? = withUnsafeMutablePointer(to: &storage) { storage in
      let raw = UnsafeMutableRawPointer(storage).assumingMemoryBound(to: sockaddr.self)
      guard ask(descriptor, raw, &length) == 0 else { return nil }
      return SocketAddress(raw)
    }
    guard let found else { return nil }
    self = found
  }
}
