/// One memcached server as an operator writes it: `host`, `host:port`, `host:port:weight`, `[::1]:11211`,
/// `/run/mc.sock` or `/run/mc.sock:weight`.
///
/// The host is kept as the literal string, because the ring hashes the string and not the address it resolves to:
/// `localhost`, `127.0.0.1` and a full name are three different servers to every ketama client. IPv6 brackets are part
/// of the string, as in libmemcached's own `memcached_servers_parse`.
public struct NodeAddress: Sendable, Hashable, CustomStringConvertible {
  /// memcached's port, and the one that ketama leaves out of the hashed name.
  public static let defaultPort = 11211
  /// Weights are summed in an unsigned 32-bit number: 100 servers × 1,000,000 stay far below it.
  public static let weightMax = 1_000_000
  /// The longest DNS name (RFC 1035 §2.3.4). Socket paths are shorter still: `sun_path` holds 107 bytes and a NUL.
  public static let hostBytesMax = 255
  public static let pathBytesMax = 107

  /// A name, an address, or the path of a unix socket.
  public let host: String
  /// For a unix socket always `defaultPort`; see `Ring` for why.
  public let port: Int
  public let weight: Int

  public var isUnixSocket: Bool { host.utf8.first == UInt8(ascii: "/") }

  public init(host: String, port: Int = defaultPort, weight: Int = 1) throws(NodeAddressError) {
    let bytesMax = host.utf8.first == UInt8(ascii: "/") ? Self.pathBytesMax : Self.hostBytesMax
    guard !host.isEmpty, host.utf8.count <= bytesMax, host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      throw NodeAddressError(address: host, problem: "the host must be 1 to \(bytesMax) bytes without spaces")
    }
    guard (1...65535).contains(port) else {
      throw NodeAddressError(address: host, problem: "the port must be 1 to 65535, not \(port)")
    }
    guard (1...Self.weightMax).contains(weight) else {
      throw NodeAddressError(address: host, problem: "the weight must be 1 to \(Self.weightMax), not \(weight)")
    }
    self.host = host
    self.port = port
    self.weight = weight
  }

  /// Reads the text form. Throws what is wrong with it.
  public init(parsing text: String) throws(NodeAddressError) {
    let (host, rest) = try Self.splitHost(text)
    let fields = rest.isEmpty ? [] : rest.split(separator: ":", omittingEmptySubsequences: false)
    do throws(NodeAddressError) {
      if text.utf8.first == UInt8(ascii: "/") {
        guard fields.count <= 1 else {
          throw NodeAddressError(address: text, problem: "expected /path or /path:weight")
        }
        try self.init(host: host, weight: Self.number(fields, 0, "weight") ?? 1)
      } else {
        guard fields.count <= 2 else {
          throw NodeAddressError(
            address: text, problem: "expected host, host:port or host:port:weight; write IPv6 as [::1]:11211")
        }
        try self.init(
          host: host, port: Self.number(fields, 0, "port") ?? Self.defaultPort,
          weight: Self.number(fields, 1, "weight") ?? 1)
      }
    } catch {
      throw NodeAddressError(address: text, problem: error.problem)
    }
  }

  /// The number in a field; nil when there is no such field.
  private static func number(_ fields: [Substring], _ index: Int, _ what: String) throws(NodeAddressError) -> Int? {
    guard index < fields.count else { return nil }
    let digits = fields[index]
    // Nine digits are beyond any limit here, and fit an Int.
    guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
      throw NodeAddressError(address: "", problem: "'\(digits)' is not a \(what)")
    }
    return Int(digits)
  }

  /// The host, and what follows its colon. Only a bracketed host may hold colons itself.
  private static func splitHost(_ text: String) throws(NodeAddressError) -> (String, Substring) {
    var hostEnd = text.firstIndex(of: ":") ?? text.endIndex
    if text.first == "[" {
      guard let close = text.firstIndex(of: "]") else {
        throw NodeAddressError(address: text, problem: "'[' without ']'")
      }
      hostEnd = text.index(after: close)
      guard hostEnd == text.endIndex || text[hostEnd] == ":" else {
        throw NodeAddressError(address: text, problem: "expected ':' after ']'")
      }
    }
    let rest = hostEnd == text.endIndex ? "" : text[text.index(after: hostEnd)...]
    if hostEnd != text.endIndex && rest.isEmpty {
      throw NodeAddressError(address: text, problem: "nothing follows the last ':'")
    }
    return (String(text[..<hostEnd]), rest)
  }

  /// The form that `init(parsing:)` reads back.
  public var description: String {
    let place = isUnixSocket ? host : "\(host):\(port)"
    return weight == 1 ? place : "\(place):\(weight)"
  }
}

/// An address in the configuration that cannot be one. The operator's fault; a retry does not help.
public struct NodeAddressError: Error, Sendable, Equatable, CustomStringConvertible {
  public let address: String
  public let problem: String

  public var description: String { "memcached address '\(address)': \(problem)" }
}
