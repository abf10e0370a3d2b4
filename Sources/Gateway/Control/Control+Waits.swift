import Publishing
import Reactor

// What the admin API asks about versions, and waits for.
extension Control {
  /// What is known of a version by its number. A repository that was rebuilt may have used the number twice; the one in
  /// use tells more.
  func lifecycle(_ model: String, _ version: Int) -> Lifecycle? {
    let found = lifecycles.values.filter { $0.identity.name == model && $0.identity.version == version }
    return found.first { loaded[$0.identity] != nil } ?? found.first { !$0.state.isFinal } ?? found.first
  }

  /// Writes an alias into the repository, on a thread of its own: a repository may be far away, and the loader may be
  /// busy with a pull for minutes.
  func setAlias(_ alias: String, of model: String, to version: Int, _ done: @escaping (PublishError?) -> Void) {
    aliasCalls.number += 1
    aliasCalls.awaited[aliasCalls.number] = done
    let (repository, mailbox, number) = (repository, mailbox!, aliasCalls.number)
    do throws(LoopError) {
      _ = try LoopThread.spawn(name: "alias") {
        do throws(PublishError) {
          try repository.setAlias(alias, of: model, to: version)
          mailbox.post(.aliasSet(number, failure: nil))
        } catch { mailbox.post(.aliasSet(number, failure: error)) }
      }
    } catch { aliasSet(number, failure: PublishError(.fetchFailed, "\(error)")) }
  }

  func aliasSet(_ number: Int, failure: PublishError?) { aliasCalls.awaited.removeValue(forKey: number)?(failure) }

  /// Calls `answer` when a version stands at `wanted`, or where it never will, or when the time is up.
  func wait(
    until wanted: ModelState, _ model: String, _ version: Int, milliseconds: Int, isAbandoned: @escaping () -> Bool,
    answer: @escaping () -> Void
  ) {
    let deadline = loop.nowNanoseconds + UInt64(milliseconds) * 1_000_000
    waits.add(
      VersionWaits.Wait(
        model: model, version: version, wanted: wanted, deadlineNanoseconds: deadline, isAbandoned: isAbandoned,
        answer: answer))
    settleWaits()
  }

  /// Answers those whose wait is over. Called whenever a version comes to another state.
  func settleWaits() {
    guard !waits.isEmpty else { return }
    let now = loop.nowNanoseconds
    let ended = waits.takeEnded(now: now) { model, version in
      lifecycle(model, version)?.state ?? faults[model]?[version].map { _ in .rejected }
    }
    for wait in ended { wait.answer() }
    guard let next = waits.nextDeadlineNanoseconds else { return waitTimer.stop() }
    waitTimer.start(milliseconds: Int((next - min(now, next)) / 1_000_000) + 1)
  }
}
