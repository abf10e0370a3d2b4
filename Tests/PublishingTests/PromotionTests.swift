import Bytes
import TestSupport
import Testing

@testable import Publishing

/// A node that makes the challenger its champion while the repository still says otherwise.
@Suite struct PromotionTests {
  private let one = identity(1)
  private let two = identity(2)
  private let three = identity(3)
  private let both = Aliases(champion: 1, challenger: 2)

  /// Serves 1, tries 2.
  private func trying(_ aliases: Aliases? = nil) -> RepositoryWatcher {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    #expect(watcher.observe(listing([one, two], aliases ?? both)) == [.fetch(two)])
    #expect(watcher.loaded(two) == [.challenge(two)])
    return watcher
  }

  @Test func `a promoted challenger serves although the aliases have not moved`() {
    var watcher = trying()
    #expect(watcher.promoteChallenger() == [.demote(two), .promote(two)])
    #expect(watcher.serving == two && watcher.challenger == nil && watcher.previous == one)
    #expect(watcher.observe(listing([one, two], both)) == [])
    // Without an alias champion the largest version that is not the challenger is the one it was promoted over.
    var unnamed = trying(Aliases(champion: nil, challenger: 2))
    #expect(unnamed.promoteChallenger() == [.demote(two), .promote(two)])
    #expect(unnamed.observe(listing([one, two], Aliases(champion: nil, challenger: 2))) == [])
  }

  @Test func `aliases that move after it are newer news`() {
    var watcher = trying()
    _ = watcher.promoteChallenger()
    #expect(watcher.observe(listing([one, two, three], Aliases(champion: 3, challenger: 2))) == [.fetch(three)])
    #expect(watcher.serving == two)
    #expect(watcher.loaded(three) == [.promote(three), .challenge(two)])
    #expect(watcher.promotion == nil)

    var withdrawn = trying()
    _ = withdrawn.promoteChallenger()
    #expect(withdrawn.observe(listing([one, two], Aliases(champion: 1))) == [.promote(one)])

    var confirmed = trying()
    _ = confirmed.promoteChallenger()
    #expect(confirmed.observe(listing([one, two], Aliases(champion: 2))) == [])
    #expect(confirmed.promotion == nil && confirmed.serving == two)
  }

  @Test func `a new version takes over from a promoted one where no alias names a champion`() {
    let aliases = Aliases(champion: nil, challenger: 2)
    var watcher = trying(aliases)
    _ = watcher.promoteChallenger()
    #expect(watcher.observe(listing([one, two, three], aliases)).contains(.fetch(three)))
    #expect(watcher.loaded(three).contains(.promote(three)))
  }

  @Test func `a restart keeps the promotion until the repository says something new`() {
    var before = trying()
    _ = before.promoteChallenger()
    var watcher = RepositoryWatcher(model: "home", serving: two)
    watcher.restore(before.promotion, rejected: [])
    #expect(watcher.observe(listing([one, two], both)) == [])
    #expect(watcher.serving == two)
    #expect(watcher.observe(listing([one, two], Aliases(champion: 1))) == [.fetch(one)])
  }

  @Test func `who rolls back from a promoted challenger does not get it as a challenger again`() {
    var watcher = trying()
    _ = watcher.promoteChallenger()
    #expect(watcher.rollBack() == [.promote(one)])
    #expect(watcher.observe(listing([one, two], both)) == [])
    #expect(watcher.pin(nil) == [] && watcher.challenger == nil && watcher.serving == one)
    #expect(watcher.readmit(2) == [.challenge(two)])
  }

  @Test func `a promotion takes back the pin of the champion, and follows the aliases from there`() {
    var watcher = trying()
    #expect(watcher.pin(1) == [])
    #expect(watcher.promoteChallenger() == [.demote(two), .promote(two)])
    #expect(watcher.pinned == nil)
  }

  @Test func `a rejected challenger is not tried again, after a restart neither, until it is readmitted`() {
    var watcher = trying()
    #expect(watcher.rejected(two) == [.demote(two)])
    #expect(watcher.observe(listing([one, two], both)) == [])
    var next = RepositoryWatcher(model: "home", serving: one)
    next.restore(nil, rejected: [two])
    #expect(next.observe(listing([one, two], both)) == [])
    #expect(next.readmit(2) == [.fetch(two)])
    #expect(next.loaded(two) == [.challenge(two)])
    // Published anew under the same number it is another version.
    let rebuilt = identity(2, "again")
    #expect(watcher.observe(listing([one, rebuilt], both)) == [.fetch(rebuilt)])
  }

  @Test func `without a challenger there is nothing to promote`() {
    var watcher = RepositoryWatcher(model: "home", serving: one)
    #expect(watcher.promoteChallenger() == [])
    _ = watcher.observe(listing([one], Aliases(champion: 1)))
    #expect(watcher.promoteChallenger() == [] && watcher.promotion == nil)
  }

  private func listing(_ versions: [ModelIdentity], _ aliases: Aliases) -> RepositoryListing {
    RepositoryListing(versions: versions, aliases: aliases)
  }
}

private func identity(_ version: Int, _ content: String = "") -> ModelIdentity {
  ModelIdentity(name: "home", version: version, digest: SHA256.digest("\(version)\(content)".utf8.span.bytes))
}
