import Configuration

/// How long a client may take over each thing that it owes. All times are absolute and in nanoseconds of the loop's
/// clock; nothing here has a clock, or touches a connection.
///
/// A client owes a head from its first byte, however many reads that takes; then a body, at a rate; it owes reading what
/// it asked for, at a rate; and after its last answer it owes the end. Between two requests it owes nothing, and is kept
/// for as long as there is room.
struct ConnectionDeadlines: Sendable {
  /// Shortest idle time under the greatest pressure: a client that goes on at once is still served on its connection.
  static let idleNanosecondsMin: UInt64 = 1_000_000_000
  /// Time that a body may take whatever its rate: one lost packet costs a second or three (RFC 6298).
  static let bodyGraceNanoseconds: UInt64 = 5_000_000_000
  /// After the last answer, input is dropped until the client closes, for as long and as much as this: the answer may
  /// else be destroyed by a reset (RFC 9112 §9.6). nginx's lingering_timeout is 5 s; a client that is still sending the
  /// longest body there is when it is refused fits in.
  static let lingerNanosecondsMax: UInt64 = 5_000_000_000
  static let lingerBytesMax = 1 << 20

  let headNanoseconds, bodyNanoseconds, idleNanoseconds, writeNanoseconds: UInt64
  /// Shorter when the node drains.
  var lingerNanoseconds: UInt64
  /// When a request that has begun to arrive must be whole, if the node drains; one that began later than that has had
  /// its time from then.
  var drain: (beganNanoseconds: UInt64, requestNanoseconds: UInt64)?
  /// Bytes a second that a client must send and read; 0 for any.
  let rateMin: Int

  init(_ http: HTTPSettings) {
    headNanoseconds = UInt64(http.headTimeoutMilliseconds) * 1_000_000
    bodyNanoseconds = UInt64(http.bodyTimeoutMilliseconds) * 1_000_000
    idleNanoseconds = UInt64(http.idleTimeoutMilliseconds) * 1_000_000
    writeNanoseconds = UInt64(http.writeTimeoutMilliseconds) * 1_000_000
    lingerNanoseconds = min(writeNanoseconds, ConnectionDeadlines.lingerNanosecondsMax)
    rateMin = http.rateBytesMin
  }

  /// What a connection is doing when its time is looked at.
  enum Stage: Equatable {
    /// Nothing is owed.
    case idle
    /// A head has begun to arrive.
    case head(sinceNanoseconds: UInt64)
    /// A head is complete and so many bytes of its body have come.
    case body(sinceNanoseconds: UInt64, bytes: Int)
    /// Output waits for the client to read.
    case writing
    /// The last answer is out.
    case lingering(sinceNanoseconds: UInt64)
  }

  enum Verdict: Equatable {
    /// Look again then.
    case wait(untilNanoseconds: UInt64)
    /// Nothing runs.
    case none
    case late(CloseReason)
    /// Closed without another word; its reason is known from before.
    case lingeredEnough
  }

  /// What is due of a connection in `stage` at `now`; `progress` judges output, and takes note of it.
  func verdict(_ stage: Stage, _ progress: inout WriteProgress, takenBytes: UInt64, now: UInt64) -> Verdict {
    switch stage {
    case .idle: .none
    case .head(let since): until(hurried(since, since + headNanoseconds), now, .headTimeout)
    case .body(let since, let bytes): until(hurried(since, bodyDeadline(since, bytes)), now, .bodyTimeout)
    case .writing: progress.verdict(self, takenBytes: takenBytes, now: now)
    case .lingering(let since):
      now >= since + lingerNanoseconds ? .lingeredEnough : .wait(untilNanoseconds: since + lingerNanoseconds)
    }
  }

  /// Who still sends when the node drains gets less, from the drain's beginning or the request's, whichever is later.
  private func hurried(_ since: UInt64, _ deadline: UInt64) -> UInt64 {
    guard let drain else { return deadline }
    return min(deadline, max(since, drain.beganNanoseconds) + drain.requestNanoseconds)
  }

  private func until(_ deadline: UInt64, _ now: UInt64, _ reason: CloseReason) -> Verdict {
    now >= deadline ? .late(reason) : .wait(untilNanoseconds: deadline)
  }

  /// Each byte that came moves it on by what a byte may take, up to the absolute end.
  private func bodyDeadline(_ since: UInt64, _ bytes: Int) -> UInt64 {
    let end = since + bodyNanoseconds
    guard rateMin > 0 else { return end }
    let earned = UInt64(bytes).multipliedFullWidth(by: 1_000_000_000)
    guard earned.high < UInt64(rateMin) else { return end }
    let nanoseconds = UInt64(rateMin).dividingFullWidth(earned).quotient
    let (sum, overflows) = (since + ConnectionDeadlines.bodyGraceNanoseconds).addingReportingOverflow(nanoseconds)
    return overflows ? end : min(end, sum)
  }

  /// How long a connection may be idle when so many of `connectionsMax` are open and the node is so busy: all of
  /// `http.idleTimeout` up to half of the cap, then less in a straight line to a second at the cap.
  func idleNanoseconds(open: Int, connectionsMax: Int, pressure: Double = 0) -> UInt64 {
    let least = min(idleNanoseconds, ConnectionDeadlines.idleNanosecondsMin)
    let full = Double(open) / Double(max(1, connectionsMax))
    let share = max(0, min(1, max(2 * full - 1, pressure)))
    return idleNanoseconds - UInt64(Double(idleNanoseconds - least) * share)
  }
}

/// Whether a client takes what is sent to it. The deadline runs while output waits here; what the kernel has taken does
/// not count as read, what the client's kernel has acknowledged does.
struct WriteProgress: Equatable {
  /// When the present stretch of `writeTimeout` began; 0 while nothing waits.
  private var sinceNanoseconds: UInt64 = 0
  private var takenBytes: UInt64 = 0

  var isRunning: Bool { sinceNanoseconds != 0 }

  /// Output has begun to wait. Returns when to look again.
  mutating func begin(_ deadlines: ConnectionDeadlines, takenBytes: UInt64, now: UInt64) -> UInt64 {
    sinceNanoseconds = max(1, now)
    self.takenBytes = takenBytes
    return now + deadlines.writeNanoseconds
  }

  mutating func end() { sinceNanoseconds = 0 }

  /// In each stretch the client must take what the rate demands, and at least a byte.
  fileprivate mutating func verdict(
    _ deadlines: ConnectionDeadlines, takenBytes: UInt64, now: UInt64
  ) -> ConnectionDeadlines.Verdict {
    guard isRunning else {
      return .wait(untilNanoseconds: begin(deadlines, takenBytes: takenBytes, now: now))
    }
    let end = sinceNanoseconds + deadlines.writeNanoseconds
    guard now >= end else { return .wait(untilNanoseconds: end) }
    let taken = takenBytes > self.takenBytes ? takenBytes - self.takenBytes : 0
    let wanted = max(1, UInt64(Double(deadlines.rateMin) * Double(now - sinceNanoseconds) / 1e9))
    guard taken >= wanted else { return .late(.writeTimeout) }
    return .wait(untilNanoseconds: begin(deadlines, takenBytes: takenBytes, now: now))
  }
}
