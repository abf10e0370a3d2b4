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
    gatherHottest(for: identity)
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
    guard var watcher = watchers[identity.name] else { return }
    let actions = error.reason.isTransient ? [] : watcher.rejected(identity)
    if error.reason.isTransient { watcher.failed(identity) }
    watchers[identity.name] = watcher
    perform(actions, identity.name)
  }

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
    if let old, old != identity {
      move(old, to: .ready)
      previous[identity.name] = old
    }
    log.notice("version serves", metadata: ["version": "\(identity)", "before": "\(old.map { "\($0)" } ?? "none")"])
    release(identity.name)
  }

  /// Lets go of loaded versions that neither serve nor are tried nor are the one to roll back to.
  func release(_ name: String) {
    let kept = [catalogue.models[name]?.identity, previous[name], watchers[name]?.challenger]
    for identity in loaded.keys where identity.name == name && !kept.contains(identity) {
      signers[identity] = nil
      watchers[name]?.unloaded(identity)
      drain(loaded.removeValue(forKey: identity)!)
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
