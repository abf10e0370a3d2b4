internal import Glibc

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Every random choice of the trainer comes from one of these, seeded by
/// the run's seed and a number for the purpose, so that one seed gives one snapshot. What is drawn is defined here and
/// not by the standard library, whose `random(in:)` may change its mind between versions.
struct SplitMix64 {
  private var state: UInt64

  /// `purpose` keeps the streams of different uses of one seed apart.
  init(seed: UInt64, purpose: UInt64 = 0) {
    state = seed &+ purpose &* 0xD134_2543_DE82_EF95
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits &>> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits &>> 31)
  }

  /// Uniform in 0..<1, 53 bits.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in 0..<bound: the high half of a product (Lemire 2019), whose bias of bound / 2⁶⁴ is nothing here.
  mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

  /// Standard normal (Box and Muller, 1958).
  mutating func gaussian() -> Double {
    (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
  }

  /// `count` distinct numbers of 0..<bound, ascending; all of them when there are no more.
  mutating func sample(_ count: Int, of bound: Int) -> [Int] {
    guard count < bound else { return Array(0..<bound) }
    // Knuth's selection sampling (TAOCP 3.4.2, S): one pass, ascending by itself.
    var chosen: [Int] = []
    chosen.reserveCapacity(count)
    for number in 0..<bound where below(bound - number) < count - chosen.count { chosen.append(number) }
    return chosen
  }

  mutating func shuffle<Element>(_ elements: inout [Element]) {
    for place in stride(from: elements.count - 1, to: 0, by: -1) { elements.swapAt(place, below(place + 1)) }
  }
}
