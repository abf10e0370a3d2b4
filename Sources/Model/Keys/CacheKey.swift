public import Bytes

/// Composes the keys of the shared cache. Other programs may use them: what they look like is a public contract.
///
///     nt1:<namespace>:<model>:<digest8>:<placement>:<subject>:<context>:<variant>   a rendered list
///     nt1:<namespace>:w:<user>                                                       a window
///     nt1x:<namespace>:<placement>:<segment>                                         a list of another program
///
/// The longest list key is 4 + 33 + 33 + 9 + 33 + 21 + 9 + 6 = 148 bytes, below memcached's 250, without spaces or
/// control characters, since names are `[a-z0-9-]{1,32}`.
public enum CacheKey {
  /// The longest key that memcached takes.
  public static let bytesMax = 250
  public static let nameBytesMax = 32

  /// Whether a namespace, model or placement may be called this.
  public static func isName(_ name: RawSpan) -> Bool {
    guard (1...nameBytesMax).contains(name.byteCount) else { return false }
    for offset in 0..<name.byteCount {
      switch name.byte(offset) {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): continue
      default: return false
      }
    }
    return true
  }

  public static func isName(_ name: String) -> Bool { isName(name.utf8.span.bytes) }
}

/// A name that cannot stand in a key; whoever chose it is to blame.
public struct CacheKeyError: Error, Sendable, Equatable, CustomStringConvertible {
  public let name: String
  public let what: String
  public var description: String { "\(what) \"\(name)\" must be 1 to \(CacheKey.nameBytesMax) of a-z, 0-9 and -" }

  static func check(_ name: String, _ what: String) throws(CacheKeyError) {
    guard CacheKey.isName(name) else { throw CacheKeyError(name: name, what: what) }
  }
}

/// The part of a list's key that one placement and snapshot share, composed once.
public struct ListKeys: Sendable {
  private let prefix: [UInt8]

  /// `digest`: the first 32 bits of the snapshot's digest (`SHA256Digest.prefix`).
  public init(namespace: String, model: String, digest: UInt32, placement: String) throws(CacheKeyError) {
    try CacheKeyError.check(namespace, "namespace")
    try CacheKeyError.check(model, "model")
    try CacheKeyError.check(placement, "placement")
    var text = ByteBuffer(capacity: 128)
    text.append("nt1:\(namespace):\(model):")
    text.append(hex: UInt64(digest), digits: 8)
    text.append(":\(placement):")
    prefix = Array(copying: text.bytes)
  }

  /// Appends a whole key. No allocation once `key` has its size.
  public func append(_ subject: Subject, _ context: ContextBucket, _ variant: Variant, to key: inout ByteBuffer) {
    key.append(prefix)
    key.append(subject)
    key.append(UInt8(ascii: ":"))
    key.append(context)
    key.append(UInt8(ascii: ":"))
    key.append(variant)
  }
}

/// Keys of the windows of one namespace.
public struct WindowKeys: Sendable {
  private let prefix: [UInt8]

  public init(namespace: String) throws(CacheKeyError) {
    try CacheKeyError.check(namespace, "namespace")
    prefix = Array("nt1:\(namespace):w:".utf8)
  }

  public func append(_ user: UserHash, to key: inout ByteBuffer) {
    key.append(prefix)
    key.append(user)
  }
}

/// Keys under which other programs write lists for a placement's segments: the segment as a plain number.
public struct ExternalKeys: Sendable {
  private let prefix: [UInt8]

  public init(namespace: String, placement: String) throws(CacheKeyError) {
    try CacheKeyError.check(namespace, "namespace")
    try CacheKeyError.check(placement, "placement")
    prefix = Array("nt1x:\(namespace):\(placement):".utf8)
  }

  public func append(segment: Int, to key: inout ByteBuffer) {
    key.append(prefix)
    key.append(decimal: segment)
  }
}

extension [UInt8] {
  /// A copy of some bytes.
  init(copying bytes: RawSpan) { self = bytes.withUnsafeBytes { Array($0) } }
}
