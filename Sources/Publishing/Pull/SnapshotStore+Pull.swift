internal import Bytes
internal import Snapshots

extension SnapshotStore {
  /// What a pull leaves free on the disk: room for logs, events and a neighbour's pull.
  public static let reservedBytes = 64 << 20

  /// Brings a version onto this node: checked on the way in, written under a temporary name, read back and checked
  /// again, then marked as verified. A version that is here already and marked costs a look at three files.
  ///
  /// Nothing that the repository says is believed: not a byte more is taken in than the manifest announces, and not a
  /// byte more comes out of a frame; both digests must hold. Whatever fails leaves no file behind and the snapshots
  /// that were here untouched. Sections that a verified snapshot of this node holds are copied from it; a connection
  /// that breaks is taken up where it broke.
  public func pull(
    _ model: String, _ version: Int, from repository: any Repository,
    progress: (TransferProgress) -> Void = { _ in }
  ) throws(PublishError) -> LocalSnapshot {
    try pull(repository.manifest(model, version), from: repository, progress: progress)
  }

  /// The same for a manifest that was read before: the version is the one that was chosen, whatever its number means now.
  ///
  /// - Parameter signature: of the manifest, which the caller has verified; kept beside it, so that a restart can ask again.
  public func pull(
    _ published: PublishedManifest, signature: [UInt8]? = nil, from repository: any Repository,
    progress: (TransferProgress) -> Void = { _ in }
  ) throws(PublishError) -> LocalSnapshot {
    let identity = published.identity
    let path = path(identity)
    if let here = localSnapshot(identity) {
      try keep(signature, of: identity)
      if here.isVerified { return here }
      // A process was killed after the file got its name and before its mark: the bytes need not travel again.
      if (try? verify(here)) != nil { return localSnapshot(identity) ?? here }
      try remove(identity)
    }
    try onDisk { () throws(DiskError) in try disk.makeFolders(folder(identity.name)) }
    try checkFreeSpace(for: published.manifest)
    do {
      try keep(signature, of: identity)
      try write(published.bytes, to: "\(folder(identity.name))/\(stem(identity))\(manifestSuffix)", disk: disk)
      try assemble(published.manifest, at: path, from: repository, progress)
      try verifySections(of: path, against: published.manifest)
      try mark(path, identity)
    } catch {
      // Unless another process brought the same version in the meantime.
      if localSnapshot(identity)?.isVerified != true { try? remove(identity) }
      throw error
    }
    guard let here = localSnapshot(identity) else {
      throw PublishError(.fetchFailed, "\(path): went away while it was pulled")
    }
    return here
  }

  private func checkFreeSpace(for manifest: Manifest) throws(PublishError) {
    // Header, and less than 64 bytes of padding a section.
    let needed = manifest.rawBytes + 4096 + 64 * manifest.sections.count + Manifest.Limits.manifestBytes
    let free = freeBytes(folder(manifest.model))
    guard free - Self.reservedBytes >= needed else {
      throw PublishError(
        .fetchFailed,
        "\(dataDirectory): \(manifest.model)/\(manifest.version) needs \(needed) bytes beside \(Self.reservedBytes) in reserve, and \(free) are free"
      )
    }
  }

  private func assemble(
    _ manifest: Manifest, at path: String, from repository: any Repository, _ progress: (TransferProgress) -> Void
  ) throws(PublishError) {
    var writer = try onSnapshot { () throws(SnapshotError) in try SnapshotWriter(path: path, disk: disk) }
    let total = manifest.rawBytes
    var held = HeldSections(localSnapshots(of: manifest.model))
    var (done, reused) = (0, 0)
    for section in manifest.sections {
      do { try writer.begin(section.tag) } catch { throw PublishError(error) }
      try bring(section, of: manifest, held: &held, from: repository) {
        (piece: RawSpan, isHeld) throws(PublishError) in
        do throws(SnapshotError) { try writer.append(piece) } catch { throw PublishError(error) }
        done += piece.byteCount
        reused += isHeld ? piece.byteCount : 0
        progress(TransferProgress(bytesDone: done, bytesTotal: total, bytesReused: reused))
      }
    }
    do { try writer.seal() } catch { throw PublishError(error) }
  }

  /// Hands over the content of a section: of this node's own copy, or of the repository's.
  private func bring(
    _ section: Manifest.Section, of manifest: Manifest, held: inout HeldSections, from repository: any Repository,
    _ take: (RawSpan, _ isHeld: Bool) throws(PublishError) -> Void
  ) throws(PublishError) {
    let isHeld = try held.copy(section) { (piece: RawSpan) throws(PublishError) in try take(piece, true) }
    if isHeld { return }
    try receive(section, manifest.model, manifest.version, from: repository, pause: pause) {
      (piece: RawSpan) throws(PublishError) in try take(piece, false)
    }
  }

  /// Compares a sealed file with the manifest it was made from: as many sections, in order, each with its SHA-256.
  func verifySections(of path: String, against manifest: Manifest) throws(PublishError) {
    let snapshot = try onSnapshot { () throws(SnapshotError) in try Snapshot.open(path: path, verify: .structure) }
    guard snapshot.sections.map(\.tag) == manifest.sections.map(\.tag) else {
      throw PublishError(.digestMismatch, "\(path): has other sections than its manifest")
    }
    for (entry, section) in zip(snapshot.sections, manifest.sections) {
      let bytes = snapshot.bytes(of: entry)
      let digest = SHA256.digest(bytes)
      guard digest == section.digest, bytes.byteCount == section.size, xxh3(bytes) == entry.checksum else {
        throw PublishError(.digestMismatch, "\(path): section \(section.tag) is not the one of the manifest")
      }
    }
  }
}
