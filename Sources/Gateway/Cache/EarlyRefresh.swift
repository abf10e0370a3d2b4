import Glibc

/// XFetch (Vattani et al., VLDB 2015): the closer to expiry, the likelier a read is asked to refresh.
enum EarlyRefresh {
  /// The longest margin: ⌊−ln U⌋ reaches 12 once in 160,000 reads.
  static let secondsMax = 12
  /// e^(−n) of the range of a random number, by n: ⌊−ln U⌋ of a uniform U without a logarithm a request.
  private static let thresholds = (0..<secondsMax).map { $0 == 0 ? .max : UInt64(exp(-Double($0)) * 0x1p64) }

  /// How long before expiry this read refreshes: one second and ⌊−ln U⌋ more. Computing takes far less than memcached's
  /// grain of a second, so the margin is one of those.
  static func seconds(_ random: inout some RandomNumberGenerator) -> Int {
    let chance = random.next()
    var seconds = 1
    while seconds < secondsMax && chance < thresholds[seconds] { seconds += 1 }
    return seconds
  }
}
