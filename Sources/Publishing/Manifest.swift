public import Bytes
internal import FoundationEssentials
public import Snapshots

/// What a version says of itself. The SHA-256 of its bytes is the version's digest.
///
/// Keys that this program does not know are passed over, so that later manifests may say more; a later `schemaVersion`
/// means that they must not be.
public struct Manifest: Sendable, Equatable {
  public static let schemaVersion = 1
  public static let mediaType = "application/vnd.needletail.manifest.v1+json"

  /// One section: its raw bytes, and the LZ4 frame that travels.
  public struct Section: Sendable, Equatable {
    public let tag: SectionTag
    /// Of the raw bytes: names the blob.
    public let digest: SHA256Digest
    public let size: Int
    /// Of the LZ4 frame.
    public let wireDigest: SHA256Digest
    public let wireSize: Int

    public init(tag: SectionTag, digest: SHA256Digest, size: Int, wireDigest: SHA256Digest, wireSize: Int) {
      self.tag = tag
      self.digest = digest
      self.size = size
      self.wireDigest = wireDigest
      self.wireSize = wireSize
    }
  }

  /// What the trainer tells about a snapshot, beside the sections themselves.
  public struct Details: Sendable, Equatable {
    /// Unix seconds.
    public var createdAtSeconds: Int
    /// `dot` or `cosine`.
    public var metric: String
    public var dimension: Int
    /// Such as `items`, `users`, `segments`.
    public var counts: [String: Int]
    /// Of the training run, such as `recall@20`.
    public var metrics: [String: Double]
    public var annotations: [String: String]

    public init(
      createdAtSeconds: Int, metric: String, dimension: Int, counts: [String: Int] = [:],
      metrics: [String: Double] = [:], annotations: [String: String] = [:]
    ) {
      self.createdAtSeconds = createdAtSeconds
      self.metric = metric
      self.dimension = dimension
      self.counts = counts
      self.metrics = metrics
      self.annotations = annotations
    }
  }

  public let model: String
  public let version: Int
  public let details: Details
  /// In the order of the snapshot file.
  public let sections: [Section]

  public init(model: String, version: Int, details: Details, sections: [Section]) {
    self.model = model
    self.version = version
    self.details = details
    self.sections = sections
  }

  /// Bytes of all sections, raw. Bounded by `Manifest.Limits`, so the sum cannot overflow.
  public var rawBytes: Int { sections.reduce(0) { $0 + $1.size } }
  public var wireBytes: Int { sections.reduce(0) { $0 + $1.wireSize } }

  /// The one encoding that this program writes: keys sorted, two spaces, no escaped slashes. A value that does not
  /// check out is an error, so that nothing is published which no node would take.
  public func encoded() throws(PublishError) -> [UInt8] {
    try check()
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    do { return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")] } catch {
      throw PublishError(.manifestInvalid, "manifest of \(model): \(error)")
    }
  }

  /// Reads a manifest that anyone may have written; everything in it is checked.
  public static func decode(_ bytes: RawSpan, from place: String) throws(PublishError) -> Manifest {
    guard bytes.byteCount <= Limits.manifestBytes else {
      throw PublishError(.manifestInvalid, "\(place): the manifest has more than \(Limits.manifestBytes) bytes")
    }
    let data = bytes.withUnsafeBytes { Data($0) }
    let decoder = JSONDecoder()
    do {
      // The schema first: a later one may have changed the type of anything else.
      let schema = try decoder.decode(Schema.self, from: data).schemaVersion
      guard schema == Self.schemaVersion else {
        throw PublishError(.unsupportedSchema, "schemaVersion is \(schema); this program reads \(Self.schemaVersion)")
      }
      let manifest = try decoder.decode(Manifest.self, from: data)
      try manifest.check()
      return manifest
    } catch let error as PublishError {
      throw PublishError(error.reason, "\(place): \(error.detail)")
    } catch {
      throw PublishError(.manifestInvalid, "\(place): \(explained(error))")
    }
  }

  private struct Schema: Decodable { let schemaVersion: Int }
}

/// A manifest as it stands in a repository or on a node.
public struct PublishedManifest: Sendable, Equatable {
  public let manifest: Manifest
  public let identity: ModelIdentity
  /// The bytes that the digest is of.
  public let bytes: [UInt8]

  init(_ manifest: Manifest, bytes: [UInt8]) {
    self.manifest = manifest
    self.bytes = bytes
    identity = ModelIdentity(
      name: manifest.model, version: manifest.version, digest: SHA256.digest(bytes.span.bytes))
  }
}

/// `sections[3].size: expected to decode Int but found a string instead.`
func explained(_ error: any Error) -> String {
  guard let error = error as? DecodingError else { return "\(error)" }
  switch error {
  case .keyNotFound(let key, let context): return "\(path(context.codingPath + [key])): missing"
  case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
    return "\(path(context.codingPath)): \(context.debugDescription)"
  @unknown default: return "\(error)"
  }
}

private func path(_ keys: [any CodingKey]) -> String {
  guard !keys.isEmpty else { return "JSON" }
  return keys.reduce(into: "") { text, key in
    if let index = key.intValue {
      text += "[\(index)]"
    } else {
      text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
    }
  }
}
