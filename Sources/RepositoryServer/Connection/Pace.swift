/// Whether a body moves: a client that takes a byte a minute would hold its place for ever.
struct Pace {
  let windowNanoseconds: UInt64
  let bytesMin: Int
  private var since: UInt64
  private var from: Int

  init(_ limits: ServerLimits, now: UInt64, bytes: Int = 0) {
    windowNanoseconds = UInt64(limits.paceSeconds) * 1_000_000_000
    bytesMin = limits.paceBytesMin
    since = now
    from = bytes
  }

  /// Told now and then how many bytes have moved in all.
  mutating func isTooSlow(now: UInt64, bytes: Int) -> Bool {
    guard now >= since + windowNanoseconds else { return false }
    defer { (since, from) = (now, bytes) }
    return bytes - from < bytesMin
  }
}
