import Bytes
import TestSupport
import Testing

@testable import Publishing

/// Old files whose signatures hold must not set a node back.
@Suite struct ReplayTests {
  private let two = version(2)
  private let three = version(3)
  private let four = version(4)

  @Test func `an alias that is pushed back is refused, once, and what serves goes on`() {
    var watcher = RepositoryWatcher(model: "home", serving: three, floor: 3)
    #expect(watcher.observe(listing([two, three], Aliases(champion: 3))) == [])
    #expect(watcher.observe(listing([two, three], Aliases(champion: 2))) == [.refuse(two)])
    #expect(watcher.observe(listing([two, three], Aliases(champion: 2))) == [])
    #expect(watcher.serving == three && watcher.refused == two)
    #expect(watcher.observe(listing([two, three], Aliases(champion: 3))) == [])
    #expect(watcher.refused == nil)
  }

  @Test func `newer versions that are gone do not bring an older one back`() {
    var watcher = RepositoryWatcher(model: "home", serving: three, floor: 3)
    #expect(watcher.observe(listing([two])) == [.refuse(two)])
    #expect(watcher.serving == three)
  }

  @Test func `an older version that is loaded is refused as well`() {
    var watcher = RepositoryWatcher(model: "home", serving: two, floor: 2)
    _ = watcher.observe(listing([two, three]))
    #expect(watcher.loaded(three) == [.promote(three)])
    #expect(watcher.floor == 3)
    #expect(watcher.observe(listing([two, three], Aliases(champion: 2))) == [.refuse(two)])
  }

  @Test func `an operator may pin an older version, and is not refused when the pin goes`() {
    var watcher = RepositoryWatcher(model: "home", serving: two, floor: 2)
    _ = watcher.observe(listing([two, three]))
    _ = watcher.loaded(three)
    #expect(watcher.rollBack() == [.promote(two)])
    #expect(watcher.observe(listing([two, three], Aliases(champion: 2))) == [] && watcher.serving == two)
    #expect(watcher.refused == nil && watcher.floor == 3)
    #expect(watcher.pin(nil) == [] && watcher.serving == two)
    #expect(watcher.observe(listing([two, three])) == [.promote(three)])
  }

  @Test func `a node that serves nothing takes what served here last for what an older alias means`() {
    var watcher = RepositoryWatcher(model: "home", floor: 3)
    #expect(watcher.observe(listing([two, three, four], Aliases(champion: 2))) == [.refuse(two), .fetch(three)])
    var empty = RepositoryWatcher(model: "home", floor: 3)
    #expect(empty.observe(listing([two], Aliases(champion: 2))) == [.refuse(two)])
    #expect(empty.pin(2) == [.fetch(two)])
  }

  @Test func `a challenger below what serves is refused, and one above it raises no floor`() {
    var watcher = RepositoryWatcher(model: "home", serving: three, floor: 3)
    #expect(watcher.observe(listing([two, three], Aliases(champion: 3, challenger: 2))) == [.refuse(two)])
    #expect(watcher.observe(listing([three, four], Aliases(champion: 3, challenger: 4))) == [.fetch(four)])
    #expect(watcher.loaded(four) == [.challenge(four)])
    #expect(watcher.floor == 3)
    #expect(watcher.observe(listing([three, four], Aliases(champion: 3))) == [.demote(four)])
  }

  @Test func `a challenger that this node promoted raises no floor, and its place can be taken back`() {
    var watcher = RepositoryWatcher(model: "home", serving: three, floor: 3)
    let tried = listing([three, four], Aliases(champion: 3, challenger: 4))
    _ = watcher.observe(tried)
    _ = watcher.loaded(four)
    #expect(watcher.promoteChallenger() == [.demote(four), .promote(four)])
    #expect(watcher.floor == 3)
    #expect(watcher.rollBack().contains(.promote(three)))
    #expect(watcher.refused == nil)
    // Once the repository says the same, there is no way back without a pin.
    var settled = RepositoryWatcher(model: "home", serving: four, floor: 3)
    #expect(settled.observe(listing([three, four], Aliases(champion: 4))) == [] && settled.floor == 4)
    #expect(settled.observe(listing([three, four], Aliases(champion: 3))) == [.refuse(three)])
  }

  @Test func `where nothing is signed, aliases go back as they like`() {
    var watcher = RepositoryWatcher(model: "home", serving: three)
    #expect(watcher.observe(listing([two, three], Aliases(champion: 2))) == [.fetch(two)])
  }

  @Test func `other keys give what was rejected another chance`() {
    var watcher = RepositoryWatcher(model: "home", serving: two, floor: 2)
    _ = watcher.observe(listing([two, three]))
    _ = watcher.rejected(three)
    #expect(watcher.observe(listing([two, three])) == [])
    #expect(watcher.judgeAnew(floor: 2) == [.fetch(three)])
  }

  @Test func `aliases older than those that were seen are refused, and so is their absence`() throws {
    var memory = ReplayMemory()
    try memory.believe(aliasesSignedAt: nil, of: "home")
    try memory.believe(aliasesSignedAt: 100, of: "home")
    try memory.believe(aliasesSignedAt: 100, of: "home")
    let before = memory
    for time in [99, 0, nil] as [Int?] {
      #expect(reason { try memory.believe(aliasesSignedAt: time, of: "home") } == .rollbackRefused)
    }
    #expect(memory == before && memory.aliasesTimestamp == 100)
  }

  @Test func `what was seen survives on the disk, and a damaged file is as good as none`() throws {
    let place = Workplace()
    #expect(place.store.replayMemory(of: "home") == ReplayMemory())
    try place.store.remember(floor: 3, of: "home")
    try place.store.remember(floor: 2, of: "home")
    #expect(place.store.replayMemory(of: "home") == ReplayMemory(servedMax: 3))
    for text in ["", "served", "served x\naliases 1\n", "served 3\n", "served -1\naliases 0\n"] {
      #expect(ReplayMemory(fileText: text) == nil, "\(text)")
    }
    try place.overwrite(place.path(inData: "replay-memory"), [0, 1, 2])
    #expect(place.store.replayMemory(of: "home") == ReplayMemory())
  }
}

private func version(_ number: Int) -> ModelIdentity {
  ModelIdentity(name: "home", version: number, digest: SHA256.digest("\(number)".utf8.span.bytes))
}

private func listing(_ versions: [ModelIdentity], _ aliases: Aliases = .none) -> RepositoryListing {
  RepositoryListing(versions: versions, aliases: aliases)
}
