import Bytes
import Testing

@testable import Model

private let user = ToyModel.hash("somebody")

@Suite struct CacheKeyTests {
  private func key(_ subject: Subject, _ context: ContextBucket = .any, _ variant: Variant = .standard) throws -> String
  {
    let keys = try ListKeys(namespace: "default", model: "home", digest: 0x00C0_FFEE, placement: "detail")
    return text { keys.append(subject, context, variant, to: &$0) }
  }

  @Test func `keys are spelled as the contract says`() throws {
    #expect(try key(.segment(17)) == "nt1:default:home:00c0ffee:detail:s17:*:-")
    #expect(try key(.user(user)) == "nt1:default:home:00c0ffee:detail:u\(user):*:-")
    #expect(try key(.item(index: 4, hash: 0xABC)) == "nt1:default:home:00c0ffee:detail:i0000000000000abc:*:-")
    let windows = try WindowKeys(namespace: "default")
    #expect(text { windows.append(user, to: &$0) } == "nt1:default:w:\(user)")
    let external = try ExternalKeys(namespace: "default", placement: "home")
    #expect(text { external.append(segment: 3, to: &$0) } == "nt1x:default:home:3")
  }

  @Test func `the longest key is below memcached's limit and has no spaces`() throws {
    let name = String(repeating: "z", count: 32)
    let keys = try ListKeys(namespace: name, model: name, digest: .max, placement: name)
    let vocabulary = try ContextVocabulary(languages: ["de"], regions: ["DE"])
    let filter = try ItemFilter(query: "category:a".utf8.span.bytes)
    let variant = Variant(arm: 5, filter: filter, ranking: 7)
    for subject in [Subject.segment(.max), .segment(65_535), .user(user), .item(index: 0, hash: .max)] {
      for context in vocabulary.buckets([.device, .language, .region, .daypart]) {
        let key = bytes { keys.append(subject, context, variant, to: &$0) }
        #expect(key.count <= 148)
        #expect(key.allSatisfy { $0 > 0x20 && $0 < 0x7F })
      }
    }
    let windows = try WindowKeys(namespace: name)
    #expect(bytes { windows.append(user, to: &$0) }.count < CacheKey.bytesMax)
    let external = try ExternalKeys(namespace: name, placement: name)
    #expect(bytes { external.append(segment: .max, to: &$0) }.count < CacheKey.bytesMax)
  }

  @Test func `a name that would break a key is refused`() {
    for name in ["", "Home", "ho me", "home:x", "höme", String(repeating: "a", count: 33), "a\n", "a_b"] {
      #expect(!CacheKey.isName(name), "\(name)")
      #expect(throws: CacheKeyError.self) { try ListKeys(namespace: name, model: "m", digest: 0, placement: "p") }
      #expect(throws: CacheKeyError.self) { try ListKeys(namespace: "n", model: name, digest: 0, placement: "p") }
      #expect(throws: CacheKeyError.self) { try ListKeys(namespace: "n", model: "m", digest: 0, placement: name) }
      #expect(throws: CacheKeyError.self) { try WindowKeys(namespace: name) }
      #expect(throws: CacheKeyError.self) { try ExternalKeys(namespace: "n", placement: name) }
    }
    for name in ["home", "a", "0-9", "-"] { #expect(CacheKey.isName(name)) }
  }

  @Test func `a variant is six characters, or a dash for the default`() throws {
    let a = try ItemFilter(query: "category:a,category:b".utf8.span.bytes)
    let b = try ItemFilter(query: "category:b,category:a".utf8.span.bytes)
    let not = try ItemFilter(query: "category:a,-category:b".utf8.span.bytes)
    var overrides = RankingOverrides()
    #expect(overrides.hash == 0)
    overrides.diversity = 0.5
    let variants = [
      Variant(filter: .none), Variant(filter: a), Variant(filter: not), Variant(arm: 1, filter: .none),
      Variant(arm: 1, filter: a),
      Variant(filter: .none, ranking: overrides.hash), Variant(filter: a, ranking: overrides.hash),
    ]
    #expect(Set(variants).count == variants.count)
    #expect(Variant(filter: a) == Variant(filter: b))
    for (place, variant) in variants.enumerated() {
      let code = text { $0.append(variant) }
      #expect(place == 0 ? code == "-" : code.utf8.count == 6, "\(code)")
      #expect(code.utf8.allSatisfy { $0 < 0x7F && $0 > 0x20 && $0 != UInt8(ascii: ":") })
    }
    // The same in every process and on every machine.
    #expect(text { $0.append(Variant(arm: 1, filter: .none)) } == "4wre0e")
  }

  @Test func `overrides that differ have different hashes`() {
    var one = RankingOverrides()
    one.similarity = 1
    var other = RankingOverrides()
    other.popularity = 1
    var zero = RankingOverrides()
    zero.popularity = 0
    #expect(Set([one.hash, other.hash, zero.hash, 0]).count == 4)
  }
}

@Suite struct RecommendationIDTests {
  @Test func `an id tells version, placement and arm`() {
    for (version, arm) in [(0, 0), (1, 1), (42, 1023), ((1 << 30) - 1, 512)] as [(Int, UInt16)] {
      let written = bytes {
        RecommendationID.append(version: version, placement: arm ^ 0x155, arm: arm, random: (.max / 3, 77), to: &$0)
      }
      #expect(written.count == 26)
      let id = RecommendationID(written.span.bytes)
      #expect(id?.version == UInt64(version))
      #expect(id?.arm == arm)
      #expect(id?.placement == arm ^ 0x155)
      let lower = String(decoding: written, as: UTF8.self).lowercased()
      let again = RecommendationID(lower.utf8.span.bytes)
      #expect(again == id)
    }
  }

  @Test func `every random bit shows`() {
    var seen: Set<[UInt8]> = []
    for bit in 0..<64 {
      seen.insert(bytes { RecommendationID.append(version: 1, random: (1 << UInt64(bit), 0), to: &$0) })
    }
    for bit in 0..<16 {
      seen.insert(bytes { RecommendationID.append(version: 1, random: (0, 1 << UInt16(bit)), to: &$0) })
    }
    #expect(seen.count == 80)
  }

  @Test func `an id is written over another in place`() {
    var body = ByteBuffer()
    body.append("{\"recommendationId\":\"" as StaticString)
    RecommendationID.append(version: 1, random: (1, 2), to: &body)
    body.append("\",\"x\":1}" as StaticString)
    RecommendationID.replace(at: 21, version: 9, arm: 3, random: (5, 6), in: &body)
    let expected = text { RecommendationID.append(version: 9, arm: 3, random: (5, 6), to: &$0) }
    let after = String(copying: body.bytes)
    #expect(after == "{\"recommendationId\":\"" + expected + "\",\"x\":1}")
  }

  @Test func `what is no id is none`() {
    for text in [
      "", "0000000000000000000000000", "000000000000000000000000000", "0000000000000000000000000U",
      "0000000000000000000000000-",
    ] {
      let id = RecommendationID(text.utf8.span.bytes)
      #expect(id == nil, "\(text)")
    }
  }
}
