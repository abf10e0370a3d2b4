public import Bytes
internal import Ranking
internal import Retrieval
public import Snapshots
internal import Synchronization

/// A snapshot that answers: every section checked, every lookup a pointer away.
///
/// Immutable and shared by all workers; each brings its own `ComputeScratch`. What is handed out as spans and columns
/// borrows from the mapping and is valid as long as the model is.
public final class ServingModel: Sendable {
  /// Of the model, as in keys; `[a-z0-9-]{1,32}`.
  public let name: String
  public let version: Int
  /// SHA-256 of the manifest.
  public let digest: SHA256Digest
  public let provenance: ModelProvenance

  /// Of this object, in this process: what workers keep about a model they keep under it.
  let serial = ServingModel.lastSerial.add(1, ordering: .relaxed).newValue
  private static let lastSerial = Atomic<UInt64>(0)
  private static let mapped = Atomic<Int>(0)

  /// Bytes of all files that models of this process map: the kernel counts their pages as free to take, and they are not.
  public static var mappedBytes: Int { mapped.load(ordering: .relaxed) }

  let head: ModelHead
  let ids: ItemIDs
  let metadata: ItemMetadata
  let categories: ItemCategories
  let popularity: Column<Float>
  let published: Column<UInt32>
  let withheld: WithheldItems
  let index: VectorIndex
  let users: UserTable
  let segments: SegmentTable
  let trending: TrendingLists
  let foldIn: FoldInTable
  let ranking: RankingTable
  let probes: ProbeTable
  /// Every item: where a filter starts.
  let allItems: Bitmap
  /// Keeps the columns' memory alive.
  private let snapshot: Snapshot

  /// Reads and checks all sections; a file that passes cannot make an answer wrong in form or read outside of it.
  ///
  /// `checks`: `.structure` takes texts and hashes as verified before, for a restart on a file that once passed. O(bytes)
  /// with `.checksums`, O(items + users + seen items) with `.structure`.
  public init(
    _ snapshot: Snapshot, name: String, version: Int, digest: SHA256Digest,
    checks: Snapshot.Verification = .checksums
  ) throws(SnapshotError) {
    let trusted = checks == .structure
    let head = try ModelHead(snapshot)
    index = try VectorIndex(snapshot)
    guard index.count == head.items, index.dimension == head.dimension, index.metric == head.metric else {
      throw SnapshotError(
        .dimensionChanged,
        "the index is over \(index.count) × \(index.dimension) by \(index.metric), the model over \(head.items) × \(head.dimension) by \(head.metric)",
        file: snapshot.file, section: ModelTag.head)
    }
    ids = try ItemIDs(snapshot, count: head.items, trusted: trusted)
    metadata = try ItemMetadata(snapshot, count: head.items, trusted: trusted)
    categories = try ItemCategories(snapshot, items: head.items, trusted: trusted)
    popularity = try snapshot.read(ModelTag.popularity) { (reader) throws(SnapshotError) in
      try reader.finite(head.items)
    }
    published = try snapshot.read(ModelTag.published) { (reader) throws(SnapshotError) in
      try reader.column(of: UInt32.self, count: head.items)
    }
    withheld = try WithheldItems(snapshot, head)
    users = try UserTable(snapshot, head)
    segments = try SegmentTable(snapshot, head)
    trending = try TrendingLists(snapshot, head)
    foldIn = try FoldInTable(snapshot, head)
    ranking = try RankingTable(snapshot)
    probes = try ProbeTable(snapshot, head)
    provenance = try ModelProvenance(snapshot)
    allItems = Bitmap(count: head.items, filled: true)
    self.head = head
    self.name = name
    self.version = version
    self.digest = digest
    self.snapshot = snapshot
    ServingModel.mapped.add(snapshot.byteCount, ordering: .relaxed)
  }

  deinit { ServingModel.mapped.subtract(snapshot.byteCount, ordering: .relaxed) }

  public var itemCount: Int { head.items }
  public var userCount: Int { head.users }
  public var segmentCount: Int { head.segments }
  public var dimension: Int { head.dimension }
  public var metric: Metric { head.metric }
  public var categoryCount: Int { categories.count }
  /// Bytes of the file.
  public var byteCount: Int { snapshot.byteCount }

  /// Bytes that go with the model: its mapping, and the codes that were copied out of it.
  public var memoryBytes: Int { snapshot.byteCount + index.copiedBytes }

  /// Has all of the file in memory, so that no request is the first to touch a page. O(bytes) when it comes from disk.
  public func prefault() { snapshot.prefault() }

  /// The keys of this model's lists in one placement.
  public func keys(namespace: String, placement: String) throws(CacheKeyError) -> ListKeys {
    try ListKeys(namespace: namespace, model: name, digest: digest.prefix, placement: placement)
  }
}
