import Bytes
import TestSupport
import Testing

@testable import Publishing

@Suite struct RepositoryWatcherTests {
  private let one = identity(1)
  private let two = identity(2)
  private let three = identity(3)

  @Test func `the first version is fetched, then serves`() {
    var watcher = RepositoryWatcher(model: "home")
    #expect(watcher.observe(listing([one])) == [.fetch(one)])
    #expect(watcher.observe(listing([one])) == [])
    #expect(watcher.loaded(one) == [.promote(one)])
    #expect(watcher.serving == one)
    #expect(watcher.observe(listing([one])) == [])
  }

  @Test func `a new version takes over when it is loaded, not before`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    #expect(watcher.observe(listing([one, two])) == [.fetch(two)])
    #expect(watcher.serving == one)
    #expect(watcher.loaded(two) == [.promote(two)])
  }

  @Test func `a version that is no good is not fetched again, and the old one serves on`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    #expect(watcher.observe(listing([one, two])) == [.fetch(two)])
    #expect(watcher.rejected(two) == [])
    #expect(watcher.observe(listing([one, two])) == [])
    #expect(watcher.observe(listing([one, two, three])) == [.fetch(three)])
    #expect(watcher.serving == one)
  }

  @Test func `a fetch that failed is tried again at the next look`() {
    var watcher = RepositoryWatcher(model: "home")
    #expect(watcher.observe(listing([one])) == [.fetch(one)])
    watcher.failed(one)
    #expect(watcher.observe(listing([one])) == [.fetch(one)])
  }

  @Test func `a moved alias promotes what is loaded at once`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    _ = watcher.observe(listing([one, two], Aliases(champion: 2)))
    #expect(watcher.loaded(two) == [.promote(two)])
    #expect(watcher.observe(listing([one, two], Aliases(champion: 1))) == [.promote(one)])
  }

  @Test func `a pin rolls back, and holds against new versions until it is taken away`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    _ = watcher.observe(listing([one, two]))
    _ = watcher.loaded(two)
    #expect(watcher.pin(1) == [.promote(one)])
    #expect(watcher.observe(listing([one, two, three])) == [])
    #expect(watcher.pin(nil) == [.fetch(three)])
    #expect(watcher.serving == one)
  }

  @Test func `a rollback leads to what served before, and back again`() {
    var watcher = RepositoryWatcher(model: "home")
    for version in [one, two, three] {
      _ = watcher.observe(listing([version]))
      #expect(watcher.loaded(version) == [.promote(version)])
    }
    watcher.unloaded(one)
    #expect(watcher.rollBack() == [.promote(two)])
    #expect(watcher.serving == two && watcher.previous == three && watcher.pinned == 2)
    #expect(watcher.rollBack() == [.promote(three)])
  }

  @Test func `a rollback leads to the disk where what served before is not loaded any more`() {
    var watcher = RepositoryWatcher(model: "home", serving: two, previous: one)
    #expect(watcher.observe(listing([two])) == [] && watcher.knows(1))
    #expect(watcher.pin(1) == [.fetch(one)] && watcher.serving == two)
    #expect(watcher.loaded(one) == [.promote(one)] && watcher.previous == two)
    watcher.unloaded(two)
    #expect(watcher.previous == two && watcher.pin(2) == [.fetch(two)])
  }

  @Test func `what an operator pinned before a restart is pinned after it`() {
    var watcher = RepositoryWatcher(model: "home", serving: one, pinned: 1)
    #expect(watcher.observe(listing([one, two], Aliases(champion: 2))) == [])
    #expect(watcher.pin(nil) == [.fetch(two)])
  }

  @Test func `a rejected version whose manifest cannot be read for once is still rejected`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    _ = watcher.observe(listing([one, two]))
    _ = watcher.rejected(two)
    let fault = [2: PublishError(.fetchFailed, "too many open files")]
    #expect(watcher.observe(RepositoryListing(versions: [one], faults: fault, aliases: .none)) == [])
    #expect(watcher.observe(listing([one, two])) == [])
  }

  @Test func `other keys have all judged anew but what a canary rejected`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    _ = watcher.observe(listing([one, two, three], Aliases(champion: 1, challenger: 3)))
    _ = watcher.rejected(three)
    #expect(watcher.judgeAnew(floor: nil, keeping: [three]) == [])
    #expect(watcher.judgeAnew(floor: nil) == [.fetch(three)])
  }

  @Test func `a verdict on the challenger holds in a repository that lost everything`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    _ = watcher.observe(listing([one, two], Aliases(champion: 1, challenger: 2)))
    _ = watcher.loaded(two)
    _ = watcher.observe(listing([]))
    #expect(watcher.rejected(two) == [.demote(two)] && watcher.challenger == nil)
  }

  @Test func `a version that the repository dropped can still be pinned while it is loaded`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    _ = watcher.observe(listing([one, two]))
    _ = watcher.loaded(two)
    #expect(watcher.observe(listing([two])) == [])
    #expect(watcher.pin(1) == [.promote(one)])
  }

  @Test func `a challenger is fetched, tried, and becomes champion`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    #expect(watcher.observe(listing([one, two], Aliases(champion: 1, challenger: 2))) == [.fetch(two)])
    #expect(watcher.loaded(two) == [.challenge(two)])
    #expect(watcher.observe(listing([one, two], Aliases(champion: 2))) == [.demote(two), .promote(two)])
    #expect(watcher.serving == two && watcher.challenger == nil)
  }

  @Test func `a challenger whose alias goes is demoted`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    _ = watcher.observe(listing([one, two], Aliases(champion: 1, challenger: 2)))
    _ = watcher.loaded(two)
    #expect(watcher.observe(listing([one, two], Aliases(champion: 1))) == [.demote(two)])
  }

  @Test func `the same number with other bytes is another version`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    let rebuilt = identity(1, "rebuilt")
    #expect(watcher.observe(listing([rebuilt])) == [.fetch(rebuilt)])
    #expect(watcher.loaded(rebuilt) == [.promote(rebuilt)])
  }

  @Test func `an empty repository changes nothing`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    #expect(watcher.observe(listing([])) == [])
    #expect(watcher.serving == one)
  }

  @Test func `whatever happens, only what is loaded serves, and no fetch is ordered twice`() {
    for seed in UInt64(0)..<300 {
      var random = SeededRandom(seed: seed)
      // Every other one where versions are signed.
      var watcher = RepositoryWatcher(model: "home", floor: seed % 2 == 0 ? nil : 2)
      var loaded: Set<ModelIdentity> = []
      var fetching: Set<ModelIdentity> = []
      for _ in 0..<60 {
        var actions: [RepositoryWatcher.Action] = []
        let some = fetching.randomElement(using: &random)
        let floor = watcher.floor ?? 0
        switch (Int.random(in: 0..<6, using: &random), some) {
        case (0, let some?):
          fetching.remove(some)
          loaded.insert(some)
          actions = watcher.loaded(some)
        case (1, let some?):
          fetching.remove(some)
          actions = watcher.rejected(some)
        case (2, let some?):
          fetching.remove(some)
          watcher.failed(some)
        case (3, _): actions = watcher.pin(Bool.random(using: &random) ? nil : Int.random(in: 1...5, using: &random))
        default:
          let versions = (1...5).filter { _ in Bool.random(using: &random) }.map { identity($0) }
          func any() -> Int? { Bool.random(using: &random) ? Int.random(in: 1...5, using: &random) : nil }
          actions = watcher.observe(listing(versions, Aliases(champion: any(), challenger: any())))
        }
        for action in actions {
          switch action {
          case .fetch(let identity):
            #expect(fetching.insert(identity).inserted && !loaded.contains(identity), "seed \(seed)")
          case .promote(let identity), .challenge(let identity):
            #expect(loaded.contains(identity), "seed \(seed)")
            #expect(identity.version >= floor || identity.version == watcher.pinned, "seed \(seed)")
          case .refuse(let identity):
            #expect(identity.version < floor && identity.version != watcher.pinned, "seed \(seed)")
          case .demote: break
          }
        }
        #expect(watcher.serving.map { loaded.contains($0) } ?? true, "seed \(seed)")
        #expect(watcher.serving == nil || watcher.serving != watcher.challenger, "seed \(seed)")
      }
    }
  }

  private func listing(_ versions: [ModelIdentity], _ aliases: Aliases = .none) -> RepositoryListing {
    RepositoryListing(versions: versions, aliases: aliases)
  }
}

private func identity(_ version: Int, _ content: String = "") -> ModelIdentity {
  ModelIdentity(name: "home", version: version, digest: SHA256.digest("\(version)\(content)".utf8.span.bytes))
}
