import Bytes
import Configuration
import Logging
import Memcached
import Model
import Publishing
import Reactor
import Snapshots

/// The control plane: watches the repository, has versions pulled, verified and warmed, tells the workers what to serve,
/// and answers the admin listener. Its loop does no slow work; `Loader` does.
///
///     repository ─► RepositoryWatcher (decides) ─► Loader (pulls, proves, warms) ─► workers ─► SERVING
///
/// Its parts stand in files by what they do: versions, availability, reload, the end.
final class Control {
  /// In force; a reload replaces both.
  var settings: Settings
  var placements: Placements
  /// Who may sign what is served; empty when signatures are not asked for.
  var keyring: Keyring
  let loop: EventLoop
  let log = Logger(label: "control")
  let loader = Loader()
  /// Small things with the disk and the repository, which must not wait for a pull: reading what there is, remembering.
  let clerk = Loader(name: "clerk")
  let workers: [Mailbox<WorkerMessage>]
  let repository: any Repository
  let store: SnapshotStore
  var warmer: Warmer
  let intake: EventIntake
  private(set) var mailbox: Mailbox<ControlMessage>!

  var watchers: [String: RepositoryWatcher] = [:]
  var lifecycles: [ModelIdentity: Lifecycle] = [:]
  var times: [ModelIdentity: LoadTimes] = [:]
  /// Which key signed a version.
  var signers: [ModelIdentity: KeyID] = [:]
  /// The largest champions and the pins that the disk knows of, by model.
  var keptFloors: [String: Int] = [:]
  var keptPins: [String: Int] = [:]
  /// Versions that failed for a reason that may pass.
  var retries = Retries()
  /// Loaded versions: those that serve and, for rollback, the ones before.
  var loaded: [ModelIdentity: ServedModel] = [:]
  var catalogue = Catalogue()
  /// What serves, for the gates of what comes.
  let live = LiveModels()
  var proofs = GateProofs()
  lazy var news = RepositoryNews(log)
  /// Workers that have not yet said that they serve the newest catalogue.
  var switching: Set<Int> = []
  var swapStartedNanoseconds: UInt64 = 0
  private var isListing = false
  /// Somebody knows of something new while the repository is being read.
  private var looksAgain = false
  var poll: Timer?

  /// Versions on their way to READY: those whose predecessor's hot lists are asked for, and those whose own lists are
  /// handed to the workers.
  var gatherings: [ModelIdentity: Gathering] = [:]
  var warming: [ModelIdentity: Warming] = [:]
  /// Versions that are let go of and may still be in use.
  var draining: [Draining] = []
  var waits = VersionWaits()
  /// Admin calls whose alias is being written.
  var aliasCalls: (number: Int, awaited: [Int: (PublishError?) -> Void]) = (0, [:])
  lazy var waitTimer = Timer(loop: loop) { [unowned self] in settleWaits() }
  var swapWatch = SwapWatch()
  var swapSampling = (number: 0, missing: Set<Int>(), sample: SwapWatch.Sample())
  var sampleTimer: Timer?
  /// By model.
  var lastSwaps: [String: SwapWatch.Report] = [:]
  var longestPauseNanoseconds: UInt64 = 0
  var running: Set<Int>

  /// The sockets, of which the loops have duplicates.
  let sockets: ServingSockets
  let service: ServiceStatus
  var reloading: Reloading
  var reloadsAwaited: [(Reloading.Outcome) -> Void] = []
  var ending: Ending
  var endTimer: Timer?
  var watchdog: Timer?
  var finishDeadline: UInt64?
  var connectionsCut = 0
  weak var admin: Admin?
  var acceptance: Acceptance?
  /// The conversation with the gateway whose sockets these were, until it goes.
  var takeover: Takeover?
  var succession: Succession?
  /// Workers that do not accept yet on what was taken over.
  var listening: Set<Int> = []
  var isAccepting = false
  var hasServed = false

  /// Items that are sold out, whatever snapshot serves.
  var unavailable = UnavailableIDs()
  var availabilityProgress: AvailabilityProgress
  var availabilityCounts = AvailabilityCounts()
  var whenAvailabilitySettles: (() -> Void)?

  /// `IdentityKey.fingerprint` of the key that the workers hash users with.
  var identityFingerprint = ""
  /// Called when the first snapshot serves.
  var whenReady: (() -> Void)?
  var scrapes = Scrapes()
  var canaries = Canaries()

  init(
    _ plan: ServingPlan, launch: Launch, sockets: ServingSockets, intake: EventIntake, loop: EventLoop,
    workers: [Mailbox<WorkerMessage>]
  ) throws {
    (settings, placements, keyring) = (plan.settings, plan.placements, plan.keyring)
    repository = plan.repository(isCancelled: { [loader] in loader.isClosing })
    store = SnapshotStore(dataDirectory: settings.dataDirectory)
    warmer = Warmer(settings: settings, placements: placements)
    self.sockets = sockets
    takeover = sockets.takeover
    service = ServiceStatus(environment: launch.environment)
    reloading = Reloading(launch.source, now: unixSeconds())
    ending = Ending(
      lameDuckMilliseconds: settings.http.lameDuckMilliseconds,
      timeoutMilliseconds: settings.http.drainTimeoutMilliseconds)
    self.intake = intake
    self.loop = loop
    self.workers = workers
    running = Set(workers.indices)
    availabilityProgress = AvailabilityProgress(workers: running)
    mailbox = try Mailbox(loop: loop) { [unowned self] in self.receive($0) }
  }

  /// Serves what this node pulled last, then begins to watch the repository.
  func start() {
    service.waiting(for: "a snapshot in \(repository.place)")
    feedWatchdog()
    if takeover == nil { openSuccession() } else if !sockets.waitsToAccept { beginAccepting() }
    AvailabilityFile.sweep(settings.dataDirectory)
    readAvailability()
    startFromDisk()
    restoreCanaries()
    beginSampling()
    poll = Timer(loop: loop) { [unowned self] in self.look() }
    look()
  }

  private func receive(_ message: ControlMessage) {
    switch message {
    case .endorsed(let identity, let key): signers[identity] = key
    case .listed(let listings, let failure): observe(listings, failure)
    case .moved(let identity, let state): move(identity, to: state)
    case .progress(let identity, let fraction): lifecycles[identity]?.report(progress: fraction)
    case .aliasSet(let number, let failure): aliasSet(number, failure: failure)
    case .hottest(let worker, let version, let lists): gathered(worker, version, lists)
    case .loaded(let model, let times): gatherHottest(for: model, times)
    case .rendered(let model, let times, let prepared): hand(model, times, prepared)
    case .warmed(let worker, let version): warmed(worker, version)
    case .failed(let identity, let error): fail(identity, error)
    case .proved(let identity, let report): note(report, of: identity)
    case .switched(let worker, let generation, let pause): workerSwitched(worker, generation, pause)
    case .latencySampled(let number, let worker, let sample): latencySampled(number, worker, sample)
    case .released(let identity, let bytes, let milliseconds):
      released(identity, bytes: bytes, milliseconds: milliseconds)
    case .collected(let scrape, let worker, let metrics, let nodes): scrapes.collect(scrape, worker, metrics, nodes)
    case .ended(let worker, let cut): workerEnded(worker, cut: cut)
    case .end(let cause): end(cause)
    case .reread(let outcome): reread(outcome)
    case .listens(let worker, let failure): workerListens(worker, failure)
    case .acceptanceOpened(let failure): acceptanceOpened(failure)
    case .acceptanceEnded: acceptanceEnded()
    case .turned(let worker, let round): service.answered(worker, round)
    case .availabilityTaken(let worker, let change): workerTookAvailability(worker, change)
    case .availabilitySaved(let failure): availabilitySaved(failure: failure)
    case .versionsCounted(let table, let round, let worker): versionsCounted(table, round: round, worker: worker)
    }
  }

  // MARK: Watching.

  /// Has the repository read; the answer comes as a message. Waits are shortened by up to a tenth, so that the nodes of
  /// a fleet do not all look at once.
  private func look() {
    guard ending.stage == .serving else { return }
    guard !isListing else { return looksAgain = true }
    isListing = true
    looksAgain = false
    let (repository, mailbox, wanted) = (repository, mailbox!, wantedModels)
    let (store, keyring) = (store, keyring)
    clerk.submit {
      var listings: [String: RepositoryListing] = [:]
      var failure: PublishError?
      do throws(PublishError) {
        let models = if let wanted { wanted } else { try repository.models() }
        for model in models {
          // What is wrong with one model's aliases is nothing to the others.
          do throws(PublishError) {
            let listing = try repository.listing(of: model)
            try store.believe(listing, of: model, under: keyring)
            listings[model] = listing
          } catch { failure = error }
        }
      } catch { failure = error }
      mailbox.post(.listed(listings, failure: failure))
    }
  }

  /// The models that are named somewhere; nil for whatever the repository has.
  var wantedModels: [String]? {
    let named = Set(placements.all.compactMap(\.policy.model) + [settings.model].compactMap { $0 })
    return named.isEmpty ? nil : named.sorted()
  }

  private func observe(_ listings: [String: RepositoryListing], _ failure: PublishError?) {
    isListing = false
    poll?.start(milliseconds: settings.pollIntervalMilliseconds * Int.random(in: 90...100) / 100)
    news.note(failure)
    if failure == nil { news.note(listings, wanted: wantedModels, isServing: !catalogue.isEmpty, in: repository.place) }
    for identity in retries.takeDue(nowNanoseconds: loop.nowNanoseconds) { watchers[identity.name]?.failed(identity) }
    for (model, listing) in listings {
      note(listing.faults, model)
      forget(model, listing)
      perform(watchers[model, default: newWatcher(model)].observe(listing), model)
    }
    settleWaits()
    if looksAgain { look() }
  }

  /// Versions by what became of their loading: model, result, reason.
  var loadCounts: [LoadOutcome: UInt64] = [:]

  /// Versions whose manifests do not check out, by model: what the repository says now.
  private(set) var faults: [String: [Int: PublishError]] = [:]

  private func note(_ found: [Int: PublishError], _ model: String) {
    for (version, fault) in found where faults[model]?[version] != fault {
      log.error(
        "version refused",
        metadata: ["version": "\(model)/\(version)", "reason": "\(fault.reason.rawValue)", "detail": "\(fault.detail)"])
    }
    faults[model] = found.isEmpty ? nil : found
  }

  func perform(_ actions: [RepositoryWatcher.Action], _ model: String) {
    for action in actions {
      switch action {
      case .fetch(let identity): fetch(identity)
      case .promote(let identity): promote(identity)
      case .refuse(let identity): refuse(identity)
      // Once all is done: its champion may be promoted by the same orders.
      case .challenge: break
      case .demote(let identity): demote(identity)
      }
    }
    settleCanary(model)
    keepFloor(of: model)
    keepPin(of: model)
    // Not before: who is demoted may be promoted by the next order.
    if actions.contains(where: { if case .demote = $0 { true } else { false } }) { release(model) }
  }

  /// An operator's wish: serve this version until told otherwise; nil follows the repository again.
  func pin(_ model: String, _ version: Int?) {
    guard watchers[model] != nil else { return }
    canaries.records[model]?.rejections.removeAll { $0.challenger.version == version }
    // Before the orders: what is being judged at this moment is judged as pinned.
    live.pin(model, version)
    retryNow(model)
    perform(watchers[model]!.pin(version), model)
  }

  /// Serves what served before; pinned, so that the next look at the repository does not undo it. False when there is none.
  func rollBack(_ model: String) -> Bool {
    guard let previous = watchers[model]?.previous else { return false }
    pin(model, previous.version)
    return true
  }

  // MARK: For the admin listener.

  /// Models that this node knows something of.
  var models: [String] { Set(watchers.keys).union(lifecycles.keys.map(\.name)).sorted() }

  /// Looks at the repository without waiting for the next time; somebody says that a model has something new.
  func lookNow(for model: String? = nil) {
    if let model { retryNow(model) }
    look()
  }

  /// Somebody has done something about what stood in the way.
  func retryNow(_ model: String) {
    for identity in retries.take(model) { watchers[model]?.failed(identity) }
  }

  /// Collects the counters of all workers.
  func collect(_ done: @escaping (Scrapes.Result) -> Void) {
    let scrape = scrapes.begin(workers: running, done)
    for worker in workers { worker.post(.collect(scrape: scrape)) }
  }
}
