internal import CCrypto
internal import CXXHash
internal import Glibc

/// XXH3, 64 bits: the checksum of sections and lists, and the hash of item ids. Not for anything an attacker may
/// choose; user ids go through `IdentityKey`.
public func xxh3(_ bytes: RawSpan) -> UInt64 {
  bytes.withUnsafeBytes { nt_xxh3_64($0.baseAddress, $0.count) }
}

public func xxh3(_ bytes: RawSpan, seed: UInt64) -> UInt64 {
  bytes.withUnsafeBytes { nt_xxh3_64_seeded($0.baseAddress, $0.count, seed) }
}

public func xxh3(_ text: String) -> UInt64 { xxh3(text.utf8.span.bytes) }

/// SHA-256 (FIPS 180-4) over bytes that come in pieces.
public struct SHA256: ~Copyable {
  private let context: OpaquePointer

  public init() {
    context = EVP_MD_CTX_new()
    EVP_DigestInit_ex(context, EVP_sha256(), nil)
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { _ = EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
  }

  public consuming func finish() -> SHA256Digest {
    var words = SHA256Digest.Words(repeating: 0)
    var length: UInt32 = 0
    withUnsafeMutableBytes(of: &words) {
      _ = EVP_DigestFinal_ex(context, $0.assumingMemoryBound(to: UInt8.self).baseAddress, &length)
    }
    return SHA256Digest(words: words)
  }

  public static func digest(_ bytes: RawSpan) -> SHA256Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }
}

/// 32 bytes that name a blob or a manifest.
public struct SHA256Digest: Sendable, Hashable, CustomStringConvertible {
  typealias Words = InlineArray<4, UInt64>
  private let a, b, c, d: UInt64

  init(words: Words) {
    a = UInt64(bigEndian: words[0])
    b = UInt64(bigEndian: words[1])
    c = UInt64(bigEndian: words[2])
    d = UInt64(bigEndian: words[3])
  }

  /// Reads 64 hexadecimal digits; nil for anything else.
  public init?(hex: String) {
    guard hex.utf8.count == 64, hex.utf8.allSatisfy({ ($0 >= 48 && $0 <= 57) || ($0 >= 97 && $0 <= 102) }) else {
      return nil
    }
    func word(_ index: Int) -> UInt64 {
      let start = hex.utf8.index(hex.utf8.startIndex, offsetBy: index * 16)
      return UInt64(hex[start..<hex.utf8.index(start, offsetBy: 16)], radix: 16)!
    }
    (a, b, c, d) = (word(0), word(1), word(2), word(3))
  }

  /// The first 32 bits: the eight hex digits that stand in every cache key.
  public var prefix: UInt32 { UInt32(truncatingIfNeeded: a >> 32) }

  /// 64 lower-case hexadecimal digits.
  public var description: String {
    var text = ByteBuffer(capacity: 64)
    for word in [a, b, c, d] { text.append(hex: word) }
    return String(copying: text.bytes)
  }
}

extension String {
  /// The UTF-8 text of some bytes; what is not UTF-8 becomes U+FFFD.
  public init(copying bytes: RawSpan) {
    self = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}

/// Whether two runs of bytes are equal. O(bytes).
public func equal(_ left: RawSpan, _ right: RawSpan) -> Bool {
  guard left.byteCount == right.byteCount else { return false }
  return left.withUnsafeBytes { l in
    right.withUnsafeBytes { r in l.isEmpty || memcmp(l.baseAddress!, r.baseAddress!, l.count) == 0 }
  }
}
