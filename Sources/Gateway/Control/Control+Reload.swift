import Bytes
import Configuration
import Logging
import Reactor
import Telemetry

// A new configuration in a running gateway: read and checked on a thread of its own, put in force as a whole.
extension Control {
  /// Reads the configuration again. `done` hears what became of it.
  func reload(_ done: @escaping (Reloading.Outcome) -> Void = { _ in }) {
    guard ending.stage == .serving else { return done(.refused("this gateway is draining")) }
    guard let source = reloading.source else {
      let reason = "there is no configuration to read again: this process was not started by `needletail serve`"
      log.warning("\(reason)")
      return done(.refused(reason))
    }
    reloadsAwaited.append(done)
    guard reloading.begin() else { return }
    service.reloading()
    let (placements, mailbox) = (placements, mailbox!)
    do throws(LoopError) {
      // Not the loader's: a pull may keep that busy for minutes.
      _ = try LoopThread.spawn(name: "reload") { mailbox.post(.reread(Reloading.read(source, after: placements))) }
    } catch { reread(.refused("\(error)")) }
  }

  func reread(_ read: Reloading.Outcome) {
    // The end may have begun meanwhile, and it goes by what was in force then.
    let outcome = ending.stage == .serving ? read : .refused("this gateway is draining")
    let isWantedAgain = reloading.finish(outcome, now: unixSeconds())
    switch outcome {
    case .refused(let reason):
      // A line of the log for each mistake, so that each stands there as check-config prints it.
      for line in reason.split(separator: "\n") { log.error("configuration refused: \(line)") }
      log.error("the configuration was not reloaded; the old one stays in force")
    case .read(let change, let plan):
      apply(plan)
      let keys = change.applied.joined(separator: " ")
      log.notice("configuration reloaded", metadata: ["changed": "\(keys.isEmpty ? "nothing" : keys)"])
      if !change.waiting.isEmpty {
        log.warning(
          "these keys wait for a restart; their old values stay in force",
          metadata: ["keys": "\(change.waiting.joined(separator: " "))"])
      }
    }
    service.reloaded(serviceSentence)
    // A wish that came while the file was being read is answered by the next reading.
    if isWantedAgain {
      let waiting = reloadsAwaited
      reloadsAwaited = []
      return reload { outcome in for done in waiting { done(outcome) } }
    }
    let waiting = reloadsAwaited
    reloadsAwaited = []
    for done in waiting { done(outcome) }
  }

  /// Puts a plan in force: here at once, in each worker between two requests.
  private func apply(_ plan: ServingPlan) {
    let isCanaryChanged = settings.canary != plan.settings.canary
    settings = plan.settings
    placements = plan.placements
    warmer = Warmer(settings: settings, placements: placements)
    admin?.token = plan.token
    ending = Ending(
      lameDuckMilliseconds: settings.http.lameDuckMilliseconds,
      timeoutMilliseconds: settings.http.drainTimeoutMilliseconds)
    LineLogHandler.setLevel(Logger.Level(rawValue: settings.logLevel) ?? .info)
    for (identity, model) in loaded {
      loaded[identity] = model.serving(placements, namespace: settings.memcachedNamespace)
    }
    for (name, model) in catalogue.models { catalogue.models[name] = loaded[model.identity] ?? model }
    setChallengers()
    catalogue.generation += 1
    let inForce = InForce(settings: settings, placements: placements, catalogue: catalogue)
    for worker in workers { worker.post(.configure(inForce)) }
    trust(plan.keyring)
    if isCanaryChanged { canarySettingsChanged() }
    lookNow()
  }
}

/// What a worker serves by. Immutable, and replaced as a whole between two requests.
struct InForce: Sendable {
  let settings: Settings
  let placements: Placements
  let catalogue: Catalogue
}
