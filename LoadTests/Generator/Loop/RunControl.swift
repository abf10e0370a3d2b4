internal import Reactor
internal import Synchronization

/// What the threads of a run share: when it begins, whether it is over, and what they found.
final class RunControl: Sendable {
  /// When the measured part begins, by the monotonic clock; 0 while connections are being made.
  let start = Atomic<Int64>(0)
  /// When to stop planning, since the start; `max` is as planned.
  let end = Atomic<Int64>(.max)
  /// Connections that stand, before the start.
  let connected = Atomic(0)
  /// Why one could not be made: an errno.
  let connectFailure = Atomic<Int32>(0)
  /// Connecting took too long: go home.
  let isAbandoned = Atomic(false)

  /// Seconds as known when the next began, by thread.
  let progress = Guarded<[Int: [Int: Tally.Second]]>([:])
  let reports = Guarded<[ThreadReport]>([])
  let failure = Guarded<LoadError?>(nil)
}

struct ThreadReport: Sendable {
  var tally: Tally
  /// Of the measured part, less what was spun.
  var cpuNanoseconds: Int64
  /// From the beginning of the measured part to the last answer.
  var wallNanoseconds: Int64
}
