/// Which changes of the unavailable items every worker has taken in, and which stand on the disk: decides when a call may
/// be answered, and when to write. No clock, no I/O; `Control` performs.
///
/// Who is told "done" may rely on two things: no answer composed from then on has the item, and a restart keeps it. So a
/// call is answered when both hold of every change that was made before it, whoever asked for that.
struct AvailabilityProgress {
  enum Outcome: Sendable, Equatable {
    case done
    /// In force in every worker, but not on the disk, for this reason.
    case notSaved(String)
  }

  /// The number of the newest change; they count from 1.
  private(set) var newest = 0
  /// By worker that answers, the newest change that it has taken in.
  private var taken: [Int: Int] = [:]
  /// The newest change that is on the disk.
  private var saved = 0
  /// The newest change that a write was begun for; and the one that failed, until the next is begun.
  private var tried = 0
  private var failed: (change: Int, reason: String)?
  private var isSaving = false
  private var awaiting: [(change: Int, tell: (Outcome) -> Void)] = []

  init(workers: Set<Int>) {
    for worker in workers { taken[worker] = 0 }
  }

  /// Calls are not answered yet, or a write is under way.
  var isBusy: Bool { isSaving || !awaiting.isEmpty }

  /// A change is made: its number, which workers are told.
  mutating func begin() -> Int {
    newest += 1
    return newest
  }

  /// A call is answered when what it asked for, and everything before it, is done.
  mutating func await(_ tell: @escaping (Outcome) -> Void) { awaiting.append((newest, tell)) }

  /// A worker has taken in a change and those before it.
  mutating func took(_ worker: Int, _ change: Int) {
    if let before = taken[worker] { taken[worker] = max(before, change) }
  }

  /// It answers nobody any more.
  mutating func ended(_ worker: Int) { taken[worker] = nil }

  /// Whether to write the set as it is now. One write at a time; one that failed is tried again when a call comes.
  mutating func beginSaving(retries: Bool) -> Bool {
    guard !isSaving, tried < newest || retries && saved < newest else { return false }
    isSaving = true
    tried = newest
    failed = nil
    return true
  }

  /// The write has ended; `failure` says why it came to nothing.
  mutating func endSaving(failure: String?) {
    isSaving = false
    if let failure { failed = (tried, failure) } else { saved = tried }
  }

  /// The newest change was read from the disk.
  mutating func isOnDisk() {
    saved = newest
    tried = newest
    failed = nil
  }

  /// The calls that may be answered now, each with what became of it.
  mutating func takeFinished() -> [() -> Void] {
    let everywhere = taken.values.min() ?? newest
    var finished: [() -> Void] = []
    awaiting.removeAll { change, tell in
      guard change <= everywhere else { return false }
      if change <= saved {
        finished.append { tell(.done) }
      } else if let failed, change <= failed.change {
        finished.append { tell(.notSaved(failed.reason)) }
      } else {
        return false
      }
      return true
    }
    return finished
  }
}
