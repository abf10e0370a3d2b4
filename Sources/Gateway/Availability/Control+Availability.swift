import Bytes
import Configuration
import Logging
import Model
import Reactor
import Snapshots

// Items that sell out between two snapshots: kept by id, marked in the bitmap of every loaded snapshot, on this node's disk.
//
//     call ─► set of ids ─► bitmaps ─► every worker forgets its composed answers ─► answered
//                  └──────► file ─────────────────────────────────────────────────────┘
extension Control {
  /// What a call came to.
  struct AvailabilityAnswer: Sendable, Equatable {
    var changed = 0
    /// Ids of the call that no snapshot that serves has an item for.
    var unknown = 0
    /// Ids that are unavailable now.
    var count = 0
    var outcome = AvailabilityProgress.Outcome.done
  }

  private var availabilityPath: String { AvailabilityFile.path(dataDirectory: settings.dataDirectory) }

  // MARK: Calls.

  /// Whether changes can be taken: not while another process may have, or may read, a newer set than this one.
  var takesAvailability: Bool {
    takeover == nil && ending.stage == .serving && succession?.isLeaving != true
  }

  /// Makes a change; `done` hears when it holds in every worker and on the disk. Throws when it cannot be made.
  func change(
    _ change: AvailabilityChange, _ done: @escaping (AvailabilityAnswer) -> Void
  ) throws(RequestProblem) {
    let difference = try unavailable.apply(change)
    var answer = AvailabilityAnswer(changed: difference.count, unknown: unknown(change), count: unavailable.count)
    if difference.count > 0 {
      availabilityCounts.unavailable += UInt64(difference.unavailable.count)
      availabilityCounts.available += UInt64(difference.available.count)
      log.notice(
        "availability changed",
        metadata: [
          "becameUnavailable": "\(difference.unavailable.count)", "becameAvailable": "\(difference.available.count)",
          "unknown": "\(answer.unknown)", "unavailable": "\(unavailable.count)",
        ])
      putInForce(difference)
    }
    availabilityProgress.await { outcome in
      answer.outcome = outcome
      done(answer)
    }
    saveAvailability(retries: true)
    answerAvailability()
  }

  private func unknown(_ change: AvailabilityChange) -> Int {
    let models = catalogue.models.values.map(\.model)
    return (change.unavailable + change.available).count { id in
      !models.contains { id.item(in: $0) != nil }
    }
  }

  /// Marks the items in every snapshot that answers or may answer again, and has the workers forget what they composed.
  private func putInForce(_ difference: UnavailableIDs.Difference) {
    for served in loaded.values {
      for id in difference.unavailable { served.mark(id, unavailable: true) }
      for id in difference.available { served.mark(id, unavailable: false) }
      served.availability.publish()
    }
    let number = availabilityProgress.begin()
    for worker in workers { worker.post(.availabilityChanged(number)) }
  }

  /// A snapshot that nobody has asked yet learns what is unavailable. O(ids).
  func markUnavailable(in served: ServedModel) {
    for id in unavailable.ids { served.mark(id, unavailable: true) }
    served.availability.publish()
  }

  // MARK: The way to an answer.

  func workerTookAvailability(_ worker: Int, _ change: Int) {
    availabilityProgress.took(worker, change)
    answerAvailability()
  }

  func availabilitySaved(failure: String?) {
    availabilityProgress.endSaving(failure: failure)
    if let failure {
      availabilityCounts.writeFailures += 1
      log.error(
        "the unavailable items could not be written; they are in force, and a restart would forget the change",
        metadata: ["path": "\(availabilityPath)", "reason": "\(failure)"])
    }
    saveAvailability(retries: false)
    answerAvailability()
  }

  /// On a thread of its own: a disk may take long, and the loader may be busy with a pull for minutes.
  private func saveAvailability(retries: Bool) {
    guard availabilityProgress.beginSaving(retries: retries) else { return }
    let (set, path, mailbox) = (unavailable, availabilityPath, mailbox!)
    do throws(LoopError) {
      _ = try LoopThread.spawn(name: "availability") {
        do throws(DiskError) {
          try AvailabilityFile.write(set, to: path)
          mailbox.post(.availabilitySaved(failure: nil))
        } catch { mailbox.post(.availabilitySaved(failure: "\(error)")) }
      }
    } catch { availabilitySaved(failure: "\(error)") }
  }

  func answerAvailability() {
    for tell in availabilityProgress.takeFinished() { tell() }
    guard !availabilityProgress.isBusy, let settled = whenAvailabilitySettles else { return }
    whenAvailabilitySettles = nil
    settled()
  }

  /// Calls back when no call and no write is under way: a successor reads the file after that.
  func settleAvailability(_ done: @escaping () -> Void) {
    whenAvailabilitySettles = done
    answerAvailability()
  }

  // MARK: The disk.

  /// Takes what the file says, at the start and after a take-over: the predecessor may have written meanwhile. A file
  /// that cannot be used is told and changes nothing.
  func readAvailability() {
    do {
      let set = try AvailabilityFile.read(availabilityPath) ?? UnavailableIDs()
      let difference = try unavailable.apply(AvailabilityChange(whole: set))
      if difference.count > 0 { putInForce(difference) }
      availabilityProgress.isOnDisk()
      if !set.isEmpty { log.info("unavailable items read", metadata: ["unavailable": "\(set.count)"]) }
    } catch {
      availabilityCounts.readFailures += 1
      log.error(
        "the file of unavailable items cannot be used and is ignored; name them again by PUT /admin/v1/availability",
        metadata: ["path": "\(availabilityPath)", "reason": "\(error)"])
    }
  }
}

/// Changes of availability since the start.
struct AvailabilityCounts {
  /// Ids that became unavailable, or available again, by calls.
  var unavailable: UInt64 = 0
  var available: UInt64 = 0
  /// Files that could not be used, and writes that failed.
  var readFailures: UInt64 = 0
  var writeFailures: UInt64 = 0
}

extension ServedModel {
  /// Does nothing for an id that the snapshot does not know, and brings none back that it withholds itself.
  fileprivate func mark(_ id: ItemID, unavailable: Bool) {
    guard let item = id.item(in: model), !model.isWithheld(item) else { return }
    availability.set(item, unavailable: unavailable)
  }
}
