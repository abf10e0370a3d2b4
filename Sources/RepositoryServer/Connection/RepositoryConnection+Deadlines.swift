internal import Reactor

extension RepositoryConnection {
  /// Closes when the client has let its time go by. Called once a second.
  func checkDeadline(now: UInt64) {
    guard isLate(now) else { return }
    server.counts.connectionsTimedOut += 1
    stream.close()
  }

  private func isLate(_ now: UInt64) -> Bool {
    let limits = server.limits
    func lasts(longerThan seconds: Int) -> Bool { now > sinceNanoseconds + UInt64(seconds) * 1_000_000_000 }
    switch activity {
    case .idle: return lasts(longerThan: hasHeadBegun ? limits.headSeconds : limits.idleSeconds)
    case .discarding, .collecting, .uploading: return pace?.isTooSlow(now: now, bytes: movedBytes) ?? false
    case .sending:
      // What has arrived, not what the kernel holds: a window of some MB would hide a reader that has stopped.
      let arrived = movedBytes - stream.queuedBytes - stream.unacknowledgedBytes
      return pace?.isTooSlow(now: now, bytes: arrived) ?? false
    case .lingering:
      // A queue that still moves is the answer on its way.
      return lasts(longerThan: limits.lingerSeconds)
    case .working, .over: return false
    }
  }
}
