import Logging
import Publishing

// Whose versions this node serves, and what may not be set back.
extension Control {
  /// A watcher that knows what an operator pinned, what served here, and where versions are signed the largest of that.
  func newWatcher(_ model: String, serving: ModelIdentity? = nil) -> RepositoryWatcher {
    let pinned = store.pin(of: model)
    keptPins[model] = pinned
    live.pin(model, pinned)
    return RepositoryWatcher(
      model: model, serving: serving, previous: serving.flatMap { store.servedBefore($0) }, pinned: pinned,
      floor: floor(of: model))
  }

  /// Whether a snapshot on this disk may serve again. Its signature is asked for at every start: a key that was taken
  /// away since it was pulled no longer counts.
  func isTrusted(_ local: LocalSnapshot) -> Bool {
    guard !keyring.isEmpty else { return true }
    do throws(PublishError) {
      signers[local.identity] = try store.endorsement(of: local.identity, by: keyring).keyID
      return true
    } catch {
      log.warning(
        "a snapshot of this disk is not trusted and waits for the repository",
        metadata: ["version": "\(local.identity)", "reason": "\(error)"])
      return false
    }
  }

  /// Takes other keys into force. What serves goes on serving: a key that is taken away is not missed before the next
  /// start. What was rejected is judged once more.
  func trust(_ new: Keyring) {
    guard new != keyring else { return }
    keyring = new
    for model in watchers.keys.sorted() {
      // What serves when keys come into force is where they begin; a challenger that this node alone promoted is not.
      let serving = watchers[model]?.promotion == nil ? watchers[model]?.serving?.version : nil
      let floor = floor(of: model).map { max($0, serving ?? 0) }
      let verdicts = canaries.records[model]?.rejections.compactMap { $0.challenger.identity(of: model) } ?? []
      retryNow(model)
      perform(watchers[model]!.judgeAnew(floor: floor, keeping: Set(verdicts)), model)
    }
  }

  /// The repository wants an older version than served here, and no operator has pinned it.
  func refuse(_ identity: ModelIdentity) {
    let error = refusal(of: identity)
    // One that is loaded stays so: a rollback leads there.
    if loaded[identity] == nil {
      lifecycles[identity] = Lifecycle(identity)
      do { try lifecycles[identity]?.reject(error) } catch { log.error("\(error)") }
      settleWaits()
    }
    loadCounts[LoadOutcome(model: identity.name, result: "rejected", reason: error.reason.rawValue), default: 0] += 1
    log.error(
      "version refused; what serves goes on",
      metadata: ["version": "\(identity)", "reason": "\(error.reason.rawValue)", "detail": "\(error.detail)"])
  }

  /// Has the disk remember the largest version that was champion here, where versions are signed.
  func keepFloor(of model: String) {
    guard let floor = watchers[model]?.floor, floor > keptFloors[model] ?? 0 else { return }
    keptFloors[model] = floor
    let (store, log) = (store, log)
    clerk.submit(mustRun: true) {
      do { try store.remember(floor: floor, of: model) } catch {
        log.warning("what served here could not be remembered", metadata: ["model": "\(model)", "reason": "\(error)"])
      }
    }
  }

  /// Has the disk remember what an operator has pinned: a node that was rolled back must not come back with what it was
  /// rolled back from.
  func keepPin(of model: String) {
    let pinned = watchers[model]?.pinned
    guard pinned != keptPins[model] else { return }
    keptPins[model] = pinned
    live.pin(model, pinned)
    let (store, log) = (store, log)
    clerk.submit(mustRun: true) {
      do { try store.recordPin(pinned, of: model) } catch {
        log.error(
          "a pin could not be kept; a restart would not know of it",
          metadata: ["model": "\(model)", "reason": "\(error)"])
      }
    }
  }

  /// Why a version does not serve that the repository wants served.
  func refusal(of identity: ModelIdentity) -> PublishError {
    let floor = watchers[identity.name]?.floor ?? 0
    return PublishError(
      .rollbackRefused,
      "\(identity) is older than version \(floor), which served here; signed versions go back only when an operator pins one: POST …/models/\(identity.name):rollback"
    )
  }

  /// Reads a small file. Looks at no watcher: one may be in the making.
  private func floor(of model: String) -> Int? { keyring.isEmpty ? nil : store.replayMemory(of: model).servedMax }
}
