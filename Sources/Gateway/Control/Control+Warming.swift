import Publishing
import Reactor

// Between a version that is proven and one that is READY: its hot lists in every worker's L1.
extension Control {
  /// What the workers say is hot under the version that serves, for one that is to come.
  struct Gathering {
    let serving: ModelIdentity
    var missing: Set<Int>
    private(set) var lists: [HotList] = []
    private var seen: Set<HotList> = []

    init(serving: ModelIdentity, missing: Set<Int>) {
      self.serving = serving
      self.missing = missing
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

  /// Asks the workers what is hot, then has the version loaded.
  func gatherHottest(for identity: ModelIdentity) {
    guard let serving = catalogue.models[identity.name]?.identity, !running.isEmpty else { return load(identity, []) }
    gatherings[identity] = Gathering(serving: serving, missing: running)
    for worker in workers { worker.post(.nameHottest(serving)) }
  }

  func gathered(_ worker: Int, _ serving: ModelIdentity, _ hottest: [HotList]) {
    for (identity, gathering) in gatherings where gathering.serving == serving && gathering.missing.contains(worker) {
      var gathering = gathering
      gathering.missing.remove(worker)
      gathering.add(hottest)
      gatherings[identity] = gathering.missing.isEmpty ? nil : gathering
      if gathering.missing.isEmpty { load(identity, gathering.lists) }
    }
  }

  private func load(_ identity: ModelIdentity, _ hottest: [HotList]) {
    let load = Load(
      identity: identity, repository: repository, store: store, keyring: keyring, placements: placements,
      warmer: warmer, settings: settings, gates: gates(for: identity), control: mailbox, hottest: hottest)
    loader.submit { load.run() }
  }

  /// A version is loaded and proven, and its lists are rendered.
  func finishLoading(_ model: ServedModel, _ times: LoadTimes, _ prepared: PreparedLists) {
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
