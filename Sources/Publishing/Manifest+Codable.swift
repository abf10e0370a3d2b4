internal import Bytes
internal import FoundationEssentials
internal import Snapshots

// The JSON of a manifest (interfaces §2.2, with the sections of CONTRACTS in the place of its artifacts). Digests are
// written as OCI writes them, `sha256:` and 64 hexadecimal digits; the blob's name is the digits alone.

extension Manifest: Codable {
  private enum Key: String, CodingKey {
    case schemaVersion, mediaType, model, version, createdAt, metric, dimension, counts, metrics, sections, annotations
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let media = try container.decode(String.self, forKey: .mediaType)
    guard media == Self.mediaType else {
      throw DecodingError.dataCorruptedError(
        forKey: .mediaType, in: container, debugDescription: "is not \(Self.mediaType)")
    }
    let created = try container.decode(String.self, forKey: .createdAt)
    guard let date = try? Date(created, strategy: .iso8601), abs(date.timeIntervalSince1970) < 1e11 else {
      throw DecodingError.dataCorruptedError(
        forKey: .createdAt, in: container, debugDescription: "is not a time such as 2026-11-22T16:20:39Z")
    }
    self.init(
      model: try container.decode(String.self, forKey: .model),
      version: try container.decode(Int.self, forKey: .version),
      details: Details(
        createdAtSeconds: Int(date.timeIntervalSince1970),
        metric: try container.decode(String.self, forKey: .metric),
        dimension: try container.decode(Int.self, forKey: .dimension),
        counts: try container.decodeIfPresent([String: Int].self, forKey: .counts) ?? [:],
        metrics: try container.decodeIfPresent([String: Double].self, forKey: .metrics) ?? [:],
        annotations: try container.decodeIfPresent([String: String].self, forKey: .annotations) ?? [:]),
      sections: try container.decode([Section].self, forKey: .sections))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(Self.schemaVersion, forKey: .schemaVersion)
    try container.encode(Self.mediaType, forKey: .mediaType)
    try container.encode(model, forKey: .model)
    try container.encode(version, forKey: .version)
    let created = Date(timeIntervalSince1970: Double(details.createdAtSeconds))
    try container.encode(created.formatted(.iso8601), forKey: .createdAt)
    try container.encode(details.metric, forKey: .metric)
    try container.encode(details.dimension, forKey: .dimension)
    try container.encode(details.counts, forKey: .counts)
    try container.encode(details.metrics, forKey: .metrics)
    try container.encode(sections, forKey: .sections)
    try container.encode(details.annotations, forKey: .annotations)
  }
}

extension Manifest.Section: Codable {
  private enum Key: String, CodingKey { case tag, digest, size, wireDigest, wireSize }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let name = try container.decode(String.self, forKey: .tag)
    guard let tag = SectionTag(name) else {
      throw DecodingError.dataCorruptedError(forKey: .tag, in: container, debugDescription: "is no section tag")
    }
    func digest(_ key: Key) throws -> SHA256Digest {
      let text = try container.decode(String.self, forKey: key)
      guard text.hasPrefix(digestScheme), let digest = SHA256Digest(hex: String(text.dropFirst(digestScheme.count)))
      else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: container, debugDescription: "is not sha256: and 64 lower-case hexadecimal digits")
      }
      return digest
    }
    self.init(
      tag: tag, digest: try digest(.digest), size: try container.decode(Int.self, forKey: .size),
      wireDigest: try digest(.wireDigest), wireSize: try container.decode(Int.self, forKey: .wireSize))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(tag.description, forKey: .tag)
    try container.encode(digestScheme + digest.description, forKey: .digest)
    try container.encode(size, forKey: .size)
    try container.encode(digestScheme + wireDigest.description, forKey: .wireDigest)
    try container.encode(wireSize, forKey: .wireSize)
  }
}

private let digestScheme = "sha256:"
