/// Carries messages to a loop from any thread: the only way to reach one from outside.
///
/// `uv_async_send` coalesces, so messages lie in a queue of our own and the wake-up only says "look". Each sender's
/// messages arrive in the order of its posts; nothing is lost while the mailbox is open. An open mailbox keeps its
/// loop running. Dropping it, on any thread, delivers what was posted and then closes it.
public final class Mailbox<Message: Sendable>: Sendable {
  private let queue: MailQueue<Message>

  /// Make it on the loop's thread, or before the loop runs. `deliver` is called on the loop's thread.
  public init(loop: EventLoop, deliver: @escaping (Message) -> Void) throws(LoopError) {
    let queue = MailQueue<Message>()
    self.queue = queue
    let reader = MailReader(queue, deliver)
    let slot = try WakeSlot(loop.core, wake: reader.deliverSome, closed: queue.loopHasGone)
    queue.opened(slot)
  }

  deinit { queue.close() }

  /// False, and the message dropped, once the mailbox or its loop is closed.
  @discardableResult
  public func post(_ message: Message) -> Bool { queue.post(message) }

  /// Refuses further posts, delivers what was posted before, then lets the loop go. From any thread.
  public func close() { queue.close() }
}

/// The side that any thread may touch.
final class MailQueue<Message: Sendable>: Sendable {
  struct State {
    var messages: [Message] = []
    var isClosed = false
    /// The loop's handle; nil once it is closing. Under the lock, because a wake-up of a closed handle is a use
    /// after free.
    var wake: WakeSlot.Address?
  }

  private let state = Guarded(State())

  func opened(_ slot: WakeSlot) {
    let address = slot.isClosing ? nil : slot.address
    state.withLock { state in
      state.wake = address
      if address == nil { state.isClosed = true }
    }
  }

  func post(_ message: Message) -> Bool {
    state.withLock { state in
      guard !state.isClosed, let wake = state.wake else { return false }
      state.messages.append(message)
      // Only the first of a batch wakes: an eventfd write is a system call.
      if state.messages.count == 1 { wake.send() }
      return true
    }
  }

  func close() {
    state.withLock { state in
      state.isClosed = true
      state.wake?.send()
    }
  }

  func loopHasGone() {
    let unread = state.withLock { state in
      state.isClosed = true
      state.wake = nil
      let unread = state.messages
      state.messages = []
      return unread
    }
    _ = unread  // Freed outside the lock: a message's deinit may post.
  }

  /// Trades the messages for an empty array, whose storage the queue then fills. Says whether more may come.
  func take(into empty: inout [Message]) -> Bool {
    state.withLock { state in
      swap(&state.messages, &empty)
      return !state.isClosed
    }
  }
}

/// The loop's side.
private final class MailReader<Message: Sendable> {
  /// Messages delivered before streams and timers get their turn again.
  static var messagesPerTurnMax: Int { 256 }

  private let queue: MailQueue<Message>
  private let deliver: (Message) -> Void
  private var batch: [Message] = []
  private var next = 0

  init(_ queue: MailQueue<Message>, _ deliver: @escaping (Message) -> Void) {
    self.queue = queue
    self.deliver = deliver
  }

  /// Returns what is to be done next: wait, come back soon, or close.
  func deliverSome() -> WakeSlot.Next {
    var isOpen = true
    for _ in 0..<MailReader.messagesPerTurnMax {
      if next == batch.count {
        batch.removeAll(keepingCapacity: batch.capacity <= MailReader.messagesPerTurnMax * 4)
        next = 0
        isOpen = queue.take(into: &batch)
        if batch.isEmpty { return isOpen ? .wait : .close }
      }
      let message = batch[next]
      next += 1
      deliver(message)
    }
    return .comeBack
  }
}
