import Bytes
import Events
import Glibc
import Logging
public import Configuration
import Publishing
public import Reactor

/// The gateway as a process part: workers, control plane and the threads beside them, from start to end.
public final class Server {
  public let settings: Settings
  private let log = Logger(label: "server")
  private let loop: EventLoop
  private let workers: [Worker]
  private let control: Control
  private let admin: Admin
  private let intake: EventIntake
  private let claim: AddressClaim
  private var signals: [SignalWatcher] = []
  private var threads: [LoopThread] = []

  public convenience init(_ settings: Settings) throws { try self.init(ServingPlan(settings)) }

  /// Opens everything; throws a sentence when an address is taken or a folder is of no use.
  public init(_ plan: ServingPlan) throws {
    let (settings, placements) = (plan.settings, plan.placements)
    self.settings = settings
    let repository = FolderRepository(path: settings.repository)
    let store = SnapshotStore(dataDirectory: settings.dataDirectory)
    let identityKey = try IdentityKeyFile.key(for: settings)
    do { _ = try SegmentWriter(folder: settings.dataDirectory + "/events").folder } catch {
      throw ServerError("dataDir: \(error)", .cannotWrite)
    }
    intake = EventIntake(queueMax: settings.events.queueMax, now: unixSeconds())
    loop = try EventLoop()

    claim = try Server.claim(plan.address)
    let count = settings.workers > 0 ? settings.workers : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    workers = try (0..<count).map { [intake] index in
      try Worker(index: index, settings: settings, placements: placements, identityKey: identityKey, intake: intake)
    }
    let mailboxes = workers.map { $0.mailbox! }
    control = try Control(
      settings: settings, placements: placements, repository: repository, store: store,
      warmer: Warmer(settings: settings, placements: placements), intake: intake, loop: loop, workers: mailboxes)
    control.identityFingerprint = identityKey.fingerprint
    for worker in workers {
      worker.peers = mailboxes
      worker.control = control.mailbox
      try worker.open(claim)
    }
    do { admin = try Admin(control: control, address: plan.adminAddress, token: plan.token) } catch {
      throw ServerError("admin.listen: \(error)", .unavailable)
    }
  }

  public var address: SocketAddress { claim.address }
  public var adminAddress: SocketAddress { admin.address! }

  /// Serves until SIGTERM or SIGINT, then drains; a second signal ends at once. `whenReady` is called when the first
  /// snapshot serves.
  public func run(whenReady: @escaping () -> Void = {}) throws {
    control.whenReady = whenReady
    for signal in [SIGTERM, SIGINT] {
      signals.append(try SignalWatcher(loop: loop, signal: signal) { [unowned self] _ in self.control.drain() })
    }
    FileLimit.raise(for: settings, workers: workers.count)
    threads.append(try control.loader.start())
    threads.append(try intake.startWriting(to: settings.dataDirectory + "/events", clock: unixSeconds))
    for worker in workers { threads.append(try start(worker)) }
    log.notice(
      "listening", metadata: ["address": "\(address)", "admin": "\(adminAddress)", "workers": "\(workers.count)"])
    control.start()
    loop.run()
    for thread in threads { thread.join() }
    log.notice("stopped")
  }

  /// Ends the server from another thread, as SIGTERM would.
  public var stopper: @Sendable () -> Void {
    let mailbox = control.mailbox!
    return { _ = mailbox.post(.drain) }
  }

  private func start(_ worker: Worker) throws -> LoopThread {
    // The worker is handed over: after this nothing but its own thread touches it.
    let carrier = Handover(worker)
    let control = control.mailbox!
    let index = worker.index
    return try LoopThread.spawn(name: "worker-\(worker.index)") {
      carrier.value.run()
      control.post(.ended(worker: index))
    }
  }

  private static func claim(_ address: SocketAddress) throws -> AddressClaim {
    do throws(LoopError) { return try AddressClaim(address) } catch {
      guard error.code == EADDRINUSE else { throw ServerError("listen: \(error)", .unavailable) }
      throw ServerError("\(address) is taken: another process listens there; end it, or listen elsewhere", .unavailable)
    }
  }
}

/// What keeps the gateway from starting: the operator's to mend.
public struct ServerError: Error, CustomStringConvertible {
  public enum Fault: Sendable {
    /// The configuration says what cannot be.
    case configuration
    /// Something that is needed is not to be had now: an address that another process has.
    case unavailable
    /// A folder or file cannot be written.
    case cannotWrite
  }

  public let fault: Fault
  public let description: String

  init(_ description: String, _ fault: Fault = .configuration) {
    self.fault = fault
    self.description = description
  }
}

/// Carries a value to the one thread that will use it.
private final class Handover<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
