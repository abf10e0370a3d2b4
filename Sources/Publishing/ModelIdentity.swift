public import Bytes

/// One version of one model: what answers carry, keys hold eight digits of, and workers swap.
///
/// The digest is the SHA-256 of the version's manifest, which names every section by digest: two versions with the same
/// identity hold the same bytes, wherever they came from.
public struct ModelIdentity: Sendable, Hashable, CustomStringConvertible {
  public let name: String
  public let version: Int
  public let digest: SHA256Digest

  public init(name: String, version: Int, digest: SHA256Digest) {
    self.name = name
    self.version = version
    self.digest = digest
  }

  /// The first eight hexadecimal digits of the digest, as they stand in keys and file names.
  public var digest8: String { String(digest.description.prefix(8)) }

  /// `home/42@deadbeef`
  public var description: String { "\(name)/\(version)@\(digest8)" }
}

/// Whether a name may be a model, placement or namespace: `[a-z0-9-]{1,32}`. Nothing of the kind is a path.
public func isName(_ name: String) -> Bool {
  (1...32).contains(name.utf8.count)
    && name.utf8.allSatisfy {
      ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")) || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
        || $0 == UInt8(ascii: "-")
    }
}
