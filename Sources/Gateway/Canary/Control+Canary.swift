import Bytes
import Configuration
import Logging
import Model
import Publishing
import Reactor
import Snapshots

// The challenger beside the champion: `Canary` decides, here it is done.
//
//     .challenge ─► the workers' catalogue ─► counts, every look ─► Canary ─► share, promotion or rejection
//                           └──────────────── data folder: step, verdicts ──────────┘
extension Control {
  /// What earlier processes decided, before the repository is looked at for the first time.
  func restoreCanaries() {
    canaries.records = CanaryRecord.readAll(settings.dataDirectory) { fault in
      log.error("a canary's record cannot be used and is ignored", metadata: ["file": "\(fault)"])
    }
    canaries.written = canaries.records
    for (model, record) in canaries.records {
      let rejected = record.rejections.compactMap { rejection in
        rejection.challenger.identity(of: model).map { ($0, rejection.detail) }
      }
      let promotion = record.promotion.flatMap { promotion in
        promotion.challenger.identity(of: model).map {
          RepositoryWatcher.Promotion(challenger: $0, over: promotion.over, isUndone: promotion.isUndone)
        }
      }
      watchers[model, default: newWatcher(model)].restore(promotion, rejected: rejected.map(\.0))
      for (identity, detail) in rejected where lifecycles[identity] == nil {
        lifecycles[identity] = Lifecycle(identity)
        do { try lifecycles[identity]?.reject(.canaryFailed, detail: detail) } catch { log.error("\(error)") }
      }
    }
  }

  // MARK: The watcher's orders.

  /// Takes the challenger's share back: its users see the champion from their next request on. It stays loaded, since
  /// the next order may be to promote it.
  func demote(_ identity: ModelIdentity) {
    let name = identity.name
    guard let run = canaries.runs[name], run.canary.challenger == identity else { return }
    canaries.runs[name] = nil
    canaries.records[name]?.running = nil
    serveCanaries()
    if lifecycles[identity]?.state == .serving { move(identity, to: .ready) }
    log.notice("canary is over", metadata: ["challenger": "\(identity)", "step": "\(run.canary.step + 1)"])
  }

  /// The watcher's orders are carried out: the canary that follows from them runs, and no other. What has been learnt
  /// against one champion says nothing against another.
  func settleCanary(_ name: String) {
    defer { keep(name) }
    guard let challenger = watchers[name]?.challenger, loaded[challenger] != nil,
      let champion = catalogue.models[name]?.identity
    else { return }
    if let run = canaries.runs[name], run.canary.challenger == challenger, run.canary.champion == champion { return }
    let record = canaries.records[name] ?? CanaryRecord()
    let canary = record.canary(champion: champion, challenger: challenger, now: unixSeconds())
    if lifecycles[challenger]?.state == .ready { move(challenger, to: .serving) }
    canaries.runs[name] = Canaries.Run(canary: canary)
    serveCanaries()
    watchCanaries()
    log.notice(
      "canary begins",
      metadata: [
        "champion": "\(champion)", "challenger": "\(challenger)", "step": "\(canary.step + 1)",
        "share": "\(percent(canary.share(settings.canary)))",
      ])
  }

  /// Other settings: the present step begins to count anew, since its share may be another.
  func canarySettingsChanged() {
    for name in canaries.runs.keys { canaries.runs[name]?.baseline = nil }
    if !canaries.runs.isEmpty { watchCanaries() }
  }

  // MARK: Serving.

  /// Gives the workers a catalogue with the challengers as they are now, under the settings in force.
  func serveCanaries() {
    setChallengers()
    catalogue.generation += 1
    switching = running
    swapStartedNanoseconds = loop.nowNanoseconds
    for worker in workers { worker.post(.serve(catalogue)) }
  }

  /// Of the catalogue to be served next.
  func setChallengers() {
    catalogue.challengers = canaries.runs.compactMapValues { run in
      loaded[run.canary.challenger].map { served in
        Challenge(
          served: served,
          split: Split(
            share: run.canary.share(settings.canary), salt: settings.canary.salt, challenger: run.canary.challenger),
          step: run.canary.step)
      }
    }
  }

  // MARK: Looking.

  /// Looks now, for the counts that the step begins with, and then every `canary.lookInterval` while a canary runs.
  func watchCanaries() {
    if canaries.timer == nil {
      canaries.timer = Timer(loop: loop) { [unowned self] in lookAtCanaries() }
    }
    lookAtCanaries()
  }

  private func lookAtCanaries() {
    guard !canaries.runs.isEmpty, ending.stage == .serving else { return }
    canaries.timer?.start(milliseconds: settings.canary.lookIntervalMilliseconds)
    let round = canaries.beginRound(running)
    for worker in workers { worker.post(.countVersions(round: round)) }
  }

  func versionsCounted(_ table: VersionTable, round: UInt64, worker: Int) {
    guard let counts = canaries.take(table, round: round, worker: worker) else { return }
    for name in canaries.runs.keys.sorted() { judge(name, counts) }
  }

  private func judge(_ name: String, _ counts: VersionTable) {
    guard var run = canaries.runs[name] else { return }
    guard let baseline = run.baseline else {
      canaries.runs[name]?.baseline = counts
      return
    }
    func figures(_ identity: ModelIdentity) -> SideFigures {
      SideFigures(
        counts[identity] ?? VersionCounts(), since: baseline[identity] ?? VersionCounts(), step: run.canary.step)
    }
    (run.champion, run.challenger) = (figures(run.canary.champion), figures(run.canary.challenger))
    var rules = settings.canary
    // Whoever pinned the champion decides when that ends.
    if watchers[name]?.pinned != nil { rules.promotes = false }
    let action = run.canary.look(run.champion, run.challenger, rules, now: unixSeconds())
    canaries.runs[name] = run
    switch action {
    case nil: break
    case .advance: advance(name)
    case .promote: promoteChallenger(name, by: "the canary's last step is over")
    case .reject(let breach):
      canaries.ends.rejected[breach.guardrail, default: 0] += 1
      reject(run.canary.challenger, breach.sentence)
    }
  }

  private func advance(_ name: String) {
    guard var run = canaries.runs[name] else { return }
    run.baseline = nil
    (run.champion, run.challenger) = (SideFigures(), SideFigures())
    canaries.runs[name] = run
    log.notice(
      "canary: next step",
      metadata: [
        "challenger": "\(run.canary.challenger)", "step": "\(run.canary.step + 1)",
        "share": "\(percent(run.canary.share(settings.canary)))",
      ])
    keep(name)
    serveCanaries()
    watchCanaries()
  }

  // MARK: Ends.

  /// The challenger is the champion from now on, on this node; for all nodes if this one moves the aliases. False when
  /// there is no challenger.
  @discardableResult
  func promoteChallenger(_ name: String, by cause: String) -> Bool {
    guard let run = canaries.runs[name], watchers[name] != nil else { return false }
    let challenger = run.canary.challenger
    let orders = watchers[name]!.promoteChallenger()
    // Without versions to choose from, as in an emptied repository, nothing can be promoted.
    guard !orders.isEmpty else { return false }
    log.notice("the challenger is promoted", metadata: ["challenger": "\(challenger)", "cause": "\(cause)"])
    canaries.ends.promoted += 1
    perform(orders, name)
    keep(name)
    moveAliases(after: challenger, isPromoted: true)
    return true
  }

  /// The challenger gets no share any more, here and after a restart, until an operator says so.
  func reject(_ challenger: ModelIdentity, _ detail: String) {
    let name = challenger.name
    log.error(
      "the challenger is rejected; the champion serves everybody",
      metadata: [
        "version": "\(challenger)", "reason": "\(RejectReason.canaryFailed.rawValue)", "detail": "\(detail)",
      ])
    do { try lifecycles[challenger]?.reject(.canaryFailed, detail: detail) } catch { log.error("\(error)") }
    loadCounts[LoadOutcome(model: name, result: "rejected", reason: RejectReason.canaryFailed.rawValue), default: 0] +=
      1
    canaries.records[name, default: CanaryRecord()].reject(challenger, detail, now: unixSeconds())
    if watchers[name] != nil { perform(watchers[name]!.rejected(challenger), name) }
    keep(name)
    moveAliases(after: challenger, isPromoted: false)
  }

  /// An operator ends a canary. False when there is none.
  func abortCanary(_ name: String) -> Bool {
    guard let run = canaries.runs[name] else { return false }
    canaries.ends.aborted += 1
    reject(run.canary.challenger, "an operator ended its canary in step \(run.canary.step + 1)")
    return true
  }

  /// An operator has a version judged once more that a canary or a check rejected. False when none of this number is.
  func readmit(_ name: String, _ version: Int) -> Bool {
    guard watchers[name] != nil else { return false }
    let rejected = lifecycles.values.filter {
      $0.identity.name == name && $0.identity.version == version && $0.state == .rejected
    }
    guard !rejected.isEmpty || watchers[name]?.promotion?.challenger.version == version else { return false }
    for lifecycle in rejected { lifecycles[lifecycle.identity] = nil }
    canaries.records[name]?.rejections.removeAll { $0.challenger.version == version }
    retryNow(name)
    perform(watchers[name]!.readmit(version), name)
    keep(name)
    return true
  }

  /// This node's verdict for the fleet: the champion is the one that was promoted, and there is no challenger any more.
  private func moveAliases(after challenger: ModelIdentity, isPromoted: Bool) {
    guard settings.canary.movesAliases else { return }
    let (name, repository, log) = (challenger.name, repository, log)
    clerk.submit(mustRun: true) {
      do {
        // The verdict is on this one: a publisher may have named another meanwhile.
        guard try repository.listing(of: name).aliases.challenger == challenger.version else { return }
        if isPromoted { try repository.setAlias(Aliases.champion, of: name, to: challenger.version) }
        try repository.setAlias(Aliases.challenger, of: name, to: nil)
      } catch {
        log.error(
          "the canary's verdict could not be written to the repository; other nodes do not hear of it",
          metadata: ["model": "\(name)", "reason": "\(error)"])
      }
    }
  }

  // MARK: The disk.

  /// Writes what a restart must know of a model, if it is news.
  func keep(_ name: String) {
    var record = canaries.records[name] ?? CanaryRecord()
    if let run = canaries.runs[name] { record.note(run.canary) }
    record.promotion = watchers[name]?.promotion.map {
      CanaryRecord.Promotion(
        challenger: CanaryRecord.Version($0.challenger), over: $0.over, isUndone: $0.isUndone)
    }
    canaries.records[name] = record
    guard record != canaries.written[name] ?? CanaryRecord() else { return }
    canaries.written[name] = record
    let (folder, log, kept) = (settings.dataDirectory, log, record)
    clerk.submit(mustRun: true) {
      do throws(DiskError) { try kept.write(folder, name) } catch {
        log.error(
          "the canary's state could not be kept; a restart would begin it anew",
          metadata: ["model": "\(name)", "reason": "\(error)"])
      }
    }
  }
}
