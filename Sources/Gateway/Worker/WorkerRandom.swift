import Bytes

/// A worker's random numbers: ids of answers, jitter of TTLs, early refreshes. Nothing secret is made of them.
///
/// `SystemRandomNumberGenerator` is a system call a number, two for each answer: half a microsecond of the eleven that an
/// L1 hit took. SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) is two multiplications; its state comes from the system.
struct WorkerRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A seed that nobody can guess.
  static func systemSeed() -> UInt64 {
    var system = SystemRandomNumberGenerator()
    return system.next()
  }

  /// A key that follows from the seed: for simulations, which have no secrets.
  var identityKey: IdentityKey {
    var numbers = self
    let bytes = (0..<16).map { _ in UInt8(truncatingIfNeeded: numbers.next()) }
    return IdentityKey(bytes: bytes.span.bytes)!
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
