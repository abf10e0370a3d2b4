import Bytes
import Events
import Memcached
import Model
import Reactor

/// The events of one request on their way into their users' windows. The answer waits for them, and for every worker to
/// have the new windows: an answer after the 202 reflects the events whichever worker gives it.
final class EventBatch {
  /// How long the answer waits for other workers. One that has not said a word for so long hangs or has ended in the
  /// middle of a drain; it has no window that could be old for long.
  static let patienceNanoseconds: UInt64 = 1_000_000_000

  let id: UInt64
  let connectionSlot: Int
  var accepted = 0
  var duplicates = 0
  var rejected: [(index: Int, reason: String)] = []
  /// Windows being written, and workers that have not yet said that they have one.
  var pending = 0
  /// When a window was last sent to the other workers; nil before.
  var sharedNanoseconds: UInt64?

  init(id: UInt64, connectionSlot: Int) {
    self.id = id
    self.connectionSlot = connectionSlot
  }
}

/// New interactions of one user, to be merged into the window that memcached has.
///
/// Read, merge, write if unchanged, and again when it was changed: two nodes that take events of one user at once both
/// keep theirs (CAS; memcached's protocol.txt, "ms", C flag).
final class WindowUpdate {
  /// Writers of one user at one moment are few; a fifth loss in a row means that something else is wrong.
  static let attemptsMax = 5

  enum Step { case reading, writing([UInt8]) }

  let id: UInt64
  let user: UserHash
  let events: [EventRecord]
  let batch: EventBatch
  var attempts = 0
  var step = Step.reading

  init(id: UInt64, user: UserHash, events: [EventRecord], batch: EventBatch) {
    self.id = id
    self.user = user
    self.events = events
    self.batch = batch
  }

  /// The window that comes of adding the events to another. Nil `current` or one that is no window: to none.
  ///
  /// Each event is later than the ones before it, by a second if need be: the time of the newest names the state of a
  /// window, so that a list that was made before an event is told from one made after it (`Recipe.accepts`). A user who
  /// does something every 100 ms for a minute runs nine minutes ahead of the clock, which no weight notices.
  func merged(into current: RawSpan?) -> [UInt8] {
    var window = ByteBuffer(capacity: Window.bytesMax)
    if let current, isWindow(current) { window.append(current) } else { Window.appendEmpty(to: &window) }
    for event in events {
      guard let type = InteractionType(event.type) else { continue }
      var next = ByteBuffer(capacity: Window.bytesMax)
      do {
        let known = try Window(window.bytes)
        let time = known.isEmpty ? event.time : max(event.time, known.time(0) == .max ? .max : known.time(0) + 1)
        guard let added = WindowEvent(time: time, type: type, itemID: event.itemID.utf8.span.bytes) else { continue }
        known.append(adding: added, to: &next)
      } catch {
        preconditionFailure("a window that was just composed is none: \(error)")
      }
      window = next
    }
    return window.bytes.copied()
  }
}

extension InteractionType {
  /// Nil for what says nothing of the user's interest.
  init?(_ type: EventType) {
    switch type {
    case .impression: return nil
    case .click: self = .click
    case .view: self = .view
    case .addToCart: self = .addToCart
    case .purchase: self = .purchase
    }
  }
}

extension Worker {
  /// Sets out to merge one user's events.
  func update(_ update: WindowUpdate) {
    update.batch.pending += 1
    read(update)
  }

  private func read(_ update: WindowUpdate) {
    update.attempts += 1
    update.step = .reading
    key.removeAll()
    placements.windowKeys.append(update.user, to: &key)
    guard update.attempts <= WindowUpdate.attemptsMax, let memcached,
      memcached.get(key: key.bytes, echoesKey: true, ticket: Ticket.windowUpdate(update.id).number)
    else {
      if memcached != nil { metrics.windowFailures += 1 }
      return mergeHere(update)
    }
    windowUpdates[update.id] = update
  }

  /// Without memcached, this gateway's copies are all there is.
  private func mergeHere(_ update: WindowUpdate) {
    key.removeAll()
    placements.windowKeys.append(update.user, to: &key)
    let entry = l1.find(key.bytes, now: unixSeconds)
    let window = entry.map { l1.withValue($0) { update.merged(into: $0) } } ?? update.merged(into: nil)
    share(window, update)
  }

  func windowUpdateAnswered(_ update: WindowUpdate, _ reply: borrowing CacheReply) {
    switch (update.step, reply.status) {
    case (.reading, .hit), (.reading, .miss): write(update, reply)
    case (.writing(let window), .stored): share(window, update)
    case (.writing, .exists), (.writing, .notStored):
      metrics.windowConflicts += 1
      read(update)
    default:
      metrics.windowFailures += 1
      mergeHere(update)
    }
  }

  private func write(_ update: WindowUpdate, _ current: borrowing CacheReply) {
    let isThere = current.status == .hit && current.flags == Window.flags
    let window = isThere ? update.merged(into: current.value) : update.merged(into: nil)
    update.step = .writing(window)
    key.removeAll()
    placements.windowKeys.append(update.user, to: &key)
    let ticket = Ticket.windowUpdate(update.id).number
    metrics.windowWrites += 1
    let sent =
      current.status == .hit
      ? memcached?.set(
        key: key.bytes, value: window.span.bytes, flags: Window.flags, ttlSeconds: Window.ttlSeconds,
        mode: .ifUnchanged(cas: current.cas),
        ticket: ticket)
      : memcached?.set(
        key: key.bytes, value: window.span.bytes, flags: Window.flags, ttlSeconds: Window.ttlSeconds, mode: .add,
        ticket: ticket)
    guard sent == true else {
      metrics.windowFailures += 1
      return share(window, update)
    }
    windowUpdates[update.id] = update
  }

  /// Keeps the new window here and sends it to every other worker.
  private func share(_ window: [UInt8], _ update: WindowUpdate) {
    keepWindow(window.span.bytes, of: update.user)
    let batch = update.batch
    batch.sharedNanoseconds = loop.turnNanoseconds
    for (peer, mailbox) in peers.enumerated() where peer != index {
      if mailbox.post(.window(update.user, window, sender: index, batch: batch.id)) { batch.pending += 1 }
    }
    settle(batch)
  }

  /// One thing that the batch waited for has happened.
  func settle(_ batch: EventBatch) {
    batch.pending -= 1
    if batch.pending == 0 { finish(batch) }
  }

  /// Answers batches that have waited too long for other workers.
  func settleLateBatches(now: UInt64) {
    // In the order of their coming: a dictionary has none, and a simulated run must repeat.
    for batch in batches.values.sorted(by: { $0.id < $1.id }) {
      guard let shared = batch.sharedNanoseconds, now > shared + EventBatch.patienceNanoseconds else { continue }
      finish(batch)
    }
  }

  private func finish(_ batch: EventBatch) {
    batches[batch.id] = nil
    guard let connection = connections[batch.connectionSlot], connection.eventBatch === batch else { return }
    answer(batch, on: connection)
  }
}
