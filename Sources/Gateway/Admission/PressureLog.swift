/// Which level changes are worth a line: the first at once, later ones at most one a second, each line with the highest
/// level since the one before. A worker under pressure has better things to do than to write.
struct PressureLog: Sendable {
  static let gapNanoseconds: UInt64 = 1_000_000_000

  struct Line: Sendable, Equatable {
    let level: PressureLevel
    let highest: PressureLevel
    /// Changes since the last line, this one included.
    let changes: UInt64
  }

  private var writtenAt: UInt64?
  private var highest = PressureLevel.calm
  private var changes: UInt64 = 0
  private var written = PressureLevel.calm

  /// The level has changed.
  mutating func note(_ level: PressureLevel) {
    highest = max(highest, level)
    changes += 1
  }

  /// The line to write now, if there is one: asked after each change, and once a tick for what was held back.
  mutating func line(_ level: PressureLevel, now: UInt64) -> Line? {
    guard changes > 0, writtenAt.map({ now >= $0 + PressureLog.gapNanoseconds }) ?? true else { return nil }
    defer {
      writtenAt = now
      written = level
      highest = level
      changes = 0
    }
    return Line(level: level, highest: max(highest, written), changes: changes)
  }
}
