internal import Glibc

/// The server that is loaded: `http://host:port[/]`, `host:port` or `unix:/path/to.sock`.
public struct LoadTarget: Sendable, CustomStringConvertible {
  /// As given.
  public let text: String
  /// Value of the `Host` field.
  public let host: String
  /// The kernel's form of the address: a `sockaddr` of its family's length.
  let address: [UInt8]
  let family: Int32
  public let isUnix: Bool
  /// On this machine as far as the address tells.
  public let isLoopback: Bool

  public var description: String { text }

  public init(_ text: String) throws(LoadError) {
    self.text = text
    if text.hasPrefix("unix:") {
      host = "localhost"
      (address, family) = (try LoadTarget.unix(path: String(text.dropFirst(5))), AF_UNIX)
      (isUnix, isLoopback) = (true, true)
      return
    }
    var rest = Substring(text)
    if rest.hasPrefix("http://") { rest = rest.dropFirst(7) }
    guard !rest.contains("://") else {
      throw LoadError("\(text): only http:// is spoken; put TLS in front of a run of its own")
    }
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    guard !rest.contains("/"), !rest.isEmpty else {
      throw LoadError("\(text): give the server alone, as http://127.0.0.1:8080; paths come from the workload")
    }
    host = String(rest)
    (address, family) = try LoadTarget.resolve(rest, text)
    isUnix = false
    isLoopback =
      family == AF_INET ? address[4] == 127 : address[8..<24].elementsEqual([UInt8](repeating: 0, count: 15) + [1])
  }

  private static func unix(path: String) throws(LoadError) -> [UInt8] {
    // sun_path is 108 bytes with its terminating zero (unix(7)).
    guard (1...107).contains(path.utf8.count) else {
      throw LoadError("a unix socket's path has 1 to 107 bytes: \(path)")
    }
    let family = UInt16(AF_UNIX)
    return [UInt8(family & 0xFF), UInt8(family >> 8)] + Array(path.utf8) + [0]
  }

  /// Asks the system resolver, once: a run goes to one address.
  private static func resolve(_ authority: Substring, _ text: String) throws(LoadError) -> ([UInt8], Int32) {
    var (host, port) = (authority, Substring("80"))
    if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
      (host, port) = (authority[..<colon], authority[authority.index(after: colon)...])
    }
    guard UInt16(port) != nil else { throw LoadError("\(text): \(port) is no port") }
    let name = host.hasPrefix("[") ? host.dropFirst().dropLast() : host
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(name.isEmpty ? "127.0.0.1" : String(name), String(port), &hints, &found)
    guard status == 0, let found else {
      throw LoadError("\(text): \(name) has no address: \(String(cString: gai_strerror(status)))")
    }
    defer { freeaddrinfo(found) }
    let bytes = UnsafeRawBufferPointer(start: found.pointee.ai_addr, count: Int(found.pointee.ai_addrlen))
    return (Array(bytes), found.pointee.ai_family)
  }
}

/// What was asked of the load kit and cannot be done; the sentence says what and by whom.
public struct LoadError: Error, Sendable, CustomStringConvertible, Equatable {
  public let description: String
  public init(_ sentence: String) { description = sentence }
}
