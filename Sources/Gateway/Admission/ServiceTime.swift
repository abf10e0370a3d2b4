/// How long something takes, as a slow average and a quick one.
///
/// One measurement that is far out (the thread lost its core for 50 ms) must not make everything look slow, and a change
/// that stays must show soon: the estimate is the quick average, but at least the slow one and at most twice it.
struct ServiceTime: Sendable {
  private static let quickWeight = 1.0 / 8
  private static let slowWeight = 1.0 / 128

  private var quick = 0.0
  private var slow = 0.0
  private var samples = 0
  private var notedNanoseconds: UInt64 = 0

  mutating func note(nanoseconds: UInt64, now: UInt64) {
    samples += 1
    // The plain mean until there are enough: the first, which meets cold memory, must not count for long.
    quick += (Double(nanoseconds) - quick) * max(Self.quickWeight, 1 / Double(samples))
    slow += (Double(nanoseconds) - slow) * max(Self.slowWeight, 1 / Double(samples))
    notedNanoseconds = now
  }

  /// The plain average, for what many take together; nil while nothing is known.
  var meanNanoseconds: UInt64? { samples == 0 ? nil : UInt64(slow) }

  /// What the next one takes; nil while nothing is known.
  var nanoseconds: UInt64? { samples == 0 ? nil : UInt64(min(max(quick, slow), 2 * slow)) }

  /// The same, halved for every `interval` without a measurement: were the estimate too high for anything to be tried,
  /// nothing would ever correct it.
  func nanoseconds(_ now: UInt64, halvedEvery interval: UInt64) -> UInt64? {
    let silent = now > notedNanoseconds ? (now - notedNanoseconds) / max(1, interval) : 0
    return nanoseconds.map { silent > 32 ? 0 : $0 >> silent }
  }
}
