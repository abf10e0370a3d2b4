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
  /// that were here untouched.
  public func pull(
    _ model: String, _ version: Int, from repository: FolderRepository,
    progress: (TransferProgress) -> Void = { _ in }
  ) throws(PublishError) -> LocalSnapshot {
    try pull(repository.manifest(model, version), from: repository, progress: progress)
  }

  /// The same for a manifest that was read before: the version is the one that was chosen, whatever its number means now.
  ///
  /// - Parameter signature: of the manifest, which the caller has verified; kept beside it, so that a restart can ask again.
  public func pull(
    _ published: PublishedManifest, signature: [UInt8]? = nil, from repository: FolderRepository,
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
      try write(published.bytes, to: "\(folder(identity.name))/\(stem(identity))\(manifestSuffix)", disk: disk)
      try keep(signature, of: identity)
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
    _ manifest: Manifest, at path: String, from repository: FolderRepository, _ progress: (TransferProgress) -> Void
  ) throws(PublishError) {
    var writer = try onSnapshot { () throws(SnapshotError) in try SnapshotWriter(path: path, disk: disk) }
    let total = manifest.rawBytes
    var done = 0
    for section in manifest.sections {
      let blob = try FileReader(path: repository.blobPath(manifest.model, manifest.version, section.digest))
      do { try writer.begin(section.tag) } catch { throw PublishError(error) }
      try receive(section, from: blob) { (piece: RawSpan) throws(PublishError) in
        do throws(SnapshotError) { try writer.append(piece) } catch { throw PublishError(error) }
        done += piece.byteCount
        progress(TransferProgress(bytesDone: done, bytesTotal: total))
      }
    }
    do { try writer.seal() } catch { throw PublishError(error) }
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

/// Takes in one blob: at most `wireSize` bytes of frame, exactly `size` bytes of content, both with their digests.
func receive(
  _ section: Manifest.Section, from blob: FileReader, emit: (RawSpan) throws(PublishError) -> Void
) throws(PublishError) {
  func refused(_ detail: String) -> PublishError {
    PublishError(.digestMismatch, "\(blob.path): section \(section.tag) \(detail)")
  }
  guard blob.byteCount == section.wireSize else {
    throw refused("has \(blob.byteCount) bytes where the manifest says \(section.wireSize)")
  }
  var frame = try FrameDecompressor()
  var wireHash = SHA256()
  var rawHash = SHA256()
  var wireBytes = 0
  var rawBytes = 0
  var more = true
  while more {
    more = try blob.next { (piece: RawSpan) throws(PublishError) in
      wireBytes += piece.byteCount
      guard wireBytes <= section.wireSize else { throw refused("grows while it is read") }
      wireHash.update(piece)
      try frame.feed(piece) { (content: RawSpan) throws(PublishError) in
        rawBytes += content.byteCount
        guard rawBytes <= section.size else {
          throw refused("decompresses to more than the \(section.size) bytes of the manifest")
        }
        rawHash.update(content)
        try emit(content)
      }
    }
  }
  guard frame.isFinished else { throw refused("ends in the middle of its frame") }
  guard rawBytes == section.size else { throw refused("decompresses to \(rawBytes) bytes, not \(section.size)") }
  guard wireHash.finish() == section.wireDigest else { throw refused("is not the frame that was published") }
  guard rawHash.finish() == section.digest else { throw refused("is not the content that was published") }
}
