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
    case .idle where isStillSending, .lingering where isStillSending: return isReadTooSlowly(now)
    case .idle: return lasts(longerThan: hasHeadBegun ? limits.headSeconds : limits.idleSeconds)
    case .lingering: return lasts(longerThan: limits.lingerSeconds)
    case .discarding, .collecting, .uploading: return pace?.isTooSlow(now: now, bytes: movedBytes) ?? false
    case .sending: return isReadTooSlowly(now)
    case .working, .over: return false
    }
  }

  /// An answer that the client is still reading after all of it was written. Its time to ask anew begins when it has.
  private var isStillSending: Bool {
    guard stream.queuedBytes > 0 else { return false }
    sinceNanoseconds = server.loop.nowNanoseconds
    return true
  }

  /// By what has arrived, not by what the kernel holds: a window of some MB would hide a reader that has stopped.
  private func isReadTooSlowly(_ now: UInt64) -> Bool {
    let underWay = stream.queuedBytes + stream.unacknowledgedBytes
    guard pace != nil else {
      pace = Pace(server.limits, now: now, bytes: movedBytes - underWay, toCome: underWay)
      return false
    }
    let isSending = if case .sending = activity { true } else { false }
    return pace!.isTooSlow(now: now, bytes: movedBytes - underWay, toCome: isSending ? .max : underWay)
  }
}
