import Publishing

/// Admin calls that wait until a version has come to a state. Decides whose wait is over.
///
/// At most one a connection of the admin listener, so `Admin.connectionsMax` of them.
struct VersionWaits {
  struct Wait {
    let model: String
    let version: Int
    let wanted: ModelState
    let deadlineNanoseconds: UInt64
    /// Whether nobody is there any more to be answered.
    let isAbandoned: () -> Bool
    let answer: () -> Void
  }

  private var waits: [Wait] = []

  var isEmpty: Bool { waits.isEmpty }
  /// When the first of them is over at the latest.
  var nextDeadlineNanoseconds: UInt64? { waits.map(\.deadlineNanoseconds).min() }

  mutating func add(_ wait: Wait) { waits.append(wait) }

  /// Takes those out that are over, and drops those that nobody waits for. `state`: where a version stands; nil for one that this node does not know, which
  /// may yet come.
  mutating func takeEnded(now: UInt64, state: (_ model: String, _ version: Int) -> ModelState?) -> [Wait] {
    var ended: [Wait] = []
    waits.removeAll { wait in
      if wait.isAbandoned() { return true }
      let isOver =
        wait.deadlineNanoseconds <= now
        || state(wait.model, wait.version).map { $0.isFinal || $0 >= wait.wanted } ?? false
      if isOver { ended.append(wait) }
      return isOver
    }
    return ended
  }
}
