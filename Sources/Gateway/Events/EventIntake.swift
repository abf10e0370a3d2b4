import Bytes
import Events
import Logging
import Reactor

/// Where the events of all workers meet: the ids already seen, and the queue before the disk.
///
/// The one thing that workers share and change. Events are a small share of requests and the lock is held for a set
/// look-up or an append; nothing that answers recommendations takes it.
final class EventIntake: Sendable {
  private struct State {
    var known: EventDeduplicator
    var queue: [EventRecord] = []
    var dropped: UInt64 = 0
    var written: UInt64 = 0
    var failures: UInt64 = 0
    var isClosing = false
  }

  private let state: Guarded<State>
  private let queueMax: Int
  private let wake = WakeUp()
  private let log = Logger(label: "events")

  init(queueMax: Int, now: UInt32) {
    self.queueMax = queueMax
    state = Guarded(State(known: EventDeduplicator(now: now)))
  }

  /// Starts the thread that writes segment files until `close`.
  func startWriting(to folder: String, clock: @escaping @Sendable () -> UInt32) throws -> LoopThread {
    // Opened here once, so that a folder that cannot be written to ends the start and not an hour of events.
    _ = try SegmentWriter(folder: folder).folder
    return try LoopThread.spawn(name: "events") { [self] in
      guard var writer = try? SegmentWriter(folder: folder) else { return }
      while true {
        wake.wait(milliseconds: 1000)
        let (batch, isClosing) = takeBatch()
        do throws(SegmentError) { try writer.write(batch, now: clock()) } catch {
          state.withLock {
            $0.failures += 1
            $0.dropped += UInt64(batch.count)
          }
          log.error("\(batch.count) events could not be kept", metadata: ["reason": "\(error)"])
        }
        if isClosing && batch.isEmpty { return }
      }
    }
  }

  /// Whether this event id, by its hash, comes for the first time in an hour.
  func isNew(_ idHash: UInt64, now: UInt32) -> Bool { state.withLock { $0.known.isNew(idHash, now: now) } }

  /// Queues records for the disk. What the queue has no room for is dropped and counted: a slow disk must not stop
  /// pages.
  func append(_ records: [EventRecord]) {
    state.withLock { state in
      let room = max(0, queueMax - state.queue.count)
      state.queue += records.prefix(room)
      state.dropped += UInt64(max(0, records.count - room))
    }
    wake.signal()
  }

  /// Writes what is queued, then ends the thread.
  func close() {
    state.withLock { $0.isClosing = true }
    wake.signal()
  }

  var counts: (queued: Int, dropped: UInt64, written: UInt64) {
    state.withLock { ($0.queue.count, $0.dropped, $0.written) }
  }

  private func takeBatch() -> ([EventRecord], Bool) {
    state.withLock { state in
      let batch = state.queue
      state.queue = []
      state.written += UInt64(batch.count)
      return (batch, state.isClosing)
    }
  }
}
