import Snapshots
import TestSupport
import Testing

@testable import Publishing

/// A disk that is really full, beside the seam that fails at every single step (`InterruptedPublishTests`).
@Suite(.enabled(if: SmallDisk.isPossible, "only root may mount a small disk"))
struct FullDiskTests {
  private let place = Workplace()

  @Test func `a pull that fills the disk leaves nothing behind, and goes through once there is room`() throws {
    let disk = try #require(SmallDisk(kibibytes: 512))
    // No look at the free space: somebody else takes it while we write.
    let store = SnapshotStore(dataDirectory: disk.path, disk: Disk(), freeBytes: { _ in .max })
    let old = try place.publish(1).identity
    _ = try store.pull("home", old.version, from: place.repository)
    try store.recordServing(old)
    let before = place.files(below: disk.path)
    let path = try place.snapshot([("big", someBytes(2 << 20, seed: 9))])
    _ = try place.repository.publish(snapshotPath: path, model: "home", details: someDetails)
    let error = #expect(throws: PublishError.self) { try store.pull("home", 2, from: place.repository) }
    #expect(error?.reason == .fetchFailed && error?.detail.contains("No space left") == true, "\(error as Any)")
    #expect(error?.reason.isTransient == true)
    #expect(place.files(below: disk.path) == before)
    #expect(store.lastGood(of: "home")?.identity == old)
    disk.grow(kibibytes: 8192)
    #expect(try store.pull("home", 2, from: place.repository).isVerified)
  }
}
