public import Bytes

/// Names one answer, so that an event can say what it answered to: 26 base32 characters.
///
///     6 model version (30 bits)   2 placement (10 bits)   2 arm (10 bits)   16 random (80 bits)
///
/// 80 bits: among 10⁹ answers a day for ten years the chance that two share a name is below 10⁻⁵ a version and arm.
public struct RecommendationID: Sendable, Hashable {
  public static let characters = 26
  /// Arms are numbered below this; 0 is none.
  public static let armsMax = 1 << 10

  public let version: UInt64
  /// `placementCode` of the placement that answered.
  public let placement: UInt16
  public let arm: UInt16

  /// Ten bits of the XXH3 of a placement's name: enough to tell the handful of a site apart.
  public static func placementCode(_ name: String) -> UInt16 { UInt16(truncatingIfNeeded: xxh3(name) & 0x3FF) }

  /// Appends an id. `random`: 80 fresh bits, of which the upper 64 and the lower 16 are given apart.
  public static func append(
    version: Int, placement: UInt16 = 0, arm: UInt16 = 0, random: (UInt64, UInt16), to text: inout ByteBuffer
  ) {
    text.append(base32: UInt64(truncatingIfNeeded: version), digits: 6)
    text.append(base32: UInt64(placement), digits: 2)
    text.append(base32: UInt64(arm), digits: 2)
    // 64 + 16 bits are 16 digits of five: the first eight take 40 bits, the others the rest.
    text.append(base32: random.0 >> 24, digits: 8)
    text.append(base32: (random.0 & 0xFF_FFFF) << 16 | UInt64(random.1), digits: 8)
  }

  /// Writes an id over the one at `offset`: a reused body differs in these bytes only.
  public static func replace(
    at offset: Int, version: Int, placement: UInt16 = 0, arm: UInt16 = 0, random: (UInt64, UInt16),
    in body: inout ByteBuffer
  ) {
    let named = told(version)
    body.replace(at: offset, base32: named << 10 | UInt64(placement & 0x3FF))
    // The arm's two digits with the first six of the random ones; the random part is then written whole.
    body.replace(at: offset + 8, base32: UInt64(arm & 0x3FF) << 30)
    replace(randomAt: offset + randomOffset, random: random, in: &body)
  }

  /// What an id tells of a version: its lower 30 bits.
  public static func told(_ version: Int) -> UInt64 { UInt64(truncatingIfNeeded: version) & 0x3FFF_FFFF }

  /// Where the random characters begin: before them stands what is the same for all answers of one kind.
  public static let randomOffset = 10

  /// Writes new random characters over those of an id.
  public static func replace(randomAt offset: Int, random: (UInt64, UInt16), in body: inout ByteBuffer) {
    body.replace(at: offset, base32: random.0 >> 24)
    body.replace(at: offset + 8, base32: (random.0 & 0xFF_FFFF) << 16 | UInt64(random.1))
  }

  /// Reads what `append` wrote, in either case; nil for anything else.
  public init?(_ text: RawSpan) {
    guard text.byteCount == Self.characters else { return nil }
    var version: UInt64 = 0
    var placement: UInt16 = 0
    var arm: UInt16 = 0
    for place in 0..<Self.characters {
      guard let value = base32Value(text.byte(place)) else { return nil }
      switch place {
      case 0..<6: version = version << 5 | UInt64(value)
      case 6..<8: placement = placement << 5 | UInt16(value)
      case 8..<10: arm = arm << 5 | UInt16(value)
      default: break
      }
    }
    self.version = version
    self.placement = placement
    self.arm = arm
  }
}

/// The five bits of a digit of Crockford's base 32.
private func base32Value(_ digit: UInt8) -> UInt8? {
  switch digit & 0xDF {
  case UInt8(ascii: "A")...UInt8(ascii: "H"): return (digit & 0xDF) - UInt8(ascii: "A") + 10
  case UInt8(ascii: "J"), UInt8(ascii: "K"): return (digit & 0xDF) - UInt8(ascii: "J") + 18
  case UInt8(ascii: "M"), UInt8(ascii: "N"): return (digit & 0xDF) - UInt8(ascii: "M") + 20
  case UInt8(ascii: "P")...UInt8(ascii: "T"): return (digit & 0xDF) - UInt8(ascii: "P") + 22
  case UInt8(ascii: "V")...UInt8(ascii: "Z"): return (digit & 0xDF) - UInt8(ascii: "V") + 27
  default: return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) ? digit - UInt8(ascii: "0") : nil
  }
}
