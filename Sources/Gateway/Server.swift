import Bytes
import Events
import Glibc
import Logging
public import Configuration
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
  private let sockets: ServingSockets
  private let acceptance: Acceptance?
  private var signals: [SignalWatcher] = []
  private var threads: [LoopThread] = []

  public convenience init(_ settings: Settings, _ launch: Launch = Launch()) throws {
    try self.init(ServingPlan(settings), launch)
  }

  /// Opens everything; throws a sentence when an address is taken or a folder is of no use.
  public init(_ plan: ServingPlan, _ launch: Launch = Launch()) throws {
    let settings = plan.settings
    self.settings = settings
    let identityKey = try IdentityKeyFile.key(for: settings)
    do { _ = try SegmentWriter(folder: settings.dataDirectory + "/events").folder } catch {
      throw ServerError("dataDir: \(error)", .cannotWrite)
    }
    intake = EventIntake(queueMax: settings.events.queueMax, now: unixSeconds())
    loop = try EventLoop()

    sockets = try ServingSockets(plan, launch)
    let count = settings.workers > 0 ? settings.workers : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    workers = try (0..<count).map { [intake] index in
      try Worker(
        index: index, settings: settings, placements: plan.placements, identityKey: identityKey, intake: intake)
    }
    let mailboxes = workers.map { $0.mailbox! }
    control = try Control(
      plan, launch: launch, sockets: sockets, intake: intake, loop: loop, workers: mailboxes)
    control.identityFingerprint = identityKey.fingerprint
    admin = Admin(control: control, claim: sockets.adminClaim, token: plan.token)
    control.admin = admin
    acceptance =
      settings.http.accept == AcceptStrategy.handover.rawValue
      ? try Acceptance(sockets.claims, workers.map { ($0.mailbox, $0.load) }) : nil
    control.acceptance = acceptance
    for worker in workers {
      worker.peers = mailboxes
      worker.control = control.mailbox
      try worker.open(acceptance == nil ? sockets.claims : [], of: count)
    }
    if !sockets.waitsToAccept { try accept() }
  }

  /// Has everything accept, before the loops run: what stands in the way of that is told at once.
  private func accept() throws {
    guard sockets.takeover == nil else { return }
    for worker in workers { try worker.listen() }
    try acceptance?.openNow()
    do { try admin.open() } catch { throw ServerError("admin.listen: \(error)", .unavailable) }
  }

  public var address: SocketAddress { sockets.claims[0].address }
  public var adminAddress: SocketAddress { sockets.adminClaim.address }

  /// Serves until SIGTERM or SIGINT, then drains; a second signal ends at once. SIGHUP reads the configuration again.
  /// `whenReady` is called when the first snapshot serves.
  public func run(whenReady: @escaping () -> Void = {}) throws {
    control.whenReady = whenReady
    try watchSignals()
    FileLimit.raise(for: settings, workers: workers.count)
    threads.append(try control.loader.start())
    threads.append(try control.clerk.start())
    threads.append(try intake.startWriting(to: settings.dataDirectory + "/events", clock: unixSeconds))
    for worker in workers { threads.append(try start(worker)) }
    if let acceptance {
      let control = control.mailbox!
      threads.append(
        try acceptance.start(
          opened: { control.post(.acceptanceOpened(failure: $0)) }, closed: { control.post(.acceptanceEnded) }))
    }
    log.notice(
      "listening", metadata: ["address": "\(address)", "admin": "\(adminAddress)", "workers": "\(workers.count)"])
    control.start()
    loop.run()
    for thread in threads { thread.join() }
    log.notice("stopped")
  }

  private func watchSignals() throws {
    let effects: [(Int32, (Control) -> Void)] = [
      (SIGTERM, { $0.end(.signal) }), (SIGINT, { $0.end(.interrupt) }), (SIGHUP, { $0.reload() }),
    ]
    for (signal, effect) in effects {
      signals.append(try SignalWatcher(loop: loop, signal: signal) { [unowned control] _ in effect(control) })
    }
  }

  /// Ends the server from another thread, as SIGTERM would.
  public var stopper: @Sendable () -> Void {
    let mailbox = control.mailbox!
    return { _ = mailbox.post(.end(.signal)) }
  }

  private func start(_ worker: Worker) throws -> LoopThread {
    // The worker is handed over: after this nothing but its own thread touches it.
    let carrier = Handover(worker)
    let control = control.mailbox!
    let index = worker.index
    return try LoopThread.spawn(name: "worker-\(worker.index)") {
      carrier.value.run()
      control.post(.ended(worker: index, cut: carrier.value.connectionsCut))
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
