import Bytes
import TestSupport
import Testing

@testable import Publishing

/// A repository of which one byte is another than was published: what is pulled from it is refused with a reason, or is to
/// the byte what was published.
@Suite struct FlippedByteTests {
  private let place = Workplace()

  /// Of what is pulled when a file of the repository has these bytes.
  private func outcome(_ path: String, _ bytes: [UInt8]) throws -> (refusal: PublishError?, content: [UInt8]) {
    try place.overwrite(path, bytes)
    do {
      let local = try place.store.pull("home", 1, from: place.repository)
      defer { try? place.store.remove(local.identity) }
      return (nil, try place.bytes(local.path))
    } catch let error as PublishError { return (error, []) }
  }

  @Test func `a manifest with one byte flipped is refused, or leads to what was published`() throws {
    let published = try place.publish()
    let original = try place.repository.manifest("home", 1).manifest
    let path = place.path(inRepository: "1/manifest.json")
    let good = try place.bytes(path)
    let truth = try place.bytes(place.folder.file("x.ntsnap"))
    var random = SeededRandom(seed: 30)
    var (refused, harmless) = (0, 0)
    for byte in good.indices {
      var flipped = good
      flipped[byte] ^= UInt8(1) << UInt8.random(in: 0...7, using: &random)
      let span = flipped.span.bytes
      // Every byte is read; what still reads is pulled, a sample of it that keeps the disk's share of the time small.
      guard let manifest = try? Manifest.decode(span, from: "flipped") else {
        refused += 1
        continue
      }
      #expect(PublishedManifest(manifest, bytes: flipped).identity != published.identity, "byte \(byte)")
      guard Int.random(in: 0..<4, using: &random) == 0 else { continue }
      let (refusal, content) = try outcome(path, flipped)
      if let refusal {
        refused += 1
        #expect(!refusal.detail.isEmpty)
      } else {
        harmless += 1
        // A section under another tag is the one thing that a digest does not say; no model has it, and who reads one
        // misses the section that should be there.
        let isRenamed = manifest.sections.map(\.tag) != original.sections.map(\.tag)
        #expect(content == truth || isRenamed, "byte \(byte)")
      }
      #expect(place.files(below: place.store.dataDirectory) == [], "byte \(byte)")
    }
    #expect(refused > 100 && harmless > 0, "\(refused) refused, \(harmless) harmless")
  }

  @Test func `a blob with one byte flipped is refused`() throws {
    try place.publish()
    let sections = try place.repository.manifest("home", 1).manifest.sections
    var random = SeededRandom(seed: 31)
    for section in sections {
      let path = place.path(inRepository: "1/\(section.digest)")
      let good = try place.bytes(path)
      let places = [0, 4, good.count - 1] + (0..<4).map { _ in Int.random(in: 0..<good.count, using: &random) }
      for byte in places {
        var flipped = good
        flipped[byte] ^= UInt8(1) << UInt8.random(in: 0...7, using: &random)
        let (refusal, _) = try outcome(path, flipped)
        #expect(refusal?.reason == .digestMismatch, "\(section.tag), byte \(byte): \(refusal as Any)")
      }
      try place.overwrite(path, good)
    }
    #expect(place.files(below: place.store.dataDirectory) == [])
    #expect(try place.store.pull("home", 1, from: place.repository).isVerified)
  }
}
