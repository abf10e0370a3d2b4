internal import Bytes
internal import FoundationEssentials
internal import Ranking
internal import Snapshots

/// The ranking weights of placements.
///
///     ranking   JSON: {"default":{"similarity":1,…},"detail":{…}}
struct RankingTable: Sendable {
  private let weights: [String: RankingWeights]

  init(_ snapshot: Snapshot) throws(SnapshotError) {
    weights = try snapshot.json(ModelTag.ranking)
    for (placement, weights) in weights {
      do throws(RankingWeightsError) { try weights.validate() } catch {
        throw try snapshot.section(ModelTag.ranking).invalid("has weights of \"\(placement)\" that cannot be: \(error)")
      }
    }
  }

  func weights(_ placement: String) -> RankingWeights { weights[placement] ?? weights["default"] ?? RankingWeights() }

  static func write(_ weights: [String: RankingWeights], into section: inout SectionBuilder) throws(ModelContentError) {
    for (placement, weights) in weights {
      do throws(RankingWeightsError) { try weights.validate() } catch {
        throw .invalid("the ranking weights of \"\(placement)\": \(error)")
      }
    }
    section.json(weights)
  }
}

/// Where a model comes from, for people and checks.
///
///     proven    JSON: {"settings":{…},"metrics":{…},"identityKeyFingerprint":"…"}
public struct ModelProvenance: Sendable, Codable, Equatable {
  /// Settings, data digest and the like.
  public var settings: [String: String]
  /// What the evaluation measured.
  public var metrics: [String: Double]
  /// `IdentityKey.fingerprint` of the key under which the users are hashed; empty without users.
  public var identityKeyFingerprint: String

  init(_ content: ModelContent) {
    settings = content.provenance
    metrics = content.metrics
    identityKeyFingerprint = content.identityKeyFingerprint
  }

  init(_ snapshot: Snapshot) throws(SnapshotError) { self = try snapshot.json(ModelTag.provenance) }

  func write(into section: inout SectionBuilder) { section.json(self) }
}

extension Snapshot {
  fileprivate func json<T: Decodable>(_ tag: SectionTag) throws(SnapshotError) -> T {
    try read(tag) { (reader) throws(SnapshotError) in
      let text = try reader.text()
      do { return try JSONDecoder().decode(T.self, from: Data(text.utf8)) } catch {
        throw reader.invalid("has JSON that cannot be read: \(error)")
      }
    }
  }
}

extension SectionBuilder {
  /// Keys in order, so that the same values give the same bytes.
  fileprivate mutating func json(_ value: some Encodable) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Plain numbers and strings, the numbers checked to be finite, cannot fail to encode.
    text(String(decoding: try! encoder.encode(value), as: UTF8.self))
  }
}
