/// A hit's place and its cosine in one number that sorts the nearest first, equal ones by place.
enum NearnessKey {
  static func key(_ cosine: Float, _ place: Int) -> UInt64 { UInt64(~ascending(cosine)) << 32 | UInt64(place) }

  static func place(_ key: UInt64) -> Int { Int(key & 0xFFFF_FFFF) }

  static func cosine(_ key: UInt64) -> Float {
    let bits = ~UInt32(key >> 32)
    return Float(bitPattern: bits & 0x8000_0000 != 0 ? bits & 0x7FFF_FFFF : ~bits)
  }

  /// Bits that compare as the numbers do: the sign flipped, and all of them of a negative number.
  private static func ascending(_ value: Float) -> UInt32 {
    let bits = value.bitPattern
    return bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
  }
}

/// Moves the least `count` of different keys before all others, in no order (Hoare, "Find", CACM 1961). O(keys) on
/// average, no allocation. Which these are does not depend on the order that the keys come in.
func moveLeast(_ count: Int, toTheFrontOf keys: inout [UInt64]) {
  guard count > 0, count < keys.count else { return }
  var keys = keys.mutableSpan
  var (low, high) = (0, keys.count - 1)
  while low < high {
    let pivot = keys[(low + high) / 2]
    var (left, right) = (low, high)
    while left <= right {
      while keys[left] < pivot { left += 1 }
      while keys[right] > pivot { right -= 1 }
      if left <= right {
        keys.swapAt(left, right)
        left += 1
        right -= 1
      }
    }
    // [low...right] ≤ pivot ≤ [left...high], and what lies between them is the pivot itself.
    if count <= right { high = right } else if count > left { low = left } else { return }
  }
}
