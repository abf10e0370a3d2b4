internal import Glibc

/// A user as keys, logs and metrics may name one: a 96-bit keyed hash of the id that the client sent.
///
/// 96 bits: with 10⁹ users the chance of any two sharing a hash is about 10¹⁸ / 2⁹⁷ ≈ 6 × 10⁻¹².
public struct UserHash: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let high: UInt64
  public let low: UInt32

  public init(high: UInt64, low: UInt32) {
    self.high = high
    self.low = low
  }

  /// Reads the 16 base64url characters that `append(_:)` writes; nil for anything else.
  public init?(base64url text: RawSpan) {
    guard text.byteCount == 16 else { return nil }
    var high: UInt64 = 0
    var low: UInt64 = 0
    for offset in 0..<16 {
      guard let bits = base64urlValue(text.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) else { return nil }
      high = high << 6 | low >> 26
      low = (low << 6 | UInt64(bits)) & 0xFFFF_FFFF
    }
    self.init(high: high, low: UInt32(low))
  }

  public static func < (left: UserHash, right: UserHash) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }

  public var description: String {
    var text = ByteBuffer(capacity: 16)
    text.append(self)
    return String(copying: text.bytes)
  }
}

extension ByteBuffer {
  /// Appends the 16 base64url characters of a user.
  public mutating func append(_ user: UserHash) {
    for place in stride(from: 15, through: 0, by: -1) {
      let shift = UInt64(6 * place)
      let bits = shift >= 32 ? user.high >> (shift - 32) : (user.high << (32 - shift)) | UInt64(user.low) >> shift
      append(base64urlDigit(UInt8(truncatingIfNeeded: bits)))
    }
  }
}

/// The secret under which user ids are hashed: the same on every node and trainer of a fleet.
///
/// SipHash-2-4 with 128-bit output (Aumasson and Bernstein, INDOCRYPT 2012; their reference C code has the long
/// output), cut to 96 bits: a keyed function built for short inputs, so that who holds the keys of a cache cannot try
/// out user ids, and without an allocation.
public struct IdentityKey: Sendable, Equatable {
  private let k0, k1: UInt64

  /// `bytes`: 16 of them.
  public init?(bytes: RawSpan) {
    guard bytes.byteCount == 16 else { return nil }
    k0 = UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
    k1 = UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self))
  }

  /// Reads 32 hexadecimal digits, white space around them allowed; nil for anything else.
  public init?(hex: String) {
    let digits = hex.utf8.filter { !($0 == 32 || (9...13).contains($0)) }
    guard digits.count == 32 else { return nil }
    var bytes: [UInt8] = []
    for pair in stride(from: 0, to: 32, by: 2) {
      guard let byte = UInt8(String(decoding: digits[pair..<pair + 2], as: UTF8.self), radix: 16) else { return nil }
      bytes.append(byte)
    }
    self.init(bytes: bytes.span.bytes)
  }

  /// A new random key.
  public static func random() -> IdentityKey {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
    return IdentityKey(bytes: bytes.span.bytes)!
  }

  public var hex: String {
    var text = ByteBuffer(capacity: 32)
    for word in [k0, k1] { text.append(hex: word.byteSwapped) }
    return String(copying: text.bytes)
  }

  /// Names the key without telling it: a snapshot records it, so that a node with another key says so instead of
  /// finding no user.
  public var fingerprint: String { hash("needletail identity key".utf8.span.bytes).description }

  /// The pseudonym of a user id. O(bytes), no allocation.
  public func hash(_ id: RawSpan) -> UserHash {
    var state = SipState(k0, k1)
    let whole = id.byteCount & ~7
    var at = 0
    while at < whole {
      state.absorb(UInt64(littleEndian: id.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self)))
      at += 8
    }
    var last = UInt64(truncatingIfNeeded: id.byteCount) << 56
    while at < id.byteCount {
      last |= UInt64(id.unsafeLoad(fromByteOffset: at, as: UInt8.self)) << UInt64(8 * (at - whole))
      at += 1
    }
    state.absorb(last)
    let output = state.finish()
    return UserHash(high: output.0, low: UInt32(truncatingIfNeeded: output.1))
  }

  /// All 128 bits, for the test against the published vectors.
  func hash128(_ id: [UInt8]) -> (UInt64, UInt64) {
    var state = SipState(k0, k1)
    var block: UInt64 = 0
    for (index, byte) in id.enumerated() {
      block |= UInt64(byte) << UInt64(8 * (index & 7))
      if index & 7 == 7 {
        state.absorb(block)
        block = 0
      }
    }
    state.absorb(block | UInt64(id.count & 255) << 56)
    return state.finish()
  }
}

private struct SipState {
  var v0, v1, v2, v3: UInt64

  init(_ k0: UInt64, _ k1: UInt64) {
    v0 = k0 ^ 0x736f_6d65_7073_6575
    v1 = k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
    v2 = k0 ^ 0x6c79_6765_6e65_7261
    v3 = k1 ^ 0x7465_6462_7974_6573
  }

  mutating func round() {
    v0 &+= v1
    v2 &+= v3
    v1 = (v1 << 13 | v1 >> 51) ^ v0
    v3 = (v3 << 16 | v3 >> 48) ^ v2
    v0 = v0 << 32 | v0 >> 32
    v2 &+= v1
    v0 &+= v3
    v1 = (v1 << 17 | v1 >> 47) ^ v2
    v3 = (v3 << 21 | v3 >> 43) ^ v0
    v2 = v2 << 32 | v2 >> 32
  }

  mutating func absorb(_ block: UInt64) {
    v3 ^= block
    round()
    round()
    v0 ^= block
  }

  mutating func finish() -> (UInt64, UInt64) {
    v2 ^= 0xee
    for _ in 0..<4 { round() }
    let first = v0 ^ v1 ^ v2 ^ v3
    v1 ^= 0xdd
    for _ in 0..<4 { round() }
    return (first, v0 ^ v1 ^ v2 ^ v3)
  }
}
