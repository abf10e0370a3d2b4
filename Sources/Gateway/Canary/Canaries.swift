import Publishing
import Reactor

/// The control loop's side of canaries: those that run, what is on the disk of them, and the collection of counts that is
/// under way.
struct Canaries {
  struct Run {
    var canary: Canary
    /// The workers' counts when the present step began; nil until they have been asked.
    var baseline: VersionTable?
    /// Of the present step, as of the last look.
    var champion = SideFigures()
    var challenger = SideFigures()
  }

  /// How a canary ended, by model: counters for metrics.
  struct Ends {
    var promoted: UInt64 = 0
    var rejected: [Guardrail: UInt64] = [:]
    var aborted: UInt64 = 0
  }

  var runs: [String: Run] = [:]
  /// What a restart is to know, and what of it is on the disk or on its way there.
  var records: [String: CanaryRecord] = [:]
  var written: [String: CanaryRecord] = [:]
  var ends = Ends()
  /// All workers' counts, as of the last look.
  var counts = VersionTable()
  var timer: Timer?

  private var round: UInt64 = 0
  private var missing: Set<Int> = []
  private var collected = VersionTable()

  /// A new collection from these workers; what is still under way of the last is forgotten. Returns its number.
  mutating func beginRound(_ workers: Set<Int>) -> UInt64 {
    round += 1
    missing = workers
    collected = VersionTable()
    return round
  }

  /// Takes in a worker's counts; the sum, once the last of them is there.
  mutating func take(_ table: VersionTable, round: UInt64, worker: Int) -> VersionTable? {
    guard round == self.round, missing.remove(worker) != nil else { return nil }
    collected.add(table)
    guard missing.isEmpty else { return nil }
    counts = collected
    return collected
  }
}
