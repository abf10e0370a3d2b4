import Bytes
import Snapshots
import Testing

@testable import Publishing

@Suite struct ManifestTests {
  private let manifest = Manifest(
    model: "home", version: 42, details: someDetails,
    sections: [
      Manifest.Section(
        tag: "vec.f32", digest: SHA256.digest("raw".utf8.span.bytes), size: 1000,
        wireDigest: SHA256.digest("wire".utf8.span.bytes), wireSize: 900)
    ])

  @Test func `a manifest survives its encoding`() throws {
    let bytes = try manifest.encoded()
    #expect(try Manifest.decode(bytes.span.bytes, from: "test") == manifest)
  }

  @Test func `a manifest has one encoding`() throws {
    var details = someDetails
    details.counts = ["users": 2, "items": 3]
    let twin = Manifest(model: "home", version: 42, details: details, sections: manifest.sections)
    #expect(try manifest.encoded() == twin.encoded())
    let text = String(decoding: try manifest.encoded(), as: UTF8.self)
    #expect(text.contains(#""createdAt" : "2026-11-22T16:20:39Z""#))
    #expect(text.contains(#""digest" : "sha256:"#))
    #expect(text.contains(#""mediaType" : "application/vnd.needletail.manifest.v1+json""#))
  }

  @Test func `keys that are not known are passed over`() throws {
    #expect(try decode(replacing: #""version" : 42"#, with: #""base" : null, "version" : 42"#) == manifest)
  }

  @Test func `a later schema is refused as such, whatever else changed`() {
    #expect(reason(of: #"{"schemaVersion":2,"model":7}"#) == .unsupportedSchema)
  }

  @Test(arguments: [
    (#""model" : "home""#, #""model" : "../home""#), (#""model" : "home""#, #""model" : "Home""#),
    (#""model" : "home""#, #""model" : """#), (#""version" : 42"#, #""version" : 0"#),
    (#""version" : 42"#, #""version" : 99999999999"#), (#""version" : 42"#, #""version" : 1.5"#),
    (#""version" : 42"#, #""version" : "42""#), (#""metric" : "dot""#, #""metric" : "l2""#),
    (#""dimension" : 64"#, #""dimension" : 0"#), (#""items" : 3"#, #""items" : -3"#),
    (#""recall@20" : 0.15"#, #""recall@20" : null"#), (#""size" : 1000"#, #""size" : -1"#),
    (#""size" : 1000"#, #""size" : 9223372036854775807"#), (#""size" : 1000"#, #""size" : 99999999999999999999"#),
    (#""wireSize" : 900"#, #""wireSize" : 5000"#), (#""wireSize" : 900"#, #""wireSize" : -900"#),
    (#""digest" : "sha256:"#, #""digest" : "sha256:0"#), (#""digest" : "sha256:"#, #""digest" : "md5:"#),
    (#""tag" : "vec.f32""#, #""tag" : "../../x""#), (#""tag" : "vec.f32""#, #""tag" : """#),
    (#"2026-11-22T16:20:39Z"#, #"yesterday"#), (#"vnd.needletail.manifest.v1"#, #"vnd.oci.image.manifest.v1"#),
    (#""sections" : ["#, #""sektions" : ["#),
  ]) func `what cannot be is refused`(change: (String, String)) throws {
    let error = #expect(throws: PublishError.self, "\(change)") { try decode(replacing: change.0, with: change.1) }
    #expect(error?.reason == .manifestInvalid, "\(change)")
    #expect(error?.detail.hasPrefix("test: ") == true)
  }

  @Test func `a name has at most 32 characters`() {
    #expect(isName(String(repeating: "a", count: 32)))
    #expect(!isName(String(repeating: "a", count: 33)))
    #expect(!isName("a.b") && !isName("a/b") && !isName("ä"))
  }

  @Test func `two sections of one tag are refused`() {
    let twice = Manifest(
      model: "home", version: 1, details: someDetails, sections: manifest.sections + manifest.sections)
    let error = #expect(throws: PublishError.self) { try twice.encoded() }
    #expect(error?.detail.contains("vec.f32") == true)
  }

  @Test func `metrics that are not finite are not published`() {
    var details = someDetails
    details.metrics["loss"] = .nan
    #expect(throws: PublishError.self) {
      try Manifest(model: "home", version: 1, details: details, sections: []).encoded()
    }
  }

  @Test(arguments: ["", "{", "[]", "null", "{\"schemaVersion\":1}", "\u{0}", "{\"schemaVersion\":\"1\"}"])
  func `what is no manifest is refused`(text: String) {
    #expect(reason(of: text) == .manifestInvalid)
  }

  @Test func `a manifest cut anywhere is refused`() throws {
    let bytes = try manifest.encoded()
    for length in 0..<bytes.count - 2 {  // The last two are the brace and the newline.
      let cut = Array(bytes[..<length])
      #expect(throws: PublishError.self, "length \(length)") { try Manifest.decode(cut.span.bytes, from: "test") }
    }
  }

  @Test func `an endless manifest is refused unread`() {
    let bytes = [UInt8](repeating: 32, count: Manifest.Limits.manifestBytes + 1)
    #expect(throws: PublishError.self) { try Manifest.decode(bytes.span.bytes, from: "test") }
  }

  private func decode(replacing old: String, with new: String) throws -> Manifest {
    let text = String(decoding: try manifest.encoded(), as: UTF8.self)
    try #require(text.contains(old))
    let changed = text.replacing(old, with: new, maxReplacements: 1)
    return try Manifest.decode(changed.utf8.span.bytes, from: "test")
  }

  private func reason(of text: String) -> RejectReason? {
    #expect(throws: PublishError.self) { try Manifest.decode(text.utf8.span.bytes, from: "test") }?.reason
  }
}
