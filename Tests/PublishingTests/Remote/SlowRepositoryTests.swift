import FoundationEssentials
import Glibc
import Snapshots
import TestSupport
import Testing

@testable import Publishing

/// Servers that are not quick, and stores that cannot take all.
@Suite struct SlowRepositoryTests {
  private let place = Workplace()

  private func watch(rateMax: Int = 0) -> StallWatch {
    var access = RepositoryAccess()
    (access.stallTimeoutMilliseconds, access.rateBytesMin, access.rateBytesMax) = (10_000, 100, rateMax)
    return StallWatch(access)
  }

  @Test func `enough must move in every window while there is something to send`() {
    var watch = watch()
    let verdicts = [(9000, 10), (9500, 1000), (19_000, 1999), (19_400, 1999), (19_500, 1999)].map { now, moved in
      watch.isStalled(now: now, moved: moved, isSent: false)
    }
    #expect(verdicts == [false, false, false, false, true])
  }

  @Test func `an answer has longer than a window, but not for ever`() {
    var watch = watch()
    let verdicts = [(5000, false), (9000, true), (200_000, true), (308_999, true), (309_000, true)].map { now, isSent in
      watch.isStalled(now: now, moved: 500, isSent: isSent)
    }
    #expect(verdicts == [false, false, false, false, true])
  }

  @Test func `counts that begin anew on another connection are no stall`() {
    var watch = watch()
    let verdicts = [(9000, 5000), (12_000, 0), (21_000, 10), (22_000, 10)].map { now, moved in
      watch.isStalled(now: now, moved: moved, isSent: false)
    }
    #expect(verdicts == [false, false, false, true])
  }

  @Test func `a server that takes its time after the last byte is waited for`() throws {
    let blob = place.blobName(1)
    let puts = Noted(0)
    let server = place.served { request, honestly in
      if request.method == "PUT", request.path.hasSuffix(blob) {
        puts.change { $0 += 1 }
        usleep(2_500_000)  // More than twice the window of `briefAccess`.
      }
      return honestly()
    }
    #expect(try place.publish(1, to: remote(server.url)).identity.version == 1 && puts.value == 1)
  }

  @Test func `a section that the server does not get copied is sent`() throws {
    try place.publish(1)
    let server = place.served { request, honestly in
      if request.field("needletail-copy-from") != nil { return WebPeer.Reply(503, "later") }
      var reply = honestly()
      reply.fields.append("Needletail-Repository: 1")
      return reply
    }
    let sections: [(SectionTag, [UInt8])] = [("same", someBytes(70_000, seed: 0)), ("own", someBytes(9000, seed: 2))]
    let published = try remote(server.url).publish(
      snapshotPath: place.snapshot(sections), model: "home", details: someDetails)
    #expect(published.identity.version == 2 && published.sectionsSent == 2)
    #expect(VerificationReport.verify(place.repository, model: "home", version: 2).isValid)
  }

  @Test func `a section that is too large for the store is told of before a byte of it is sent`() throws {
    let server = place.served()
    let address = try WebAddress(parsing: server.url)
    let repository = RemoteRepository(NarrowStore(base: WebRoot(address, briefAccess())))
    let error = #expect(throws: PublishError.self) { try place.publish(1, to: repository) }
    #expect(error?.cause == .cannotWrite && error?.detail.contains("same") == true)
    #expect(error?.detail.contains("\(NarrowStore.bytesMax)") == true)
    #expect(place.files(below: place.repository.path) == [])
  }
}

/// A store whose objects are small.
private struct NarrowStore: ObjectStore {
  static let bytesMax = 500
  let base: WebRoot
  var objectBytesMax: Int { Self.bytesMax }
  var place: String { base.place }
  func url(_ path: String) -> String { base.url(path) }
  func perform(
    _ call: WebCall, place: String, _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) -> WebReply { try base.perform(call, place: place, take) }
  func folders(below path: String) -> [String]? { nil }
  func copyFields(_ model: String, _ source: Int, blob: String) -> [String]? { nil }
  func markFields(_ wireDigest: String) -> [String] { [] }
}
