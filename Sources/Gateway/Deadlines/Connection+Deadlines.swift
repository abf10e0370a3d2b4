import Bytes
import HTTP
import Reactor

/// What is noted of a client that is slow, stuck or leaving.
struct ClientDebts {
  var writeProgress = WriteProgress()
  /// Dropped while lingering.
  var droppedBytes = 0
  /// What the worker's budget counts of the connection.
  var heldBytes = 0
  /// The first thing that made the connection end.
  var closeReason: CloseReason?
}

// How long a client may take, and how much of it is held meanwhile. None of this runs for requests that come whole and
// whose answers are taken at once.
extension Connection {
  /// What the client owes now.
  private var stage: ConnectionDeadlines.Stage {
    if stream.queuedBytes > 0 { return .writing }
    switch phase {
    case .lingering: return .lingering(sinceNanoseconds: activeNanoseconds)
    case .reading where headBytes > 0:
      let bytes = body.count + inbox.count - start - parsed
      return .body(sinceNanoseconds: bodySinceNanoseconds, bytes: bytes)
    case .reading where inbox.count > start: return .head(sinceNanoseconds: startedNanoseconds)
    default: return .idle
    }
  }

  /// A request has begun to arrive and is not whole.
  var isInsideRequest: Bool {
    switch stage {
    case .head, .body: true
    case .idle, .writing, .lingering: false
    }
  }

  /// Something waits to be complete, to be answered or to be read: is there room, and for how long may it?
  func settle() {
    if phase == .lingering { dropInput() }
    pauseIfFull()
    hold()
    if stream.isOpen { watch(worker.loop.turnNanoseconds) }
  }

  /// A time has come at which a deadline may be over.
  func deadlineReached(now: UInt64) {
    if stream.isOpen { watch(now) }
  }

  private func watch(_ now: UInt64) {
    let stage = stage
    // A system call, so only when it counts.
    let waiting = stage == .writing ? stream.queuedBytes + stream.unacknowledgedBytes : 0
    let taken = flushedBytes - min(flushedBytes, UInt64(waiting))
    switch worker.patience.verdict(stage, &debts.writeProgress, takenBytes: taken, now: now) {
    case .none: break
    case .wait(let until): worker.wake(self, atNanoseconds: until)
    case .lingeredEnough: cutLingering()
    case .late(.writeTimeout): close(.writeTimeout)
    case .late(let reason):
      worker.refuse(reason == .headTimeout ? .headTimeout : .bodyTimeout, on: self)
      linger(reason)
    }
  }

  // MARK: The end.

  /// Closes without another word.
  func close(_ reason: CloseReason) {
    debts.closeReason = debts.closeReason ?? reason
    stream.close()
  }

  /// The client sends on after its last answer.
  func dropped(_ count: Int) {
    debts.droppedBytes += count
    if phase == .lingering && debts.droppedBytes > ConnectionDeadlines.lingerBytesMax { cutLingering() }
  }

  private func cutLingering() {
    guard stream.isOpen else { return }
    worker.metrics.lingersCut += 1
    stream.close()
  }

  // MARK: The budget.

  /// Tells the worker what is held here, if that has changed. It may then be this connection that has to let go.
  private func hold() {
    var held = 0
    if stream.isOpen {
      let isHolding = phase != .lingering && (inbox.count > start || headBytes > 0)
      let grown = inbox.capacity - Connection.inboxBytes + body.capacity - Connection.bodyBytes
      held = (isHolding ? max(0, grown) : 0) + stream.queuedBytes
    }
    guard held != debts.heldBytes else { return }
    debts.heldBytes = held
    worker.hold(self, bytes: held)
  }

  /// Lets go of what is held here, with an answer if the client can still be told; false while that cannot be, because
  /// the request is being answered.
  func giveUpBuffers() -> Bool {
    if stream.queuedBytes > 0 {
      close(.buffers)
      hold()
    } else {
      guard phase == .reading else { return false }
      worker.refuseForRoom(self)
      linger(.buffers)
    }
    return true
  }
}
