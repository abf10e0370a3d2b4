internal import Glibc

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): tiny, and the same on every machine.
///
/// A request's random numbers come from its own stream, made of the run's seed and the request's number. So what the
/// hundredth request is does not depend on threads, on answers, or on what was drawn for the ninety-ninth.
struct Random64: Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  init(seed: UInt64, stream: UInt64) {
    state = Random64.mixed(seed ^ Random64.mixed(stream &+ 0x9E37_79B9_7F4A_7C15))
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Random64.mixed(state)
  }

  /// In 0..<1, 53 bits.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// In 0..<count. The bias is below count / 2⁶⁴.
  mutating func below(_ count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }

  /// Of mean 1.
  mutating func exponential() -> Double { -log(1 - unit()) }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }
}
