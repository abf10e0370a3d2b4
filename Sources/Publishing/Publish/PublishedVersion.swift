/// What a publish did.
public struct PublishedVersion: Sendable, Equatable {
  public let identity: ModelIdentity
  /// False: the latest version holds the very same sections, and is the one that is told of.
  public let isNew: Bool
  /// Of all sections, before compression.
  public let rawBytes: Int
  /// Of all LZ4 frames.
  public let wireBytes: Int
  /// What was really sent: sections that the other side did not have.
  public let sent: SentFigures
  public let sectionsReused: Int
  /// What a publisher should know besides, in sentences.
  public internal(set) var notes: [String] = []

  /// Of the frames that the version before did not have.
  public var sentBytes: Int { sent.wireBytes }
  public var sectionsSent: Int { sent.sections }

  init(_ published: PublishedManifest, isNew: Bool, sent: SentFigures = SentFigures()) {
    identity = published.identity
    self.isNew = isNew
    rawBytes = published.manifest.rawBytes
    wireBytes = published.manifest.wireBytes
    self.sent = sent
    sectionsReused = published.manifest.sections.count - sent.sections
  }
}

/// Sections that travelled, and how fast.
public struct SentFigures: Sendable, Equatable {
  public var sections = 0
  /// Before compression.
  public var rawBytes = 0
  public var wireBytes = 0
  public var compressSeconds = 0.0
  /// For a folder compressing and writing are one, and this stays 0.
  public var sendSeconds = 0.0

  public init() {}

  /// Raw bytes for each byte that travelled; 1 when nothing did.
  public var ratio: Double { wireBytes > 0 ? Double(rawBytes) / Double(wireBytes) : 1 }
}

/// Makes the signature file of a manifest.
public typealias SignManifest = @Sendable (PublishedManifest) throws(PublishError) -> [UInt8]

/// Makes the signature file of an `aliases.json`; `before` is the one that lies there, so that times only grow.
public typealias SignAliases = @Sendable (_ aliases: [UInt8], _ before: [UInt8]?) throws(PublishError) -> [UInt8]

/// How a snapshot is published.
public struct PublishOptions: Sendable {
  /// The very same sections as the latest version's, in the same order, make no new version.
  public var reusesSameContent = false
  /// Makes the signature file of a manifest.
  public var sign: SignManifest?

  public init() {}
}

/// A repository that takes new versions.
public protocol WritableRepository: Repository {
  /// Publishes a snapshot file as the next version: blobs first, manifest last.
  ///
  /// The snapshot's checksums are verified before anything is written. Several publishers may run at once: each gets a
  /// number of its own. One that is killed leaves blobs without a manifest, which no reader looks at.
  func publish(
    snapshotPath: String, model: String, details: Manifest.Details, options: PublishOptions,
    progress: (TransferProgress) -> Void
  ) throws(PublishError) -> PublishedVersion

  /// Writes the signature of a version that is there.
  func setSignature(_ bytes: [UInt8], of model: String, version: Int) throws(PublishError)
}
