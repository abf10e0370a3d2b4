public import Bytes

/// What of a request changes a list beyond subject and context: the experiment's arm, the filter and the ranking.
///
/// Six base32 characters, 30 bits of a hash: among a thousand variants of one list the chance that two share a key is
/// 1000² / 2³¹ ≈ 5 × 10⁻⁴. `exclude`, seen items, `numResults` and `fields` are applied to the list and not in here.
public struct Variant: Sendable, Hashable {
  /// Nil for the default.
  private let bits: UInt32?

  /// No arm, no filter, the ranking of the snapshot: `-`.
  public static let standard = Variant(bits: nil)

  private init(bits: UInt32?) { self.bits = bits }

  /// - Parameters:
  ///   - arm: XXH3 of the arm's name; 0 for none.
  ///   - filter: placement's and request's together.
  ///   - ranking: the placement's own settings (`RankingOverrides.hash`), 0 for none.
  public init(arm: UInt64 = 0, filter: ItemFilter, ranking: UInt64 = 0) {
    guard arm != 0 || !filter.isEmpty || ranking != 0 else {
      self = .standard
      return
    }
    let words: InlineArray<3, UInt64> = [arm.littleEndian, filter.hash.littleEndian, ranking.littleEndian]
    bits = UInt32(truncatingIfNeeded: xxh3(words.span.bytes) & 0x3FFF_FFFF)
  }

  public var isStandard: Bool { bits == nil }

  fileprivate func append(to buffer: inout ByteBuffer) {
    guard let bits else { return buffer.append(UInt8(ascii: "-")) }
    buffer.append(base32: UInt64(bits), digits: 6, lowercase: true)
  }
}

extension ByteBuffer {
  public mutating func append(_ variant: Variant) { variant.append(to: &self) }
}
