import Reactor
import Synchronization

/// How many connections a worker has or is about to have: written by the acceptor and the worker, read by the acceptor.
final class WorkerLoad: Sendable {
  private let count = Atomic(0)

  var connections: Int { count.load(ordering: .relaxed) }
  func handedOut() { count.add(1, ordering: .relaxed) }
  func ended() { count.subtract(1, ordering: .relaxed) }
}

/// A connection on its way from the acceptor to a worker. Counts as that worker's until it is let go.
final class HandedConnection: Sendable {
  let descriptor: OwnedDescriptor
  let isUnix: Bool
  private let load: WorkerLoad

  init(_ descriptor: OwnedDescriptor, isUnix: Bool, load: WorkerLoad) {
    self.descriptor = descriptor
    self.isUnix = isUnix
    self.load = load
    load.handedOut()
  }

  deinit { load.ended() }
}

/// The acceptor of `http.accept: handover`: one thread with a loop that takes every connection and gives it to the worker
/// that has the fewest. Of equals the next in turn, so that short connections go round, too.
final class Acceptance: Sendable {
  private enum Message { case open, close }

  private let mailbox: Mailbox<Message>
  private let carrier: Carrier

  /// What the acceptor's thread alone uses once it runs.
  private final class Carrier: @unchecked Sendable {
    let loop: EventLoop
    let claims: [AddressClaim]
    let workers: [(mailbox: Mailbox<WorkerMessage>, load: WorkerLoad)]
    var acceptors: [Acceptor] = []
    var next = 0
    /// Told when every socket is accepted from, or why not, and when none is any more.
    var opened: (LoopError?) -> Void = { _ in }
    var closed: () -> Void = {}

    init(_ loop: EventLoop, _ claims: [AddressClaim], _ workers: [(Mailbox<WorkerMessage>, WorkerLoad)]) {
      self.loop = loop
      self.claims = claims
      self.workers = workers
    }

    func open() throws(LoopError) {
      for claim in claims {
        for socket in try claim.open(0, of: 1) {
          let isUnix = claim.address.isUnix
          acceptors.append(
            try Acceptor(loop: loop, adopting: socket) { [unowned self] in give($0, isUnix: isUnix) })
        }
      }
    }

    private func give(_ descriptor: OwnedDescriptor, isUnix: Bool) {
      var chosen = next
      for offset in 1..<workers.count {
        let candidate = (next + offset) % workers.count
        if workers[candidate].load.connections < workers[chosen].load.connections { chosen = candidate }
      }
      next = (chosen + 1) % workers.count
      let connection = HandedConnection(descriptor, isUnix: isUnix, load: workers[chosen].load)
      workers[chosen].mailbox.post(.connection(connection))
    }

    func receive(_ message: Message) {
      switch message {
      case .open:
        do throws(LoopError) {
          try open()
          opened(nil)
        } catch { opened(error) }
      case .close:
        for acceptor in acceptors { acceptor.close() }
        acceptors = []
        loop.stop()
        closed()
      }
    }
  }

  init(_ claims: [AddressClaim], _ workers: [(Mailbox<WorkerMessage>, WorkerLoad)]) throws(LoopError) {
    let carrier = Carrier(try EventLoop(), claims, workers)
    self.carrier = carrier
    mailbox = try Mailbox(loop: carrier.loop) { [unowned carrier] in carrier.receive($0) }
  }

  /// Runs the loop; the callbacks come on its thread.
  func start(
    opened: @escaping @Sendable (LoopError?) -> Void, closed: @escaping @Sendable () -> Void
  ) throws -> LoopThread {
    carrier.opened = opened
    carrier.closed = closed
    return try LoopThread.spawn(name: "acceptor") { [carrier] in carrier.loop.run() }
  }

  /// Before the loop runs.
  func openNow() throws(LoopError) { try carrier.open() }

  func open() { mailbox.post(.open) }

  /// Accepts no more; what was accepted before is with its worker when `closed` is called.
  func close() { mailbox.post(.close) }
}
