internal import Bytes
internal import Glibc
internal import Publishing
internal import Reactor
internal import Snapshots

/// Puts what was uploaded into the repository, under the rules that a local publisher keeps: blobs first, the manifest
/// last, nothing changed once it is there.
///
/// Every call blocks for as long as the disk takes (fsync, hashing of a gigabyte): on the disk's thread, one at a time.
struct Intake: Sendable {
  enum Outcome: Sendable, Equatable {
    /// Carries the tag.
    case created(String)
    /// The same stands there already.
    case same(String)
    case refused(Refusal)
  }

  let root: String
  let disk: Disk
  /// Digests of files that have been read or written here, so that a blob is not read once more for its manifest.
  private let digests = KnownDigests()

  init(root: String, disk: Disk) {
    self.root = root
    self.disk = disk
  }

  func path(_ resource: RepositoryResource) -> String { root + "/" + resource.names!.joined(separator: "/") }

  func open(_ resource: RepositoryResource) -> RepositoryFile? {
    RepositoryFile.open(root: root, names: resource.names!)
  }

  // MARK: - Blobs

  func store(_ upload: Upload, as resource: RepositoryResource) -> Outcome {
    let digest = upload.digest()
    if let standing = open(resource) {
      guard standing.byteCount == upload.byteCount, digests.digest(of: standing) == digest else {
        return .refused(
          Refusal(409, "Another frame of this section is there already. Publish under the next version number."))
      }
      return .same(blobTag(resource, byteCount: standing.byteCount))
    }
    do { try upload.seal() } catch { return .refused(Refusal(error)) }
    guard let file = open(resource) else { return .refused(Refusal(500, "The blob went away as it was stored.")) }
    digests.note(digest, of: file)
    return .created(blobTag(resource, byteCount: file.byteCount))
  }

  /// Gives the blob of another version a second name: a section that did not change is not sent again.
  func link(_ source: RepositoryResource, as resource: RepositoryResource) -> Outcome {
    guard let file = open(source) else {
      return .refused(Refusal(404, "The version named in Needletail-Copy-From has no such blob. Send the blob itself."))
    }
    let tag = blobTag(resource, byteCount: file.byteCount)
    if let standing = open(resource) {
      guard standing.byteCount == file.byteCount, digests.digest(of: standing) == digests.digest(of: file) else {
        return .refused(
          Refusal(409, "Another frame of this section is there already. Publish under the next version number."))
      }
      return .same(tag)
    }
    do { try disk.link(path(source), to: path(resource)) } catch {
      // Too many links, or a file system without: the publisher can send it.
      guard error.isFull else {
        return .refused(Refusal(404, "The blob cannot be linked here. Send the blob itself."))
      }
      return .refused(Refusal(error))
    }
    return .created(tag)
  }

  // MARK: - The commit

  /// Commits a version: its manifest is taken once every blob that it names is there and is what it says.
  func commit(_ bytes: [UInt8], as resource: RepositoryResource, _ model: String, _ version: Int) -> Outcome {
    let tag = entityTag(of: bytes)
    if let standing = open(resource) {
      return standing.bytes(max: Manifest.Limits.manifestBytes) == bytes
        ? .same(tag)
        : .refused(
          Refusal(409, "Version \(version) of \(model) is published already, and never changes. Take the next."))
    }
    return outcome { () throws(Refusal) in
      try check(bytes, model, version)
      // Links have no file of their own to synchronise: their names must be durable before the manifest's is.
      try refusing { () throws(DiskError) in try disk.synchronize(folder: "\(root)/models/\(model)/\(version)") }
      try write(bytes, to: path(resource))
      try refusing { () throws(DiskError) in try disk.synchronize(folder: "\(root)/models/\(model)") }
      return .created(tag)
    }
  }

  private func outcome(_ body: () throws(Refusal) -> Outcome) -> Outcome {
    do { return try body() } catch { return .refused(error) }
  }

  private func check(_ bytes: [UInt8], _ model: String, _ version: Int) throws(Refusal) {
    let manifest: Manifest
    do throws(PublishError) { manifest = try Manifest.decode(bytes.span.bytes, from: "manifest.json") } catch {
      throw Refusal(error)
    }
    guard manifest.model == model, manifest.version == version else {
      throw Refusal(
        422, "This is the manifest of \(manifest.model)/\(manifest.version), sent as that of \(model)/\(version).",
        .manifestInvalid)
    }
    var missing: [String] = []
    for section in manifest.sections {
      let blob = RepositoryResource.blob(model: model, version: version, digest: section.digest)
      guard let file = open(blob) else {
        missing.append(section.digest.description)
        continue
      }
      guard file.byteCount == section.wireSize, digests.digest(of: file) == section.wireDigest else {
        throw Refusal(
          422, "The blob of section \(section.tag), \(section.digest), is not the frame that the manifest names.",
          .digestMismatch)
      }
    }
    guard missing.isEmpty else {
      throw Refusal(
        409,
        "\(missing.count) of \(manifest.sections.count) blobs are not there: send them first, beginning with \(missing[0])."
      )
    }
  }

  // MARK: - Small files

  /// Stores a signature. One that stands there is replaced: keys change, and what no key of a gateway's made is refused
  /// there.
  func storeSignature(_ bytes: [UInt8], as resource: RepositoryResource, _ conditions: Conditions) -> Outcome {
    let tag = entityTag(of: bytes)
    let standing = open(resource)?.bytes(max: RepositoryResource.signatureBytesMax)
    guard conditions.allowsWriting(over: standing.map(entityTag)) else { return .refused(.precondition) }
    if standing == bytes { return .same(tag) }
    return outcome { () throws(Refusal) in
      try write(bytes, to: path(resource))
      return .created(tag)
    }
  }

  /// Moves the aliases of a model, all at once.
  func storeAliases(_ bytes: [UInt8], _ model: String, _ conditions: Conditions) -> Outcome {
    outcome { () throws(Refusal) in
      let aliases: Aliases
      do throws(PublishError) { aliases = try Aliases.decode(bytes.span.bytes, from: "aliases.json") } catch {
        throw Refusal(error)
      }
      let index = RepositoryIndex(root: root)
      for (alias, version) in aliases.versions.sorted(by: { $0.key < $1.key }) where !index.isCommitted(model, version)
      {
        throw Refusal(409, "\(alias) would point to version \(version), which \(model) does not have.")
      }
      let folder = "\(root)/models/\(model)"
      try refusing { () throws(DiskError) in try disk.makeFolders(folder) }
      // Without the lock two writers could each pass the condition and one undo the other.
      let lock = FolderLock.take(folder, waiting: true)
      defer { withExtendedLifetime(lock) {} }
      let resource = RepositoryResource.aliases(model: model)
      let standing = open(resource)?.bytes(max: RepositoryResource.aliasesBytesMax)
      guard conditions.allowsWriting(over: standing.map(entityTag)) else { throw Refusal.precondition }
      if standing == bytes { return .same(entityTag(of: bytes)) }
      try write(bytes, to: path(resource))
      return .created(entityTag(of: bytes))
    }
  }

  private func write(_ bytes: [UInt8], to path: String) throws(Refusal) {
    try refusing { () throws(DiskError) in
      let file = try TemporaryFile(target: path, disk: disk)
      try file.append(bytes.span.bytes)
      try file.seal()
    }
  }
}

extension Refusal {
  static let precondition = Refusal(
    412, "What stands there is not what the conditions of the request name. Read it again, then decide anew.")
}

/// The tag of a blob: its name and the length of its frame.
func blobTag(_ resource: RepositoryResource, byteCount: Int) -> String {
  guard case .blob(_, _, let digest) = resource else { preconditionFailure("\(resource) is no blob") }
  return "\"\(digest.description.prefix(32))-\(byteCount)\""
}

/// Digests of files by their stamps.
final class KnownDigests: Sendable {
  /// 125 sections a version; the versions that a trainer keeps, and some that are on their way. 64 bytes each: 256 KiB.
  static let countMax = 4096

  private let known = Guarded<[FileStamp: SHA256Digest]>([:])

  func note(_ digest: SHA256Digest, of file: RepositoryFile) {
    guard let stamp = file.stamp else { return }
    known.withLock { known in
      if known.count >= KnownDigests.countMax { known.removeAll() }
      known[stamp] = digest
    }
  }

  /// nil when the disk fails, or the file changes while it is read. O(bytes) for one that is met for the first time.
  func digest(of file: RepositoryFile) -> SHA256Digest? {
    guard let stamp = file.stamp else { return nil }
    if let digest = known.withLock({ $0[stamp] }) { return digest }
    guard let digest = file.digest(), file.stamp == stamp else { return nil }
    note(digest, of: file)
    return digest
  }
}
