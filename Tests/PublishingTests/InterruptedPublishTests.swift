import FoundationEssentials
import Snapshots
import Synchronization
import TestSupport
import Testing

@testable import Publishing

/// A publisher or a puller that dies. The hook of the disk looks at the folder before each single step: what lies there
/// then is what a SIGKILL at that point would leave.
@Suite struct InterruptedPublishTests {
  private let place = Workplace()

  @Test func `a publisher killed before any step leaves no half version, and the next one succeeds`() throws {
    try place.publish(1)
    let deaths = try copies(of: "repository") { disk in
      try place.publish(2, to: FolderRepository(path: place.repository.path, disk: disk))
    }
    #expect(deaths.count > 15)
    for (step, death) in deaths.enumerated() {
      let repository = FolderRepository(path: death)
      let versions = try repository.versions(of: "home")
      #expect(versions == [1] || versions == [1, 2], "step \(step)")
      for version in versions {
        #expect(VerificationReport.verify(repository, model: "home", version: version).isValid, "step \(step)")
      }
      let next = try place.publish(3, to: repository)
      #expect(next.identity.version == versions.last! + 1, "step \(step)")
      #expect(VerificationReport.verify(repository, model: "home", version: next.identity.version).isValid)
      #expect(!place.files(below: death).contains(where: isTemporary), "step \(step)")
    }
  }

  @Test func `a publisher whose disk fails at any step takes its version away again`() throws {
    try place.publish(1)
    let before = place.files(below: place.repository.path)
    var step = 0
    while true {
      let failing = FolderRepository(path: place.repository.path, disk: failingDisk(at: step))
      do {
        try place.publish(2, to: failing)
        break
      } catch let error as PublishError {
        #expect(error.reason == .fetchFailed && error.detail.contains("No space left"))
      }
      #expect(place.files(below: place.repository.path) == before, "step \(step)")
      step += 1
    }
    #expect(step > 15)
    #expect(try place.repository.versions(of: "home") == [1, 2])
  }

  @Test func `an alias is the old or the new one, whenever the publisher dies`() throws {
    try place.publish(1)
    try place.publish(2)
    try place.repository.setAlias("champion", of: "home", to: 1)
    let deaths = try copies(of: "repository") { disk in
      try FolderRepository(path: place.repository.path, disk: disk).setAlias("champion", of: "home", to: 2)
    }
    for (step, death) in deaths.enumerated() {
      let champion = try FolderRepository(path: death).aliases(of: "home").champion
      #expect(champion == 1 || champion == 2, "step \(step)")
    }
  }

  @Test func `a puller killed before any step leaves the old snapshot good and the new one absent or whole`() throws {
    try place.publish(1)
    let old = try place.store.pull("home", 1, from: place.repository)
    try place.store.recordServing(old.identity)
    try place.publish(2)
    let deaths = try copies(of: "data") { disk in
      let store = SnapshotStore(dataDirectory: place.store.dataDirectory, disk: disk)
      _ = try store.pull("home", 2, from: place.repository)
    }
    #expect(deaths.count > 12)
    for (step, death) in deaths.enumerated() {
      let store = SnapshotStore(dataDirectory: death)
      store.sweep()
      let good = try #require(store.lastGood(of: "home"))
      #expect(good.identity == old.identity && good.isVerified, "step \(step)")
      for local in store.localSnapshots(of: "home") { try store.verify(local) }
      let new = try store.pull("home", 2, from: place.repository)
      #expect(new.isVerified, "step \(step)")
      store.sweep()
      #expect(place.names(death + "/models/home").count == 7, "step \(step)")
    }
  }

  @Test func `a puller whose disk fails at any step leaves nothing behind`() throws {
    try place.publish(1)
    var step = 0
    while true {
      let store = SnapshotStore(dataDirectory: place.store.dataDirectory, disk: failingDisk(at: step))
      do {
        _ = try store.pull("home", 1, from: place.repository)
        break
      } catch {
        #expect(error.reason == .fetchFailed, "step \(step): \(error)")
      }
      // Once the mark has its name all is there, even if the disk then fails to make the name durable.
      let here = place.store.localSnapshots(of: "home")
      #expect(here.allSatisfy { $0.isVerified }, "step \(step)")
      #expect(place.files(below: place.store.dataDirectory).count == 3 * here.count, "step \(step)")
      if let whole = here.first { try place.store.remove(whole.identity) }
      step += 1
    }
    #expect(step > 12)
    #expect(place.store.localSnapshots(of: "home").map(\.isVerified) == [true])
  }

  /// Runs a change and copies a folder of the workplace before each step that it takes. The copy is made of hard links,
  /// so that marks, which name an inode, hold in it; only temporary files are ever written to after they have a name.
  private func copies(of name: String, _ change: (Disk) throws -> Void) throws -> [String] {
    let source = place.folder.file(name)
    let copies = place.folder.file("\(name)-copies")
    try FileManager.default.createDirectory(atPath: copies, withIntermediateDirectories: true)
    let taken = Mutex<[String]>([])
    try change(
      watchedDisk { (step, _, _) throws(DiskError) in
        let copy = "\(copies)/\(step)"
        linkTree(source, copy)
        taken.withLock { $0.append(copy) }
      })
    return taken.withLock { $0 }
  }

  private func failingDisk(at failing: Int) -> Disk {
    watchedDisk { (number, step, path) throws(DiskError) in
      if number == failing { throw DiskError(step: step, path: path, code: 28) }
    }
  }
}
