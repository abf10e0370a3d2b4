import FoundationEssentials
import Glibc
import Logging
import Publishing
import Reactor
import RepositoryServer
import Trainer

/// A trainer that runs on: one loop that serves the repository, asks the schedule what is next, and watches the training,
/// which is another process. What may wait for a disk has a thread.
final class TrainerService {
  /// Downloads that are under way when SIGTERM comes may go on for so long.
  static let drainSeconds = 5
  /// Runs that the status shows.
  static let runsShownMax = 20

  let options: TrainerCommand
  let log = Logger(label: "trainer")
  let startedAt: Int
  let loop: EventLoop
  private(set) var server: RepositoryServer!
  private(set) var schedule: TrainingSchedule
  private(set) var state: TrainerState
  private(set) var process: TrainingProcess?
  private(set) var runStartedAt = 0
  /// The monotonic clock then. The wall clock may jump by hours, which must not end a training that is well.
  private var runBeganNanoseconds: UInt64 = 0
  private(set) var seen: RepositoryLook?
  private(set) var isEnding = false
  private(set) var runCounts: [TrainerRun.Outcome: UInt64] = [:]
  private var mark: EventTally.Mark?
  /// What a run learnt while the disk's thread was counting on an older copy of the tally.
  private var learntMeanwhile: EventTally.Mark?
  private var isLooking = false
  /// Something has changed since the look that is under way began.
  private var looksAgain = false
  private var lookedAt = 0
  private var faultsLogged: [String] = []
  /// Of the monotonic clock.
  private var endByNanoseconds: UInt64 = 0
  private let disk: DiskThread
  private var looks: Mailbox<RepositoryLook>?
  private var clock: Timer?
  private var signals: [SignalWatcher] = []
  private let notifier: ServiceNotifier?
  private var isReadyTold = false

  init(_ options: TrainerCommand, address: SocketAddress, access: WriteAccess) throws {
    self.options = options
    notifier = ServiceNotifier(socket: ProcessInfo.processInfo.environment["NOTIFY_SOCKET"])
    ScratchFolder.sweep(options.repository)
    state = TrainerState.read(TrainerState.path(options.repository, model: options.model))
    var settings = TrainingSchedule.Settings(everySeconds: options.every?.seconds, newEventsMin: options.minNewEvents)
    settings.pauseSeconds = options.pause.seconds
    schedule = TrainingSchedule(settings, decidedAt: nil)
    loop = try EventLoop()
    startedAt = loop.unixSeconds
    disk = try DiskThread(name: "looks")
    server = try RepositoryServer(
      loop: loop, root: options.repository, address: address, writeAccess: access, log: Logger(label: "repository")
    ) { [unowned self] request, _ in answer(request) }
    looks = try Mailbox(loop: loop) { [unowned self] in looked($0) }
  }

  /// Runs until SIGTERM or SIGINT.
  func run() throws {
    for number in [SIGTERM, SIGINT] {
      signals.append(try SignalWatcher(loop: loop, signal: number) { [unowned self] _ in end() })
    }
    signals.append(
      try SignalWatcher(loop: loop, signal: SIGHUP) { [unowned self] _ in
        schedule.request()
        advance()
      })
    clock = Timer(loop: loop) { [unowned self] in everySecond() }
    clock?.start(milliseconds: 1000, repeating: true)
    log.notice(
      "listening", metadata: ["address": "\(server.address)", "repository": "\(options.repository)"])
    if options.every == nil && options.minNewEvents == nil {
      log.notice("trains when it is asked to: neither --every nor --min-new-events was given")
    }
    look()
    loop.run()
    log.notice("stopped")
  }

  var now: Int { loop.unixSeconds }

  private func everySecond() {
    if isEnding { return finishIfQuiet() }
    if now - lookedAt >= options.look.seconds || now < lookedAt { look() }
    let ranSeconds = (loop.nowNanoseconds - runBeganNanoseconds) / 1_000_000_000
    if process != nil, ranSeconds > UInt64(options.runLimit.seconds) {
      log.error("the training takes longer than --run-limit and is ended")
      process?.kill()
    }
    advance()
  }

  // MARK: - Looking

  private func look() {
    guard !isLooking else {
      looksAgain = true
      return
    }
    isLooking = true
    looksAgain = false
    lookedAt = now
    let (events, repository, model, tally, looks) = (
      options.events, options.repository, options.model, state.tally, looks
    )
    disk.submit {
      looks?.post(RepositoryLook.take(events: events, repository: repository, model: model, tally: tally))
    }
  }

  private func looked(_ look: RepositoryLook) {
    isLooking = false
    state.tally = look.tally
    if let learntMeanwhile { state.tally.learnt(learntMeanwhile) }
    learntMeanwhile = nil
    if seen == nil { begin(look) }
    seen = look
    schedule.observed(newEvents: state.tally.newEvents)
    // Said once, not every ten seconds.
    for fault in look.faults where !faultsLogged.contains(fault) { log.warning("\(fault)") }
    faultsLogged = look.faults
    tellReady()
    advance()
    if looksAgain { self.look() }
  }

  /// What the first look finds decides when the first run is due.
  private func begin(_ look: RepositoryLook) {
    let decidedAt = look.champion == nil ? nil : state.decidedAt ?? look.championCreatedAt
    schedule = TrainingSchedule(schedule.settings, decidedAt: decidedAt, isRequested: schedule.isRequested)
    if let decidedAt, decidedAt > now { state.decidedAt = decidedAt }
  }

  var isReady: Bool { seen?.champion != nil && !isEnding }

  private func tellReady() {
    guard !isReadyTold else { return }
    isReadyTold = true
    // Serving begins before there is a model: gateways wait for one, and so does whoever asks /readyz.
    notifier?.send("READY=1")
  }

  // MARK: - Training

  /// Does what the schedule says.
  private func advance() {
    observeClock()
    guard !isEnding, seen != nil, case .start(let cause) = schedule.next(now: now) else { return }
    schedule.started(cause)
    mark = state.tally.mark
    (runStartedAt, runBeganNanoseconds) = (now, loop.nowNanoseconds)
    log.info("training begins", metadata: ["cause": "\(cause)"])
    do {
      process = try TrainingProcess(loop: loop, arguments: options.trainArguments) { [unowned self] end in
        process = nil
        ended(TrainerRun(end, cause: "\(cause)", startedAt: runStartedAt, endedAt: now))
      }
    } catch { ended(TrainerRun(failed: "\(error)", cause: "\(cause)", at: now)) }
  }

  private func observeClock() {
    schedule.observed(now: now)
    guard let decidedAt = state.decidedAt, decidedAt > now else { return }
    // Kept at once: a trainer that is restarted more often than it trains would count from each of its starts.
    state.decidedAt = now
    keepState()
  }

  private func ended(_ run: TrainerRun) {
    guard !isEnding else { return }
    let isDecided = run.outcome != .failed
    schedule.ended(isDecided ? .decided : .failed, now: now)
    if isDecided {
      state.decidedAt = now
      if let mark { learnt(mark) }
    }
    mark = nil
    state.runs = Array((state.runs + [run]).suffix(TrainerService.runsShownMax))
    runCounts[run.outcome, default: 0] += 1
    write(run)
    // A killed run leaves a folder.
    ScratchFolder.sweep(options.repository)
    keepState()
    look()
  }

  private func keepState() {
    do { try state.write(to: TrainerState.path(options.repository, model: options.model)) } catch {
      log.warning("the state of the trainer cannot be kept: \(error)")
    }
  }

  private func learnt(_ mark: EventTally.Mark) {
    state.tally.learnt(mark)
    if isLooking { learntMeanwhile = mark }
    schedule.observed(newEvents: state.tally.newEvents)
  }

  private func write(_ run: TrainerRun) {
    var fields: Logger.Metadata = ["cause": "\(run.cause)", "seconds": "\(run.endedAt - run.startedAt)"]
    if let version = run.version { fields["version"] = "\(version)" }
    if let reason = run.reason { fields["reason"] = "\(reason)" }
    if let comparison = run.comparison {
      fields["published"] = "\(comparison.publishedValue)"
      fields["candidate"] = "\(comparison.candidateValue)"
      fields["basis"] = "\(comparison.basis)"
    }
    switch run.outcome {
    case .published: log.notice("a version was published", metadata: fields)
    case .unchanged: log.info("nothing new to learn from", metadata: fields)
    case .refused: log.warning("a model was trained and not published", metadata: fields)
    case .failed: log.error("a training failed; what is published stays", metadata: fields)
    }
  }

  /// Somebody asks for a run.
  func request() {
    schedule.request()
    advance()
  }

  // MARK: - The end

  private func end() {
    guard !isEnding else { return loop.stop() }
    isEnding = true
    endByNanoseconds = loop.nowNanoseconds + UInt64(TrainerService.drainSeconds) * 1_000_000_000
    notifier?.send("STOPPING=1")
    log.notice("ending", metadata: ["training": "\(process == nil ? "none" : "is ended")"])
    process?.kill()
    server.stopAccepting()
    finishIfQuiet()
  }

  private func finishIfQuiet() {
    guard (server.connectionCount == 0 && process == nil) || loop.nowNanoseconds >= endByNanoseconds else { return }
    server.close()
    ScratchFolder.sweep(options.repository)
    clock = nil
    signals = []
    looks = nil
    loop.stop()
  }
}
