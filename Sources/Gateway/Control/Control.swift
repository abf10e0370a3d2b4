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
final class Control {
  let settings: Settings
  let placements: Placements
  let loop: EventLoop
  let log = Logger(label: "control")
  let loader = Loader()
  let workers: [Mailbox<WorkerMessage>]
  let repository: FolderRepository
  let store: SnapshotStore
  let warmer: Warmer
  let intake: EventIntake
  private(set) var mailbox: Mailbox<ControlMessage>!

  private(set) var watchers: [String: RepositoryWatcher] = [:]
  private(set) var lifecycles: [ModelIdentity: Lifecycle] = [:]
  private(set) var times: [ModelIdentity: LoadTimes] = [:]
  /// Loaded versions: those that serve and, for rollback, the ones before.
  private(set) var loaded: [ModelIdentity: ServedModel] = [:]
  private(set) var previous: [String: ModelIdentity] = [:]
  private(set) var catalogue = Catalogue()
  private lazy var news = RepositoryNews(log)
  /// Workers that have not yet said that they serve the newest catalogue.
  private var switching: Set<Int> = []
  private var swapStartedNanoseconds: UInt64 = 0
  private var isListing = false
  private var poll: Timer?
  private(set) var isDraining = false
  private var running: Set<Int>

  /// `IdentityKey.fingerprint` of the key that the workers hash users with.
  var identityFingerprint = ""
  /// Called when the first snapshot serves.
  var whenReady: (() -> Void)?
  var scrapes = Scrapes()

  init(
    settings: Settings, placements: Placements, repository: FolderRepository, store: SnapshotStore, warmer: Warmer,
    intake: EventIntake, loop: EventLoop, workers: [Mailbox<WorkerMessage>]
  ) throws {
    self.settings = settings
    self.placements = placements
    self.repository = repository
    self.store = store
    self.warmer = warmer
    self.intake = intake
    self.loop = loop
    self.workers = workers
    running = Set(workers.indices)
    mailbox = try Mailbox(loop: loop) { [unowned self] in self.receive($0) }
  }

  /// Serves what this node pulled last, then begins to watch the repository.
  func start() {
    startFromDisk()
    poll = Timer(loop: loop) { [unowned self] in self.look() }
    look()
  }

  private func receive(_ message: ControlMessage) {
    switch message {
    case .listed(let listings, let failure): observe(listings, failure)
    case .moved(let identity, let state): move(identity, to: state)
    case .progress(let identity, let fraction): lifecycles[identity]?.report(progress: fraction)
    case .loaded(let model, let times): finishLoading(model, times)
    case .failed(let identity, let error): fail(identity, error)
    case .switched(let worker, let generation): workerSwitched(worker, generation)
    case .collected(let scrape, let worker, let metrics, let nodes): scrapes.collect(scrape, worker, metrics, nodes)
    case .ended(let worker): workerEnded(worker)
    case .drain: drain()
    }
  }

  // MARK: Watching.

  /// Has the repository read; the answer comes as a message. Waits are shortened by up to a tenth, so that the nodes of
  /// a fleet do not all look at once.
  private func look() {
    guard !isListing, !isDraining else { return }
    isListing = true
    let (repository, mailbox, wanted) = (repository, mailbox!, wantedModels)
    loader.submit {
      do throws(PublishError) {
        var listings: [String: RepositoryListing] = [:]
        let models = if let wanted { wanted } else { try repository.models() }
        for model in models { listings[model] = try repository.listing(of: model) }
        mailbox.post(.listed(listings, failure: nil))
      } catch {
        mailbox.post(.listed([:], failure: error))
      }
    }
  }

  /// The models that are named somewhere; nil for whatever the repository has.
  private var wantedModels: [String]? {
    let named = Set(placements.all.compactMap(\.policy.model) + [settings.model].compactMap { $0 })
    return named.isEmpty ? nil : named.sorted()
  }

  private func observe(_ listings: [String: RepositoryListing], _ failure: PublishError?) {
    isListing = false
    poll?.start(milliseconds: settings.pollIntervalMilliseconds * Int.random(in: 90...100) / 100)
    news.note(failure)
    if failure == nil { news.note(listings, wanted: wantedModels, isServing: !catalogue.isEmpty, in: repository.path) }
    for (model, listing) in listings {
      note(listing.faults, model)
      perform(watchers[model, default: RepositoryWatcher(model: model)].observe(listing), model)
    }
  }

  /// Versions by what became of their loading: model, result, reason.
  private(set) var loadCounts: [LoadOutcome: UInt64] = [:]

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

  private func perform(_ actions: [RepositoryWatcher.Action], _ model: String) {
    for action in actions {
      switch action {
      case .fetch(let identity): fetch(identity)
      case .promote(let identity): promote(identity)
      case .challenge(let identity), .demote(let identity):
        log.notice("challenger noted; canary traffic is not split yet", metadata: ["version": "\(identity)"])
      }
    }
  }

  /// An operator's wish: serve this version until told otherwise; nil follows the repository again.
  func pin(_ model: String, _ version: Int?) {
    guard watchers[model] != nil else { return }
    perform(watchers[model]!.pin(version), model)
  }

  // MARK: Loading.

  private func startFromDisk() {
    store.sweep()
    for name in wantedModels ?? store.models() {
      guard let local = store.lastGood(of: name) else { continue }
      let identity = local.identity
      do {
        let model = try ServedModel(local.path, identity, placements, namespace: settings.memcachedNamespace)
        var lifecycle = Lifecycle(identity)
        for state in [ModelState.fetching, .verifying, .loading, .warming, .ready] { try lifecycle.advance(to: state) }
        lifecycles[identity] = lifecycle
        loaded[identity] = model
        watchers[identity.name] = RepositoryWatcher(model: identity.name, serving: identity)
        promote(identity)
      } catch {
        log.warning(
          "the last good snapshot cannot be used", metadata: ["version": "\(identity)", "reason": "\(error)"])
      }
    }
  }

  private func fetch(_ identity: ModelIdentity) {
    lifecycles[identity] = Lifecycle(identity)
    news.noteFound(identity)
    let load = Load(
      identity: identity, repository: repository, store: store, placements: placements, warmer: warmer,
      settings: settings, control: mailbox)
    loader.submit { load.run() }
  }

  private func move(_ identity: ModelIdentity, to state: ModelState) {
    do { try lifecycles[identity]?.advance(to: state) } catch { log.error("\(error)") }
  }

  private func finishLoading(_ model: ServedModel, _ times: LoadTimes) {
    move(model.identity, to: .ready)
    loadCounts[LoadOutcome(model: model.identity.name, result: "ready", reason: ""), default: 0] += 1
    loaded[model.identity] = model
    self.times[model.identity] = times
    log.info(
      "version ready",
      metadata: [
        "version": "\(model.identity)", "pullMilliseconds": "\(times.pull)", "loadMilliseconds": "\(times.load)",
        "warmMilliseconds": "\(times.warm)", "listsWritten": "\(times.warmed.written)",
        "listsPresent": "\(times.warmed.present)",
      ])
    let name = model.identity.name
    perform(watchers[name, default: RepositoryWatcher(model: name)].loaded(model.identity), name)
  }

  private func fail(_ identity: ModelIdentity, _ error: PublishError) {
    loadCounts[LoadOutcome(model: identity.name, result: "rejected", reason: error.reason.rawValue), default: 0] += 1
    do { try lifecycles[identity]?.reject(error) } catch { log.error("\(error)") }
    news.note(error, of: identity)
    guard var watcher = watchers[identity.name] else { return }
    let actions = error.reason.isTransient ? [] : watcher.rejected(identity)
    if error.reason.isTransient { watcher.failed(identity) }
    watchers[identity.name] = watcher
    perform(actions, identity.name)
  }

  // MARK: Swapping.

  private func promote(_ identity: ModelIdentity) {
    guard let model = loaded[identity] else { return }
    let trainedUnder = model.model.provenance.identityKeyFingerprint
    if !trainedUnder.isEmpty && trainedUnder != identityFingerprint {
      log.error(
        "the snapshot's users were hashed under another identity key: none of them will be known here",
        metadata: ["version": "\(identity)", "remedy": "give trainer and gateways one identity.keyFile"])
    }
    let old = catalogue.models[identity.name]?.identity
    catalogue.models[identity.name] = model
    catalogue.generation += 1
    switching = running
    swapStartedNanoseconds = loop.nowNanoseconds
    for worker in workers { worker.post(.serve(catalogue)) }
    move(identity, to: .serving)
    if let old, old != identity {
      move(old, to: .ready)
      previous[identity.name] = old
    }
    log.notice("version serves", metadata: ["version": "\(identity)", "before": "\(old.map { "\($0)" } ?? "none")"])
    release(identity.name)
  }

  /// Lets go of loaded versions that neither serve nor are the one to roll back to.
  private func release(_ name: String) {
    let kept = [catalogue.models[name]?.identity, previous[name]]
    for identity in loaded.keys where identity.name == name && !kept.contains(identity) {
      loaded[identity] = nil
      watchers[name]?.unloaded(identity)
      move(identity, to: .draining)
      move(identity, to: .unloaded)
    }
    let keep = Set(loaded.keys)
    let (store, count, log, serving) = (store, settings.keepVersions, log, catalogue.models[name]?.identity)
    // A node that is stopped right after a rollback must come back with what it was rolled back to.
    loader.submit(mustRun: true) {
      do {
        if let serving { try store.recordServing(serving) }
        try store.prune(name, keep: count, inUse: keep)
      } catch {
        log.warning("the data folder could not be kept in order", metadata: ["reason": "\(error)"])
      }
    }
  }

  private func workerSwitched(_ worker: Int, _ generation: Int) {
    guard generation == catalogue.generation, switching.remove(worker) != nil, switching.isEmpty else { return }
    log.info(
      "every worker has switched",
      metadata: ["microseconds": "\((loop.nowNanoseconds - swapStartedNanoseconds) / 1000)"])
    if let ready = whenReady {
      whenReady = nil
      ready()
    }
  }

  // MARK: For the admin listener.

  /// Models that this node knows something of.
  var models: [String] { Set(watchers.keys).union(lifecycles.keys.map(\.name)).sorted() }

  /// Looks at the repository without waiting for the next time.
  func lookNow() { look() }

  /// Collects the counters of all workers.
  func collect(_ done: @escaping (Scrapes.Result) -> Void) {
    let scrape = scrapes.begin(workers: running, done)
    for worker in workers { worker.post(.collect(scrape: scrape)) }
  }

  // MARK: The end.

  /// Lets the workers finish; the loop stops when the last has.
  func drain() {
    guard !isDraining else { return workers.forEach { $0.post(.stop) } }
    isDraining = true
    poll?.stop()
    log.notice("draining", metadata: ["longestMilliseconds": "\(settings.http.drainTimeoutMilliseconds)"])
    for worker in workers { worker.post(.drain) }
  }

  private func workerEnded(_ worker: Int) {
    running.remove(worker)
    guard running.isEmpty else { return }
    loader.close()
    intake.close()
    loop.stop()
  }
}
