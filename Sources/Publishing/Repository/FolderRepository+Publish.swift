internal import Bytes
internal import Snapshots

extension FolderRepository: WritableRepository {
  /// Sections that the latest version has already are linked to it, not written again. A publish that fails takes its
  /// folder away again; one that is killed leaves a folder without a manifest, which the next publish removes.
  public func publish(
    snapshotPath: String, model: String, details: Manifest.Details, options: PublishOptions = PublishOptions(),
    progress: (TransferProgress) -> Void = { _ in }
  ) throws(PublishError) -> PublishedVersion {
    try check(model: model)
    let snapshot = try onSnapshot { () throws(SnapshotError) in
      try Snapshot.open(path: snapshotPath, verify: .checksums)
    }
    // Before anything is sent: a manifest that nobody would take must not cost an upload.
    try Manifest(model: model, version: 1, details: details, sections: []).check()
    if options.reusesSameContent {
      let plan = try PublishPlan(snapshot, model, self)
      if plan.isSame, let latest = plan.latest { return PublishedVersion(latest, isNew: false) }
    }
    try onDisk { () throws(DiskError) in try disk.makeFolders(modelFolder(model)) }
    sweep(model)
    let previous = latestManifest(of: model)
    let claim = try claimVersion(of: model)
    defer { withExtendedLifetime(claim.lock) {} }
    do {
      var publication = Publication(
        repository: self, model: model, version: claim.version, previous: previous, snapshot: snapshot,
        sign: options.sign)
      return try publication.run(details, progress)
    } catch {
      remove(model, claim.version)
      throw error
    }
  }

  public func setSignature(_ bytes: [UInt8], of model: String, version: Int) throws(PublishError) {
    try check(model: model)
    try write(bytes, to: manifestPath(model, version) + signatureSuffix, disk: disk)
  }

  public func setAlias(
    _ alias: String, of model: String, to version: Int?, sign: SignAliases?
  ) throws(PublishError) {
    try check(model: model)
    try check(alias: alias)
    if let version { _ = try manifest(model, version) }
    guard exists(modelFolder(model)) else { return }
    // Without the lock two publishers could each keep the other's alias as it was before.
    let lock = FolderLock.take(modelFolder(model), waiting: true)
    defer { withExtendedLifetime(lock) {} }
    let present = try aliasesFile(of: model)
    let bytes = try aliases(of: model).setting(alias, to: version).encoded()
    if let sign {
      // Between the two writes a node sees a signature that does not fit, and waits for its next look.
      try write(sign(bytes, present?.signature), to: aliasesPath(model) + signatureSuffix, disk: disk)
    } else {
      try checkUnsigned(model, version)
    }
    try write(bytes, to: aliasesPath(model), disk: disk)
  }

  /// Takes the number after the largest. `mkdir` is the lock: of two publishers that want a number, one makes the folder.
  private func claimVersion(of model: String) throws(PublishError) -> (version: Int, lock: FolderLock?) {
    for _ in 0..<1000 {
      let version = (try claimedVersions(of: model).last ?? 0) + 1
      guard version <= Manifest.Limits.version else {
        throw PublishError(.manifestInvalid, "\(modelFolder(model)): version \(version - 1) is the last that can be")
      }
      do { try disk.makeFolder(versionFolder(model, version)) } catch {
        if error.exists { continue }
        throw PublishError(error)
      }
      switch FolderLock.take(versionFolder(model, version), waiting: false) {
      case .held(let lock): return (version, lock)
      case .unsupported: return (version, nil)
      case .busy: continue  // A sweep saw the folder before we could lock it, and takes it away.
      }
    }
    throw PublishError(.fetchFailed, "\(modelFolder(model)): other publishers took 1000 versions in a row")
  }

  private func latestManifest(of model: String) -> Manifest? {
    guard let versions = try? versions(of: model) else { return nil }
    return versions.reversed().lazy.compactMap { try? manifest(model, $0).manifest }.first
  }

  /// Removes what killed publishers left: folders of versions that have no manifest and nobody at work in them.
  private func sweep(_ model: String) {
    for version in (try? claimedVersions(of: model)) ?? [] where !exists(manifestPath(model, version)) {
      guard case .held(let lock) = FolderLock.take(versionFolder(model, version), waiting: false) else { continue }
      if !exists(manifestPath(model, version)) { remove(model, version) }
      withExtendedLifetime(lock) {}
    }
    for name in names(inFolder: modelFolder(model)) ?? [] where isTemporary(name) {
      try? TemporaryFile.removeIfOrphaned("\(modelFolder(model))/\(name)", disk: disk)
    }
  }

  /// Takes a version away that was never committed. What cannot be removed is left to the next sweep.
  private func remove(_ model: String, _ version: Int) {
    let folder = versionFolder(model, version)
    // The manifest first, should the disk have failed after it got its name: no reader may see it without its blobs.
    try? disk.remove(manifestPath(model, version))
    for name in names(inFolder: folder) ?? [] { try? disk.remove("\(folder)/\(name)") }
    try? disk.removeFolder(folder)
  }
}

/// One version on its way into its folder.
private struct Publication {
  let repository: FolderRepository
  let model: String
  let version: Int
  let previous: Manifest?
  let snapshot: Snapshot
  private let sign: SignManifest?
  private var placed: [SHA256Digest: Manifest.Section] = [:]
  private var sent = SentFigures()

  init(
    repository: FolderRepository, model: String, version: Int, previous: Manifest?, snapshot: Snapshot,
    sign: SignManifest?
  ) {
    self.repository = repository
    self.model = model
    self.version = version
    self.previous = previous
    self.snapshot = snapshot
    self.sign = sign
  }

  mutating func run(
    _ details: Manifest.Details, _ progress: (TransferProgress) -> Void
  ) throws(PublishError) -> PublishedVersion {
    var sections: [Manifest.Section] = []
    let total = snapshot.sections.reduce(0) { $0 + $1.byteCount }
    var done = 0
    for entry in snapshot.sections {
      sections.append(try place(entry) { progress(TransferProgress(bytesDone: done + $0, bytesTotal: total)) })
      done += entry.byteCount
      progress(TransferProgress(bytesDone: done, bytesTotal: total))
    }
    let manifest = Manifest(model: model, version: version, details: details, sections: sections)
    let published = PublishedManifest(manifest, bytes: try manifest.encoded())
    if let sign { try repository.setSignature(sign(published), of: model, version: version) }
    let folder = repository.versionFolder(model, version)
    // Links have no file of their own to synchronise: their names must be durable before the manifest's is.
    try onDisk { () throws(DiskError) in try repository.disk.synchronize(folder: folder) }
    try write(published.bytes, to: repository.manifestPath(model, version), disk: repository.disk)
    try onDisk { () throws(DiskError) in
      try repository.disk.synchronize(folder: repository.modelFolder(model))
    }
    return PublishedVersion(published, isNew: true, sent: sent)
  }

  /// Makes sure that the blob of one section lies in the version's folder.
  private mutating func place(
    _ entry: SectionEntry, progress: (Int) -> Void
  ) throws(PublishError) -> Manifest.Section {
    let snapshot = snapshot  // Lends the bytes, where a borrow of the whole of self would stand in the way.
    let bytes = snapshot.bytes(of: entry)
    let digest = SHA256.digest(bytes)
    var blob = placed[digest]
    if blob == nil { blob = try reused(digest) }
    if blob == nil { blob = try send(entry, digest, progress) }
    placed[digest] = blob
    return Manifest.Section(
      tag: entry.tag, digest: digest, size: entry.byteCount, wireDigest: blob!.wireDigest, wireSize: blob!.wireSize)
  }

  /// Links the blob of the version before, if it has the same and it is still what its manifest says.
  private func reused(_ digest: SHA256Digest) throws(PublishError) -> Manifest.Section? {
    guard let previous, let section = previous.sections.first(where: { $0.digest == digest }) else { return nil }
    let source = repository.blobPath(model, previous.version, digest)
    guard FileReader.digest(of: source, byteCount: section.wireSize) == section.wireDigest else { return nil }
    let target = repository.blobPath(model, version, digest)
    do { try repository.disk.link(source, to: target) } catch {
      // Another file system, too many links, or one that has none.
      if error.isFull { throw PublishError(error) }
      try copy(source, to: target)
    }
    return section
  }

  private func copy(_ source: String, to target: String) throws(PublishError) {
    let file = try FileReader(path: source)
    let output = try onDisk { () throws(DiskError) in try TemporaryFile(target: target, disk: repository.disk) }
    while try file.next({ (piece: RawSpan) throws(PublishError) in
      try append(piece, to: output)
    }) {}
    try onDisk { () throws(DiskError) in try output.seal() }
  }

  private mutating func send(
    _ entry: SectionEntry, _ digest: SHA256Digest, _ progress: (Int) -> Void
  ) throws(PublishError) -> Manifest.Section {
    let start = ContinuousClock.now
    let output = try onDisk { () throws(DiskError) in
      try TemporaryFile(target: repository.blobPath(model, version, digest), disk: repository.disk)
    }
    var hash = SHA256()
    let snapshot = snapshot  // Lends the bytes, where a borrow of the whole of self would stand in the way.
    let bytes = snapshot.bytes(of: entry)
    try compressFrame(bytes, progress: progress) { (piece: RawSpan) throws(PublishError) in
      hash.update(piece)
      try append(piece, to: output)
    }
    try onDisk { () throws(DiskError) in try output.seal() }
    sent.sections += 1
    sent.rawBytes += entry.byteCount
    sent.wireBytes += output.byteCount
    sent.compressSeconds += seconds(since: start)
    return Manifest.Section(
      tag: entry.tag, digest: digest, size: entry.byteCount, wireDigest: hash.finish(), wireSize: output.byteCount)
  }
}

private func append(_ piece: RawSpan, to output: TemporaryFile) throws(PublishError) {
  do { try output.append(piece) } catch { throw PublishError(error) }
}
