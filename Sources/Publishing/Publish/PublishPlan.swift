public import Bytes
public import Snapshots

/// What publishing a snapshot would do: for a dry run, and to see that there is nothing to do. O(bytes of the snapshot).
public struct PublishPlan: Sendable {
  public struct Section: Sendable, Equatable {
    public let tag: SectionTag
    public let digest: SHA256Digest
    public let byteCount: Int
    /// Whether it need not be sent: the latest version has it, and the repository can take it from there.
    public let isThere: Bool
  }

  public let sections: [Section]
  /// The latest version whose manifest checks out.
  public let latest: PublishedManifest?
  /// Every version that was seen.
  let versions: [Int]
  /// The number that the next version most likely gets; other publishers may be faster.
  public let nextVersion: Int

  /// Whether the latest version holds the very same.
  public var isSame: Bool {
    guard let latest else { return false }
    return Self.isSame(latest, sections.map(\.digest), sections.map(\.tag))
  }

  private static func isSame(_ latest: PublishedManifest, _ digests: [SHA256Digest], _ tags: [SectionTag]) -> Bool {
    latest.manifest.sections.map(\.digest) == digests && latest.manifest.sections.map(\.tag) == tags
  }

  public init(snapshotPath: String, model: String, in repository: any Repository) throws(PublishError) {
    let snapshot = try onSnapshot { () throws(SnapshotError) in
      try Snapshot.open(path: snapshotPath, verify: .checksums)
    }
    try self.init(snapshot, model, repository)
  }

  init(_ snapshot: Snapshot, _ model: String, _ repository: any Repository) throws(PublishError) {
    let listing = try repository.listing(of: model)
    let latest = try listing.versions.keys.max().map { (version) throws(PublishError) in
      try repository.manifest(model, version)
    }
    let there = Set(latest?.manifest.sections.map(\.digest) ?? [])
    let digests = snapshot.sections.map { SHA256.digest(snapshot.bytes(of: $0)) }
    let isSame = latest.map { Self.isSame($0, digests, snapshot.sections.map(\.tag)) } ?? false
    // After the listing: a server says with its answers whether it can.
    let copies = isSame || (repository as? RemoteRepository)?.copiesBlobs(of: model) ?? true
    sections = zip(snapshot.sections, digests).map { entry, digest in
      Section(
        tag: entry.tag, digest: digest, byteCount: entry.byteCount, isThere: copies && there.contains(digest))
    }
    self.latest = latest
    versions = Set(listing.versions.keys).union(listing.faults.keys).sorted()
    nextVersion = (versions.last ?? 0) + 1
  }
}
