import Bytes
import Configuration

/// The configuration in force and what became of the last attempt to read a newer one.
struct Reloading {
  enum Outcome: Sendable {
    /// Sentences with file and line, as `check-config` prints them. The old configuration goes on.
    case refused(String)
    case read(ConfigurationChange, ServingPlan)
  }

  /// What was read last and is in force, with older values of the keys that wait for a restart.
  private(set) var source: ConfigurationSource?
  private(set) var isSuccessful = true
  /// Unix seconds of the start, or of the last reading without a mistake.
  private(set) var succeededAt: UInt32
  private(set) var succeeded: UInt64 = 0
  private(set) var refused: UInt64 = 0
  /// Keys whose newest values wait for a restart.
  private(set) var waiting: [String] = []

  private(set) var isUnderWay = false
  /// Asked for while one was under way: the file may have changed after it was read.
  private var isWantedAgain = false

  init(_ source: ConfigurationSource?, now: UInt32) {
    self.source = source
    succeededAt = now
  }

  /// Whether to begin now. One at a time, and the last wish always gets a reading of its own.
  mutating func begin() -> Bool {
    isWantedAgain = isUnderWay
    defer { isUnderWay = true }
    return !isUnderWay
  }

  /// Notes an outcome; true when another reading is wanted.
  mutating func finish(_ outcome: Outcome, now: UInt32) -> Bool {
    isUnderWay = false
    switch outcome {
    case .refused:
      isSuccessful = false
      refused += 1
    case .read(let change, _):
      isSuccessful = true
      succeeded += 1
      succeededAt = now
      waiting = change.waiting
      if let read = source?.read { source = ConfigurationSource(change.configuration, read: read) }
    }
    defer { isWantedAgain = false }
    return isWantedAgain
  }

  /// Reads and checks everything, as a start would. Slow: files, perhaps a network file system.
  static func read(_ source: ConfigurationSource, after placements: Placements) -> Outcome {
    do {
      let new = try source.read()
      // What the file says must be whole by itself, or the next start would fail.
      _ = try ServingPlan(Settings(new), after: placements)
      let change = ConfigurationChange(from: source.configuration, to: new)
      // And so must what will be in force: a token that goes while the address that needed it stays is a hole.
      return .read(change, try ServingPlan(Settings(change.configuration), after: placements))
    } catch {
      return .refused("\(error)")
    }
  }
}
