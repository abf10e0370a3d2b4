internal import Glibc

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): tiny, seedable, and the same on every machine, so a printed seed
/// replays a failure.
public struct SeededRandom: RandomNumberGenerator, Sendable {
  public let seed: UInt64
  private var state: UInt64

  public init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// A standard normal number (Box and Muller, 1958).
  public mutating func gaussian() -> Float {
    let u = Double.random(in: .leastNonzeroMagnitude...1, using: &self)
    let v = Double.random(in: 0...1, using: &self)
    return Float((-2 * log(u)).squareRoot() * cos(2 * .pi * v))
  }
}
