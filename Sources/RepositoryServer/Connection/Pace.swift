/// Whether a body moves: a client that takes a byte a minute would hold its place for ever.
struct Pace {
  let windowNanoseconds: UInt64
  let bytesMin: Int
  private var since: UInt64
  private var from: Int
  private var toCome: Int

  /// `bytes`: how many have moved; `toCome`: how many are left, where that is known.
  init(_ limits: ServerLimits, now: UInt64, bytes: Int = 0, toCome: Int = .max) {
    windowNanoseconds = UInt64(limits.paceSeconds) * 1_000_000_000
    bytesMin = limits.paceBytesMin
    since = now
    from = bytes
    self.toCome = toCome
  }

  /// Told now and then. Of a rest that is shorter than what a window must move, all has to.
  mutating func isTooSlow(now: UInt64, bytes: Int, toCome left: Int = .max) -> Bool {
    guard now >= since + windowNanoseconds else { return false }
    defer { (since, from, toCome) = (now, bytes, left) }
    return bytes - from < min(bytesMin, toCome)
  }
}
