import Bytes
import Configuration
import Logging
import Model
import Publishing
import Reactor
import Snapshots

// A version's way on this node: loaded, proven, serving, and let go again.
extension Control {
  func startFromDisk() {
    store.sweep()
    for name in wantedModels ?? store.models() {
      guard let local = store.lastGood(of: name, accepts: isTrusted) else { continue }
      let identity = local.identity
      do {
        let model = try ServedModel(local.path, identity, placements, namespace: settings.memcachedNamespace)
        var lifecycle = Lifecycle(identity)
        for state in [ModelState.fetching, .verifying, .loading, .warming, .ready] { try lifecycle.advance(to: state) }
        lifecycles[identity] = lifecycle
        markUnavailable(in: model)
        loaded[identity] = model
        watchers[identity.name] = newWatcher(identity.name, serving: identity)
        promote(identity)
        // Requests do not wait for it; it only saves them the first touch of each page.
        loader.submit { model.model.prefault() }
      } catch {
        log.warning(
          "the last good snapshot cannot be used", metadata: ["version": "\(identity)", "reason": "\(error)"])
      }
    }
  }

  func fetch(_ identity: ModelIdentity) {
    lifecycles[identity] = Lifecycle(identity)
    news.noteFound(identity)
    settleWaits()
    let load = Load(
      identity: identity, repository: repository, store: store, keyring: keyring, placements: placements,
      settings: settings, gates: Gates(settings: settings.gates, live: live), control: mailbox)
    loader.submit { load.run() }
  }

  func move(_ identity: ModelIdentity, to state: ModelState) {
    do { try lifecycles[identity]?.advance(to: state) } catch { log.error("\(error)") }
    settleWaits()
  }

  func ready(_ model: ServedModel, _ times: LoadTimes) {
    move(model.identity, to: .ready)
    loadCounts[LoadOutcome(model: model.identity.name, result: "ready", reason: ""), default: 0] += 1
    markUnavailable(in: model)
    // The placements may have changed while it was loaded.
    loaded[model.identity] = model.serving(placements, namespace: settings.memcachedNamespace)
    retries.succeeded(model.identity)
    self.times[model.identity] = times
    log.info(
      "version ready",
      metadata: [
        "version": "\(model.identity)", "pullMilliseconds": "\(times.pull)", "loadMilliseconds": "\(times.load)",
        "proveMilliseconds": "\(times.prove)",
        "warmMilliseconds": "\(times.warm)", "listsWritten": "\(times.warmed.written)",
        "listsPresent": "\(times.warmed.present)", "listsInMemory": "\(times.lists)",
      ])
    let name = model.identity.name
    perform(watchers[name, default: newWatcher(name)].loaded(model.identity), name)
  }

  func fail(_ identity: ModelIdentity, _ error: PublishError) {
    loadCounts[LoadOutcome(model: identity.name, result: "rejected", reason: error.reason.rawValue), default: 0] += 1
    do { try lifecycles[identity]?.reject(error) } catch { log.error("\(error)") }
    settleWaits()
    news.note(error, of: identity)
    if error.reason == .notEnoughMemory { makeRoom(identity.name) }
    guard watchers[identity.name] != nil else { return }
    guard error.reason.isTransient else { return perform(watchers[identity.name]!.rejected(identity), identity.name) }
    retries.failed(
      identity, nowNanoseconds: loop.nowNanoseconds, firstMilliseconds: settings.pollIntervalMilliseconds)
  }

  /// Lets go of the version before, for one that does not fit beside it. A rollback reads it from the disk then.
  private func makeRoom(_ name: String) {
    guard let previous = watchers[name]?.previous, loaded[previous] != nil else { return }
    log.notice(
      "the version before is unloaded to make room; a rollback reads it from the disk",
      metadata: ["version": "\(previous)"])
    release(name, keepsPrevious: false)
  }

  /// Forgets versions that came to nothing and are gone from the repository, but for the newest of them.
  func forget(_ model: String, _ listing: RepositoryListing) {
    let gone = lifecycles.values.filter {
      $0.identity.name == model && $0.state.isFinal && listing.versions[$0.identity.version] != $0.identity
        && loaded[$0.identity] == nil
    }
    for lifecycle in gone.sorted(by: { $0.identity.version > $1.identity.version }).dropFirst(Control.goneMax) {
      lifecycles[lifecycle.identity] = nil
      times[lifecycle.identity] = nil
      signers[lifecycle.identity] = nil
      news.forget(lifecycle.identity)
      retries.succeeded(lifecycle.identity)
    }
  }

  /// Some hours of a version a minute, for whoever asks what became of one.
  static let goneMax = 64

  // MARK: Swapping.

  func promote(_ identity: ModelIdentity) {
    guard let model = loaded[identity] else { return }
    let trainedUnder = model.model.provenance.identityKeyFingerprint
    if !trainedUnder.isEmpty && trainedUnder != identityFingerprint {
      log.error(
        "the snapshot's users were hashed under another identity key: none of them will be known here",
        metadata: ["version": "\(identity)", "remedy": "give trainer and gateways one identity.keyFile"])
    }
    let old = catalogue.models[identity.name]?.identity
    if let report = swapWatch.began(identity, after: old) { tell(report) }
    longestPauseNanoseconds = 0
    catalogue.models[identity.name] = model
    live.set(model.model)
    setChallengers()
    catalogue.generation += 1
    switching = running
    swapStartedNanoseconds = loop.nowNanoseconds
    for worker in workers { worker.post(.serve(catalogue)) }
    move(identity, to: .serving)
    if let old, old != identity { move(old, to: .ready) }
    log.notice("version serves", metadata: ["version": "\(identity)", "before": "\(old.map { "\($0)" } ?? "none")"])
    release(identity.name)
  }

  /// Lets go of loaded versions that neither serve nor are tried nor are the one to roll back to.
  func release(_ name: String, keepsPrevious: Bool = true) {
    let (serving, previous) = (catalogue.models[name]?.identity, watchers[name]?.previous)
    let kept = [serving, keepsPrevious ? previous : nil, watchers[name]?.challenger]
    for identity in loaded.keys where identity.name == name && !kept.contains(identity) {
      signers[identity] = nil
      watchers[name]?.unloaded(identity)
      drain(loaded.removeValue(forKey: identity)!)
    }
    let keep = Set(loaded.keys)
    let (store, count, log) = (store, settings.keepVersions, log)
    @Sendable func keepInOrder(_ body: () throws(PublishError) -> Void) {
      do { try body() } catch {
        log.warning("the data folder could not be kept in order", metadata: ["reason": "\(error)"])
      }
    }
    // A node that is stopped right after a rollback must come back with what it was rolled back to.
    clerk.submit(mustRun: true) {
      keepInOrder { () throws(PublishError) in
        if let serving { try store.recordServing(serving, before: previous) }
      }
    }
    // Where pulls are made: what has just come must not be taken for what nobody needs.
    loader.submit(mustRun: true) {
      keepInOrder { () throws(PublishError) in _ = try store.prune(name, keep: count, inUse: keep) }
    }
  }

  func workerSwitched(_ worker: Int, _ generation: Int, _ pauseNanoseconds: UInt64) {
    guard generation == catalogue.generation, switching.remove(worker) != nil else { return }
    longestPauseNanoseconds = max(longestPauseNanoseconds, pauseNanoseconds)
    guard switching.isEmpty else { return }
    let (switched, pause) = (
      Int((loop.nowNanoseconds - swapStartedNanoseconds) / 1000), Int(longestPauseNanoseconds / 1000)
    )
    swapWatch.switched(microseconds: switched, longestPauseMicroseconds: pause)
    log.info(
      "every worker has switched",
      metadata: ["microseconds": "\(switched)", "longestPauseMicroseconds": "\(pause)"])
    service.serving(serviceSentence)
    if !hasServed {
      hasServed = true
      firstSnapshotServes()
    }
  }
}
