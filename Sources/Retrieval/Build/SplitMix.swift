/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a seed gives the same index on every machine, which the standard
/// library's `random(in:using:)` does not promise between versions.
struct SplitMix {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// 0 ..< limit; the bias of a multiply-shift is below limit / 2^64.
  mutating func below(_ limit: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(limit)).high) }

  /// Distinct numbers below `limit` in random order (the first part of a Fisher–Yates shuffle). O(limit).
  mutating func sample(_ count: Int, from limit: Int) -> [UInt32] {
    var numbers = (0..<UInt32(limit)).map { $0 }
    for place in 0..<count { numbers.swapAt(place, place + below(limit - place)) }
    return Array(numbers[..<count])
  }
}
