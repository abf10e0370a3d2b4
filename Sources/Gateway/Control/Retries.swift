import Publishing

/// When a version is tried again that failed for a reason that may pass: at the next look at the repository, then after
/// twice as long each time, for what is wrong for an hour must not be pulled and proven every two seconds. Decides; reads no
/// clock.
struct Retries {
  static let longestNanoseconds: UInt64 = 300_000_000_000

  private struct Wait {
    var nanoseconds: UInt64
    /// Nil while it is being tried.
    var dueNanoseconds: UInt64?
  }

  private var waits: [ModelIdentity: Wait] = [:]

  /// - Parameter firstMilliseconds: how long to wait the first time.
  mutating func failed(_ identity: ModelIdentity, nowNanoseconds now: UInt64, firstMilliseconds: Int) {
    let doubled = waits[identity].map { min($0.nanoseconds * 2, Retries.longestNanoseconds) }
    let wait = doubled ?? UInt64(firstMilliseconds) * 1_000_000
    // Looks come a tenth early at random, and one that comes a moment too early costs a whole round.
    waits[identity] = Wait(nanoseconds: wait, dueNanoseconds: now + wait / 10 * 8)
  }

  /// There is nothing more to try.
  mutating func succeeded(_ identity: ModelIdentity) { waits[identity] = nil }

  /// The versions whose time has come.
  mutating func takeDue(nowNanoseconds now: UInt64) -> [ModelIdentity] {
    let due = waits.filter { $0.value.dueNanoseconds.map { $0 <= now } ?? false }.keys
    for identity in due { waits[identity]!.dueNanoseconds = nil }
    return due.sorted { $0.version < $1.version }
  }

  /// All that wait of a model, now and as if for the first time.
  mutating func take(_ model: String) -> [ModelIdentity] {
    let waiting = waits.filter { $0.key.name == model }
    for identity in waiting.keys { waits[identity] = nil }
    return waiting.filter { $0.value.dueNanoseconds != nil }.keys.sorted { $0.version < $1.version }
  }
}
