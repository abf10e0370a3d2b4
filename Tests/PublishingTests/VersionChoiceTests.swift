import Testing

@testable import Publishing

@Suite struct VersionChoiceTests {
  @Test func `pinned outweighs the alias, the alias the largest version`() {
    let aliases = Aliases(champion: 2)
    #expect(choose([1, 2, 3], aliases, pinned: 1) == (1, .pinned))
    #expect(choose([1, 2, 3], aliases) == (2, .alias))
    #expect(choose([1, 2, 3], .none) == (3, .largest))
    #expect(choose([], .none) == nil)
  }

  @Test func `what serves stays when the version asked for is not usable`() {
    #expect(choose([1, 3], Aliases(champion: 2), serving: 1) == (1, .serving))
    #expect(choose([1, 3], Aliases(champion: 3), pinned: 2, serving: 1) == (1, .serving))
  }

  @Test func `a node that starts takes the nearest version below the one asked for`() {
    #expect(choose([1, 3], Aliases(champion: 2)) == (1, .largest))
    #expect(choose([3, 4], Aliases(champion: 2)) == (4, .largest))
  }

  @Test func `a challenger is tried beside the champion and is not one by its number`() {
    let choice = VersionChoice.choose(usable: [1, 2], aliases: Aliases(champion: nil, challenger: 2))
    #expect(choice == VersionChoice(champion: 1, source: .largest, challenger: 2))
    #expect(VersionChoice.choose(usable: [2], aliases: Aliases(champion: nil, challenger: 2))?.challenger == nil)
    #expect(VersionChoice.choose(usable: [1, 2], aliases: Aliases(champion: 2, challenger: 2))?.challenger == nil)
    #expect(VersionChoice.choose(usable: [1, 2], aliases: Aliases(champion: 2, challenger: 9))?.challenger == nil)
  }

  private func choose(
    _ usable: [Int], _ aliases: Aliases, pinned: Int? = nil, serving: Int? = nil
  ) -> (Int, VersionChoice.Source)? {
    VersionChoice.choose(usable: usable, aliases: aliases, pinned: pinned, serving: serving).map {
      ($0.champion, $0.source)
    }
  }
}

private func == (left: (Int, VersionChoice.Source)?, right: (Int, VersionChoice.Source)?) -> Bool {
  left?.0 == right?.0 && left?.1 == right?.1
}
