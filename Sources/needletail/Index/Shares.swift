import Reactor
import Synchronization

/// Runs `body` for each of `0..<count` on some threads, the caller's among them. `body` calls `step` as it goes on, and
/// `progress` hears of it on the caller's thread.
func forEachShare(
  of count: Int, threads: Int, stepsInAll: Int, _ progress: (Double) -> Void,
  _ body: @escaping @Sendable (Int, _ step: () -> Void) -> Void
) {
  let counts = ShareCounts()
  let helpers = (1..<max(1, min(threads, count))).compactMap { _ in
    // No thread to be had: the others do its share.
    try? LoopThread.spawn(name: "exact answers") {
      while let share = counts.take(count) { body(share) { counts.step() } }
    }
  }
  while let share = counts.take(count) {
    body(share) {
      counts.step()
      progress(Double(counts.steps) / Double(max(1, stepsInAll)))
    }
  }
  for helper in helpers { helper.join() }
  progress(1)
}

private final class ShareCounts: Sendable {
  private let next = Atomic(0)
  private let done = Atomic(0)

  func take(_ count: Int) -> Int? {
    let share = next.add(1, ordering: .relaxed).oldValue
    return share < count ? share : nil
  }

  func step() { done.add(1, ordering: .relaxed) }
  var steps: Int { done.load(ordering: .relaxed) }
}
