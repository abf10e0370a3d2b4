internal import Bytes
internal import Snapshots

/// One version on its way into a store that knows neither locks nor renames.
///
/// The manifest is the commit, put under the condition that there is none yet. Blobs are named by what they hold, so a
/// publish that follows one that was killed finds them with HEAD and sends the rest. A publisher that another was faster
/// than takes the next number.
struct RemotePublication {
  /// Publishers that are faster, or leftovers that do not fit.
  private static let claimsMax = 50

  private enum Placing {
    case done(Manifest.Section)
    /// Somebody else's blob lies there, or the number is committed.
    case taken
  }

  let repository: RemoteRepository
  let writer: RemoteWriter
  let model: String
  private let snapshot: Snapshot
  private let plan: PublishPlan
  let options: PublishOptions
  private(set) var version: Int
  /// Where a blob lies already, with what its manifest says of it: of the latest version, then of what was placed.
  private var known: [SHA256Digest: (version: Int, section: Manifest.Section)] = [:]
  private var sent = SentFigures()
  private var sentDigests: Set<SHA256Digest> = []

  init(
    _ repository: RemoteRepository, _ model: String, _ snapshot: Snapshot, _ plan: PublishPlan,
    _ options: PublishOptions
  ) {
    self.repository = repository
    writer = RemoteWriter(repository.store)
    (self.model, self.snapshot, self.plan, self.options) = (model, snapshot, plan, options)
    version = plan.nextVersion
    for section in plan.latest?.manifest.sections ?? [] {
      known[section.digest] = (plan.latest!.identity.version, section)
    }
  }

  mutating func run(
    _ details: Manifest.Details, _ progress: (TransferProgress) -> Void
  ) throws(PublishError) -> PublishedVersion {
    for _ in 0..<Self.claimsMax {
      guard version <= Manifest.Limits.version else { break }
      if let sections = try placeAll(progress) {
        let manifest = Manifest(model: model, version: version, details: details, sections: sections)
        let published = PublishedManifest(manifest, bytes: try manifest.encoded())
        if try commit(published) { return PublishedVersion(published, isNew: true, sent: sent) }
      }
      version += 1
    }
    throw PublishError(
      .fetchFailed, "\(repository.place)/\(modelPath(model)): other publishers took every number up to \(version)")
  }

  /// Sees to it that every blob lies in the version's folder; nil when the number is somebody else's.
  private mutating func placeAll(_ progress: (TransferProgress) -> Void) throws(PublishError) -> [Manifest.Section]? {
    let total = plan.sections.reduce(0) { $0 + $1.byteCount }
    var (done, reused) = (0, 0)
    var sections: [Manifest.Section] = []
    var placed: [SHA256Digest: Manifest.Section] = [:]
    for (entry, planned) in zip(snapshot.sections, plan.sections) {
      var blob = placed[planned.digest]
      if blob == nil {
        switch try place(entry, planned, { progress(TransferProgress(bytesDone: done + $0, bytesTotal: total)) }) {
        case .done(let section): blob = section
        case .taken: return nil
        }
        placed[planned.digest] = blob
      }
      done += planned.byteCount
      reused += sentDigests.contains(planned.digest) ? 0 : planned.byteCount
      progress(TransferProgress(bytesDone: done, bytesTotal: total, bytesReused: reused))
      sections.append(
        Manifest.Section(
          tag: entry.tag, digest: planned.digest, size: entry.byteCount, wireDigest: blob!.wireDigest,
          wireSize: blob!.wireSize))
    }
    return sections
  }

  private mutating func place(
    _ entry: SectionEntry, _ planned: PublishPlan.Section, _ progress: (Int) -> Void
  ) throws(PublishError) -> Placing {
    if let (source, section) = known[planned.digest], try copy(section, from: source) {
      known[planned.digest] = (version, section)
      return .done(section)
    }
    return try send(entry, planned, progress)
  }

  /// Has the server copy a blob of another version, if it can; whether the blob is there then.
  private func copy(_ section: Manifest.Section, from source: Int) throws(PublishError) -> Bool {
    let path = blobPath(model, version, section.digest)
    if try isThere(section, path) == true { return true }
    let blob = section.digest.description
    guard let fields = repository.store.copyFields(model, source, blob: blob) else { return false }
    let copied: WebReply
    do throws(PublishError) { copied = try writer.put(path, Upload([]), fields + ["If-None-Match: *"]) } catch {
      // Too much for the server at once; bytes that are sent move it along.
      guard error.cause == .interrupted else { throw error }
      return false
    }
    // Copied after all, if the answer to an earlier try was lost.
    if copied.status == 412 { return try isThere(section, path) == true }
    guard copied.isSuccess else { return false }
    // S3 may answer 200 and an error in its body; whoever does not know the field has taken the empty body.
    guard let reply = try writer.head(path), reply.contentLength == section.wireSize else { return false }
    return true
  }

  private mutating func send(
    _ entry: SectionEntry, _ planned: PublishPlan.Section, _ progress: (Int) -> Void
  ) throws(PublishError) -> Placing {
    let start = ContinuousClock.now
    let spool = try SpoolFile()
    let snapshot = snapshot  // Lends the bytes, where a borrow of the whole of self would stand in the way.
    let bytes = snapshot.bytes(of: entry)
    let (bytesMax, place) = (repository.store.objectBytesMax, repository.place)
    var hash = SHA256()
    try compressFrame(bytes, progress: { progress($0 / 2) }) { (piece: RawSpan) throws(PublishError) in
      hash.update(piece)
      try spool.append(piece)
      guard spool.byteCount <= bytesMax else {
        throw PublishError(
          .fetchFailed,
          "\(place): section \(entry.tag) is more than the \(bytesMax) bytes, compressed, that one upload may have there; split it, or publish to another kind of repository",
          cause: .cannotWrite)
      }
    }
    let wireDigest = hash.finish()
    sent.compressSeconds += seconds(since: start)
    let section = Manifest.Section(
      tag: entry.tag, digest: planned.digest, size: entry.byteCount, wireDigest: wireDigest, wireSize: spool.byteCount)
    let path = blobPath(model, version, planned.digest)
    switch try isThere(section, path) {
    case true: return remember(section)
    case false: return .taken
    case nil: break
    }
    let sending = ContinuousClock.now
    let fields = repository.store.markFields(wireDigest.description) + ["If-None-Match: *"]
    let reply = try writer.put(path, Upload(spool, digest: wireDigest), fields)
    if reply.status == 412 || reply.status == 409 {
      return try isThere(section, path) == true ? remember(section) : .taken
    }
    guard reply.isSuccess else { throw writer.refusal(reply, path) }
    sent.sendSeconds += seconds(since: sending)
    if sentDigests.insert(planned.digest).inserted {
      sent.sections += 1
      sent.rawBytes += section.size
    }
    sent.wireBytes += section.wireSize
    return remember(section)
  }

  private mutating func remember(_ section: Manifest.Section) -> Placing {
    known[section.digest] = (version, section)
    return .done(section)
  }

  /// Whether the very frame lies there; nil when nothing does. Where the server does not tell, the frame is read back:
  /// one of another compressor has the same name, and may have the same length.
  private func isThere(_ section: Manifest.Section, _ path: String) throws(PublishError) -> Bool? {
    guard let reply = try writer.head(path) else { return nil }
    guard reply.contentLength == section.wireSize else { return false }
    let digest = section.wireDigest.description
    if let mark = reply.fields["x-amz-meta-wire-sha256"] { return mark == digest }
    if reply.fields["needletail-repository"] != nil || reply.entityTag?.contains(digest) == true { return true }
    var call = WebCall(.get, repository.store.url(path))
    call.bytesMax = section.wireSize
    call.isBulk = true
    var hash = SHA256()
    let read = try repository.store.perform(call, place: "\(repository.place)/\(path)") {
      (piece: RawSpan) throws(PublishError) in hash.update(piece)
    }
    let found = hash.finish()
    return read.status == 200 && found == section.wireDigest
  }
}

func seconds(since start: ContinuousClock.Instant) -> Double { (ContinuousClock.now - start) / .seconds(1) }
