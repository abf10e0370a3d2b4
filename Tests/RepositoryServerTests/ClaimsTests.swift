import FoundationEssentials
import Glibc
import Publishing
import Snapshots
import TestSupport
import Testing

@testable import RepositoryServer

@Suite struct ClaimsTests {
  private let second: UInt64 = 1_000_000_000
  private let folder = TemporaryFolder()

  private func isClaimed(_ folder: String) -> Bool {
    if case .busy = FolderLock.take(folder, waiting: false) { true } else { false }
  }

  @Test func `a claim lasts for a while after its last use`() throws {
    let root = folder.file("repository")
    let claims = Claims(root: root, disk: Disk(), idleSecondsMax: 10)
    try claims.claim("home", 1, now: 0)
    claims.expire(now: 9 * second)
    claims.renew("home", 1, now: 9 * second)
    claims.expire(now: 18 * second)
    #expect(isClaimed("\(root)/models/home/1"))
    claims.expire(now: 19 * second)
    #expect(!isClaimed("\(root)/models/home/1"))
    // Nothing is claimed by what was let go.
    claims.renew("home", 1, now: 19 * second)
    #expect(!isClaimed("\(root)/models/home/1"))
  }

  @Test func `a blob that takes longer than a claim lasts keeps it while it arrives`() throws {
    var limits = ServerLimits()
    limits.claimSeconds = 2
    let served = try ServedRepository(limits: limits)
    let version = try served.versionToSend()
    let (name, bytes) = try #require(version.blobs.first { $0.value.count > 1000 })
    let client = served.client()
    client.send(
      HTTPClient.request(
        "PUT", "/models/home/1/\(name)",
        ["Authorization: Bearer \(ServedRepository.token)", "Content-Length: \(bytes.count)"]))
    for start in 0..<8 {
      client.send([bytes[start]])
      usleep(500_000)
      #expect(isClaimed("\(served.root)/models/home/1"), "after \(start) halves of a second")
    }
    client.send(Array(bytes[8...]))
    #expect(client.receive()?.status == 201)
  }
}
