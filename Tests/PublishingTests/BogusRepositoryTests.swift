import Bytes
import CLZ4
import FoundationEssentials
import Snapshots
import TestSupport
import Testing

@testable import Publishing

/// A repository that is damaged or means harm: refused with the right code, the node's snapshots untouched.
@Suite struct BogusRepositoryTests {
  private let place = Workplace()
  private let ownContent = someBytes(9000, seed: 1)
  private var own: String { SHA256.digest(ownContent.span.bytes).description }

  @Test func `a flip of any byte of a blob is refused`() throws {
    try place.publish()
    let path = place.path(inRepository: "1/\(own)")
    let good = try place.bytes(path)
    for offset in Array(0..<40) + Array(stride(from: 40, to: good.count, by: 97)) + Array(good.count - 12..<good.count)
    {
      var bytes = good
      bytes[offset] ^= 0x20
      try place.overwrite(path, bytes)
      expectRefused(.digestMismatch, "byte \(offset)")
    }
  }

  @Test func `a blob cut or grown is refused`() throws {
    try place.publish()
    let path = place.path(inRepository: "1/\(own)")
    let good = try place.bytes(path)
    for bytes in [[], Array(good.dropLast()), Array(good.prefix(7)), good + [0], good + good] {
      try place.overwrite(path, bytes)
      expectRefused(.digestMismatch, "\(bytes.count) bytes")
    }
  }

  @Test func `a frame cut short whose manifest says so is refused`() throws {
    try place.publish()
    let good = try place.bytes(place.path(inRepository: "1/\(own)"))
    for length in [0, 4, 15, good.count - 4, good.count - 1] {
      try forge(frame: Array(good.prefix(length)), size: ownContent.count)
      expectRefused(.digestMismatch, "in the middle of its frame")
    }
  }

  @Test func `bytes after the frame are refused`() throws {
    try place.publish()
    let good = try place.bytes(place.path(inRepository: "1/\(own)"))
    try forge(frame: good + good, size: 2 * ownContent.count)
    expectRefused(.digestMismatch, "after the end of the frame")
  }

  @Test func `a frame that holds less or more than its manifest says is refused`() throws {
    try place.publish()
    let good = try place.bytes(place.path(inRepository: "1/\(own)"))
    try forge(frame: good, size: ownContent.count + 1)
    expectRefused(.digestMismatch, "decompresses to 9000 bytes")
    try forge(frame: good, size: ownContent.count - 1)
    expectRefused(.digestMismatch, "decompresses to more")
  }

  @Test func `a bomb is cut off at the size of its manifest`() throws {
    try place.publish()
    // 64 MiB of zeros are 256 KiB of frame.
    let zeros = [UInt8](repeating: 0, count: 64 << 20)
    var bomb: [UInt8] = []
    try compressFrame(zeros.span.bytes) { piece in piece.withUnsafeBytes { bomb.append(contentsOf: $0) } }
    try forge(frame: bomb, size: bomb.count)
    expectRefused(.digestMismatch, "decompresses to more")
  }

  @Test func `the content of another section is refused`() throws {
    try place.publish(1)
    try place.publish(2)
    let other = SHA256.digest(someBytes(9000, seed: 2).span.bytes).description
    let frame = try place.bytes(place.path(inRepository: "2/\(other)"))
    // Even with a manifest whose wire digest fits: the name of the blob binds its content.
    try forge(frame: frame, size: ownContent.count)
    expectRefused(.digestMismatch, "is not the content")
  }

  @Test func `a blob that is missing or no file is a failed fetch`() throws {
    try place.publish()
    let path = place.path(inRepository: "1/\(own)")
    try Disk().remove(path)
    expectRefused(.fetchFailed)
    try Disk().makeFolder(path)
    expectRefused(.fetchFailed)
  }

  @Test func `a manifest that is missing, huge, no file or nonsense is refused`() throws {
    try place.publish()
    let path = place.path(inRepository: "1/manifest.json")
    for (text, reason) in [
      ("{}", RejectReason.manifestInvalid), ("", .manifestInvalid), ("{\"schemaVersion\":9}", .unsupportedSchema),
      (String(repeating: " ", count: 2 << 20), .manifestInvalid),
      (String(repeating: "[", count: 100_000), .manifestInvalid),
    ] {
      try place.overwrite(path, Array(text.utf8))
      expectRefused(reason)
    }
    try Disk().remove(path)
    expectRefused(.fetchFailed)
    try Disk().makeFolder(path)
    expectRefused(.fetchFailed)
  }

  @Test func `a manifest without a section that exists makes a snapshot without it, under another digest`() throws {
    let published = try place.publish()
    let manifest = try place.repository.manifest("home", 1).manifest
    let less = Manifest(
      model: "home", version: 1, details: manifest.details, sections: Array(manifest.sections.dropLast()))
    try place.overwrite(place.path(inRepository: "1/manifest.json"), try less.encoded())
    let local = try place.store.pull("home", 1, from: place.repository)
    #expect(local.identity.digest != published.identity.digest)
  }

  /// Puts a frame in the place of the section `own`, with a manifest that owns up to it.
  private func forge(frame: [UInt8], size: Int) throws {
    let manifest = try place.repository.manifest("home", 1).manifest
    let sections = manifest.sections.map { section in
      guard section.tag == "own" else { return section }
      return Manifest.Section(
        tag: section.tag, digest: section.digest, size: size, wireDigest: SHA256.digest(frame.span.bytes),
        wireSize: frame.count)
    }
    let forged = Manifest(model: "home", version: 1, details: manifest.details, sections: sections)
    try place.overwrite(place.path(inRepository: "1/\(own)"), frame)
    try place.overwrite(place.path(inRepository: "1/manifest.json"), try forged.encoded())
  }

  private func expectRefused(_ reason: RejectReason, _ words: String = "") {
    let error = #expect(throws: PublishError.self, "\(words)") {
      try place.store.pull("home", 1, from: place.repository)
    }
    #expect(error?.reason == reason, "\(words): \(error.map(\.description) ?? "")")
    #expect(
      words.isEmpty || words.first!.isNumber || words.hasPrefix("byte ") || error?.detail.contains(words) == true,
      "\(error!)")
    #expect(place.files(below: place.store.dataDirectory) == [], "\(words)")
  }
}
