import Snapshots
import TestSupport
import Testing

@testable import Publishing

@Suite struct PruneTests {
  private let place = Workplace()

  @Test(arguments: [
    ([1, 2, 3, 4, 5], 2, Aliases.none, [1, 2, 3]), ([1, 2, 3, 4, 5], 2, Aliases(champion: 2), [1, 3]),
    ([1, 2, 3, 4, 5], 2, Aliases(champion: 1, challenger: 5), [2, 3]), ([1, 2], 5, Aliases.none, []),
    ([], 1, .none, []),
    ([7], 1, Aliases.none, []),
  ])
  func `the oldest go that no alias names`(_ versions: [Int], _ keep: Int, _ aliases: Aliases, _ surplus: [Int]) {
    #expect(FolderRepository.surplus(of: versions, keep: keep, aliases: aliases) == surplus)
  }

  @Test func `what is left is whole, blobs that it shares among it`() throws {
    for seed in 1...4 { try place.publish(UInt64(seed)) }
    try place.repository.setAlias("champion", of: "home", to: 2)
    #expect(try place.repository.prune("home", keep: 1) == [1, 3])
    #expect(try place.repository.versions(of: "home") == [2, 4])
    #expect(place.names(place.path(inRepository: "")) == ["2", "4", "aliases.json"])
    for version in [2, 4] { #expect(try place.store.pull("home", version, from: place.repository).isVerified) }
    #expect(try place.publish(9).identity.version == 5)
  }

  @Test func `killed at any step, no reader meets a version that is not whole`() throws {
    for seed in 1...3 { try place.publish(UInt64(seed)) }
    for step in 0..<40 {
      let copy = TemporaryFolder()
      linkTree(place.folder.file("repository"), copy.file("repository"))
      let disk = watchedDisk { (number, kind, path) throws(DiskError) in
        if number >= step { throw DiskError(step: kind, path: path, code: 5) }
      }
      let killed = FolderRepository(path: copy.file("repository"), disk: disk)
      let isDone = (try? killed.prune("home", keep: 1)) != nil
      let after = FolderRepository(path: copy.file("repository"))
      let store = SnapshotStore(dataDirectory: copy.file("data"))
      let left = try after.versions(of: "home")
      #expect(left.last == 3, "step \(step)")
      for version in left { #expect(try store.pull("home", version, from: after).isVerified, "step \(step)") }
      // The next publish clears away what was left half-removed.
      if isDone { return }
    }
    Issue.record("pruning takes more than 40 steps")
  }
}
