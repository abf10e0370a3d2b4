/// Which keys were missed a moment ago: a miss of one of them is worth computing when few can be.
///
/// One place a hash, the latest key has it: 16,384 × 4 bytes. At 30,000 distinct misses a second a place is overwritten
/// after half a second on average, so what counts as hot then recurs faster than that: the right ones to keep.
struct HotKeys: Sendable {
  private static let places = 16_384
  /// A key is hot if it was missed in this period or the one before.
  private static let periodNanoseconds: UInt64 = 1_000_000_000

  /// 24 bits of the hash, 8 of the period's number.
  private var marks = [UInt32](repeating: 0, count: places)

  /// Whether the key was noted lately; it is now.
  @discardableResult
  mutating func note(_ hash: UInt64, now: UInt64) -> Bool {
    let period = UInt8(truncatingIfNeeded: now / HotKeys.periodNanoseconds)
    let tag = UInt32(truncatingIfNeeded: hash >> 40)
    let place = Int(truncatingIfNeeded: hash) & (HotKeys.places - 1)
    let mark = marks[place]
    marks[place] = tag << 8 | UInt32(period)
    // 0 stands for a place never used.
    return mark != 0 && mark >> 8 == tag && period &- UInt8(truncatingIfNeeded: mark) <= 1
  }
}
