import Configuration
import Publishing
import Reactor

// Between a version that is proven and one that is READY: its hot lists in every worker's L1.
extension Control {
  /// What the workers say is hot under the version that serves, for one that is to come.
  struct Gathering {
    let model: ServedModel
    let times: LoadTimes
    let serving: ModelIdentity
    /// What happens from here on the lists know nothing of.
    let atSeconds: UInt32
    var missing: Set<Int>
    private(set) var lists: [HotList] = []
    private var seen: Set<HotList> = []

    init(_ model: ServedModel, _ times: LoadTimes, serving: ModelIdentity, atSeconds: UInt32, missing: Set<Int>) {
      (self.model, self.times, self.serving) = (model, times, serving)
      (self.atSeconds, self.missing) = (atSeconds, missing)
    }

    /// The same list may be hot in several workers; of a user the first window counts.
    mutating func add(_ hottest: [HotList]) {
      for list in hottest where lists.count < HotList.countMax {
        var anyWindow = list
        anyWindow.window = []
        if seen.insert(anyWindow).inserted { lists.append(list) }
      }
    }
  }

  /// A version whose lists are on their way into the workers.
  struct Warming {
    let model: ServedModel
    let times: LoadTimes
    var missing: Set<Int>
  }

  /// A version is loaded and proven. Asks the workers what is hot, and not earlier: a pull may take minutes, in which users
  /// act, and their lists would not know of it.
  func gatherHottest(for model: ServedModel, _ times: LoadTimes) {
    let identity = model.identity
    move(identity, to: .warming)
    guard let serving = catalogue.models[identity.name]?.identity, !running.isEmpty else {
      return warm(model, times, [], atSeconds: unixSeconds())
    }
    gatherings[identity] = Gathering(model, times, serving: serving, atSeconds: unixSeconds(), missing: running)
    for worker in workers { worker.post(.nameHottest(serving)) }
  }

  func gathered(_ worker: Int, _ serving: ModelIdentity, _ hottest: [HotList]) {
    for (identity, gathering) in gatherings where gathering.serving == serving && gathering.missing.contains(worker) {
      var gathering = gathering
      gathering.missing.remove(worker)
      gathering.add(hottest)
      gatherings[identity] = gathering.missing.isEmpty ? nil : gathering
      if gathering.missing.isEmpty {
        warm(gathering.model, gathering.times, gathering.lists, atSeconds: gathering.atSeconds)
      }
    }
  }

  private func warm(_ model: ServedModel, _ times: LoadTimes, _ hottest: [HotList], atSeconds: UInt32) {
    let (warmer, budget, mailbox) = (warmer, settings.warmBudgetMilliseconds, mailbox!)
    loader.submit {
      let began = milliseconds()
      var times = times
      times.warmed = warmer.fillMissing(model, hottest, budgetMilliseconds: budget)
      let prepared = warmer.prepare(model, hottest, atSeconds: atSeconds, budgetMilliseconds: budget)
      times.lists = prepared.lists.count
      times.warm = milliseconds() - began
      mailbox.post(.rendered(model, times, prepared))
    }
  }

  /// A version's lists are rendered.
  func hand(_ model: ServedModel, _ times: LoadTimes, _ prepared: PreparedLists) {
    guard !prepared.lists.isEmpty, !running.isEmpty else { return ready(model, times) }
    warming[model.identity] = Warming(model: model, times: times, missing: running)
    for worker in workers { worker.post(.warm(prepared, from: 0)) }
  }

  func warmed(_ worker: Int, _ identity: ModelIdentity) {
    guard warming[identity]?.missing.remove(worker) != nil, let warmed = warming[identity], warmed.missing.isEmpty
    else { return }
    warming[identity] = nil
    ready(warmed.model, warmed.times)
  }
}
