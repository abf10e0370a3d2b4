internal import Clibuv
internal import Glibc

/// Where a socket listens or connects: IPv4, IPv6 or a unix path.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
  enum Kind: Hashable {
    case ipv4(host: String)
    case ipv6(host: String)
    case unix(path: String)
  }

  let kind: Kind

  /// 0 for unix paths, and, when listening, for "the kernel chooses".
  public let port: UInt16

  /// `sun_path` is 108 bytes with its terminating zero (unix(7)).
  public static let unixPathBytesMax = 107

  init(kind: Kind, port: UInt16) {
    self.kind = kind
    self.port = port
  }

  /// Parses `127.0.0.1:8080`, `[::1]:8080`, `:8080` (every IPv4 interface) or `/path/to.sock`.
  ///
  /// Host names are refused: `resolve` turns them into addresses, blocking, where that is welcome.
  public init(_ text: String) throws(LoopError) {
    if text.utf8.first == UInt8(ascii: "/") {
      try self.init(unixPath: text)
      return
    }
    guard let (host, port) = SocketAddress.split(text) else {
      throw LoopError(code: EINVAL, while: "reading an address (host:port, [v6]:port, :port or /path)")
    }
    let literal = host.isEmpty ? "0.0.0.0" : host
    guard let address = SocketAddress(literal: literal, port: port) else {
      throw LoopError(code: EINVAL, while: "reading an address whose host is neither an IPv4 nor an IPv6 literal")
    }
    self = address
  }

  public init(unixPath path: String) throws(LoopError) {
    guard !path.isEmpty, path.utf8.count <= SocketAddress.unixPathBytesMax, !path.utf8.contains(0) else {
      throw LoopError(code: ENAMETOOLONG, while: "reading a unix socket path of 1 to 107 bytes")
    }
    self.init(kind: .unix(path: path), port: 0)
  }

  /// An IPv4 or IPv6 literal without brackets; nil for anything else.
  public init?(literal host: String, port: UInt16) {
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, host, &four) == 1 {
      self.init(kind: .ipv4(host: host), port: port)
    } else if inet_pton(AF_INET6, host, &six) == 1 {
      // One spelling an address, so that equal addresses are equal values.
      self.init(kind: .ipv6(host: SocketAddress.canonical(&six)), port: port)
    } else {
      return nil
    }
  }

  /// Asks the system resolver for the first stream address of `host`. Blocks for as long as DNS takes: never call it
  /// on a worker's loop.
  public static func resolve(host: String, port: UInt16) throws(LoopError) -> SocketAddress {
    if let literal = SocketAddress(literal: host, port: port) { return literal }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &found) == 0, let found else {
      throw LoopError(code: EHOSTUNREACH, while: "resolving a host name")
    }
    defer { freeaddrinfo(found) }
    guard let address = SocketAddress(found.pointee.ai_addr, port: port) else {
      throw LoopError(code: EAFNOSUPPORT, while: "resolving a host name")
    }
    return address
  }

  /// Whether only this machine can reach it: 127.0.0.0/8, ::1 or a unix path.
  public var isLoopback: Bool {
    switch kind {
    case .ipv4(let host): host.hasPrefix("127.")
    case .ipv6(let host): host == "::1"
    case .unix: true
    }
  }

  public var isUnix: Bool { unixPath != nil }

  public var unixPath: String? {
    if case .unix(let path) = kind { path } else { nil }
  }

  public var description: String {
    switch kind {
    case .ipv4(let host): "\(host):\(port)"
    case .ipv6(let host): "[\(host)]:\(port)"
    case .unix(let path): path
    }
  }

  /// The host and the port of `host:port` or `[host]:port`. A bare IPv6 host is refused: its last group would be
  /// read as a port.
  private static func split(_ text: String) -> (host: String, port: UInt16)? {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else {
      return nil
    }
    let host = text[..<colon]
    if host.first == "[", host.last == "]" {
      let inner = host.dropFirst().dropLast()
      return inner.contains(":") ? (String(inner), port) : nil
    }
    return host.contains(":") ? nil : (String(host), port)
  }
}

extension SocketAddress {
  /// The same host with another port.
  public init(_ address: SocketAddress, port: UInt16) { self.init(kind: address.kind, port: port) }
}
