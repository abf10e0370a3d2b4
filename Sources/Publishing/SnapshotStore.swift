internal import Bytes
internal import Glibc
package import Snapshots

/// A snapshot file on this node, with the manifest that it was pulled under.
public struct LocalSnapshot: Sendable, Equatable {
  public let path: String
  public let published: PublishedManifest
  /// Whether every byte has been checked against the manifest, so that it may be mapped with `.structure`.
  public let isVerified: Bool

  public var identity: ModelIdentity { published.identity }
  public var manifest: Manifest { published.manifest }
}

/// The snapshots of this node, raw, ready to be mapped.
///
///     <dataDirectory>/models/<model>/<version>-<digest8>.ntsnap            the sections
///                                    <version>-<digest8>.json              the manifest's bytes
///                                    <version>-<digest8>.json.minisig      its signature, if one was asked for
///                                    <version>-<digest8>.ntsnap.verified   written last
///                                    last-good                             what served last, and what before that
///                                    pinned                                the version that an operator pinned
///                                    replay-memory                         what may not be set back (`ReplayMemory`)
///
/// A snapshot counts when file, manifest and mark say the same. The store keeps no state of its own: a killed process
/// leaves at most temporary files, which `sweep` removes.
public struct SnapshotStore: Sendable {
  public let dataDirectory: String
  let disk: Disk
  let freeBytes: @Sendable (String) -> Int
  /// Waits before a broken transfer is taken up again.
  let pause: @Sendable (_ milliseconds: Int) -> Void

  public init(dataDirectory: String) { self.init(dataDirectory: dataDirectory, disk: Disk()) }

  package init(
    dataDirectory: String, disk: Disk, freeBytes: @escaping @Sendable (String) -> Int = freeBytesOnDisk,
    pause: @escaping @Sendable (Int) -> Void = sleep(milliseconds:)
  ) {
    self.dataDirectory = dataDirectory
    self.disk = disk
    self.freeBytes = freeBytes
    self.pause = pause
  }

  /// The models that this node holds something of, sorted.
  public func models() -> [String] {
    (names(inFolder: dataDirectory + "/models") ?? []).filter { isName($0) && isFolder(folder($0)) }.sorted()
  }

  /// What this node holds of a model, the largest version first. Files that do not fit together are passed over.
  public func localSnapshots(of model: String) -> [LocalSnapshot] {
    guard isName(model) else { return [] }
    let found = (names(inFolder: folder(model)) ?? []).compactMap { name -> LocalSnapshot? in
      guard name.hasSuffix(fileSuffix) else { return nil }
      return local(model, stem: String(name.dropLast(fileSuffix.count)))
    }
    return found.sorted { ($0.identity.version, $0.identity.digest8) > ($1.identity.version, $1.identity.digest8) }
  }

  /// The snapshot of an identity, if this node holds it.
  public func localSnapshot(_ identity: ModelIdentity) -> LocalSnapshot? {
    guard isName(identity.name), let found = local(identity.name, stem: stem(identity)), found.identity == identity
    else {
      return nil
    }
    return found
  }

  /// Remembers which version serves, so that a restart without a repository serves the same, also after a rollback; and
  /// which one a rollback leads to.
  public func recordServing(_ identity: ModelIdentity, before: ModelIdentity? = nil) throws(PublishError) {
    try check(identity.name)
    try onDisk { () throws(DiskError) in try disk.makeFolders(folder(identity.name)) }
    let lines = [identity, before].compactMap { $0 }.map { stem($0) + "\n" }.joined()
    try write(Array(lines.utf8), to: lastGoodPath(identity.name), disk: disk)
  }

  /// What served before `identity`, if that is what served last and the one before is still here.
  public func servedBefore(_ identity: ModelIdentity) -> ModelIdentity? {
    let stems = recordedStems(of: identity.name)
    guard stems.count == 2, stems[0] == stem(identity) else { return nil }
    return localSnapshots(of: identity.name).first { stem($0.identity) == stems[1] && $0.isVerified }?.identity
  }

  /// Remembers what an operator has pinned; nil for nothing.
  public func recordPin(_ version: Int?, of model: String) throws(PublishError) {
    try check(model)
    guard let version else { return try onDisk { () throws(DiskError) in try disk.remove(pinPath(model)) } }
    try onDisk { () throws(DiskError) in try disk.makeFolders(folder(model)) }
    try write(Array("\(version)\n".utf8), to: pinPath(model), disk: disk)
  }

  public func pin(of model: String) -> Int? {
    guard isName(model), let bytes = try? FileReader.bytes(of: pinPath(model), max: 64) else { return nil }
    return Int(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }

  /// The version to start with when there is no repository to ask: what served last, else the largest that is good.
  /// Marked ones come at once; one without a mark is checked first, O(bytes), and passed over when it is damaged.
  ///
  /// - Parameter accepts: whether a snapshot may serve again; asked before its bytes are looked at.
  public func lastGood(of model: String, accepts: (LocalSnapshot) -> Bool = { _ in true }) -> LocalSnapshot? {
    let recorded = recordedStems(of: model).first
    let all = localSnapshots(of: model).filter(accepts)
    let inOrder =
      all.filter { stem($0.identity) == recorded } + all.filter(\.isVerified) + all.filter { !$0.isVerified }
    return inOrder.lazy.compactMap { $0.isVerified ? $0 : verified($0) }.first
  }

  private func recordedStems(of model: String) -> [String] {
    let bytes = (try? FileReader.bytes(of: lastGoodPath(model), max: 256)) ?? []
    return bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
  }

  private func verified(_ snapshot: LocalSnapshot) -> LocalSnapshot? {
    guard (try? verify(snapshot)) != nil else { return nil }
    return localSnapshot(snapshot.identity)
  }

  /// Checks every byte of a snapshot against its manifest, and remembers that it was good. O(bytes).
  public func verify(_ snapshot: LocalSnapshot) throws(PublishError) {
    try verifySections(of: snapshot.path, against: snapshot.manifest)
    try mark(snapshot.path, snapshot.identity)
  }

  /// Removes all but the newest `keep` versions of a model, and none that is in use, served last or served before that. A
  /// file that is mapped stays whole for whoever maps it; its space comes back when they let go.
  @discardableResult
  public func prune(_ model: String, keep: Int, inUse: Set<ModelIdentity> = []) throws(PublishError) -> [ModelIdentity]
  {
    precondition(keep >= 0)
    let recorded = recordedStems(of: model)
    let doomed = localSnapshots(of: model).dropFirst(keep).map(\.identity)
      .filter { !inUse.contains($0) && !recorded.contains(stem($0)) }
    for identity in doomed { try remove(identity) }
    return Array(doomed)
  }

  public func remove(_ identity: ModelIdentity) throws(PublishError) {
    try check(identity.name)
    // The mark first: a kill in between leaves a file that will be checked again, not one that is half gone.
    try onDisk { () throws(DiskError) in
      for suffix in [markSuffix, fileSuffix, manifestSuffix, manifestSignatureSuffix] {
        try disk.remove("\(folder(identity.name))/\(stem(identity))\(suffix)")
      }
    }
  }

  /// Removes what killed pulls left behind: temporary files that nobody is writing, and then manifests and marks
  /// without a snapshot. Meant for the start of a process.
  public func sweep() {
    for model in models() { sweep(model) }
  }

  private func sweep(_ model: String) {
    func each(_ visit: (_ path: String, _ name: String) -> Void) {
      for name in names(inFolder: folder(model)) ?? [] { visit("\(folder(model))/\(name)", name) }
    }
    each { path, name in if isTemporary(name) { try? TemporaryFile.removeIfOrphaned(path, disk: disk) } }
    var isPulling = false
    each { _, name in isPulling = isPulling || isTemporary(name) }
    // Another process pulls into this folder: its manifest is there before its snapshot.
    guard !isPulling else { return }
    each { path, name in
      for suffix in [markSuffix, manifestSuffix, manifestSignatureSuffix] where name.hasSuffix(suffix) {
        if !exists("\(folder(model))/\(name.dropLast(suffix.count))\(fileSuffix)") { try? disk.remove(path) }
      }
    }
  }
}

let fileSuffix = ".ntsnap"
let markSuffix = ".ntsnap.verified"
let manifestSuffix = ".json"
let manifestSignatureSuffix = manifestSuffix + signatureSuffix

extension SnapshotStore {
  func folder(_ model: String) -> String { "\(dataDirectory)/models/\(model)" }
  func stem(_ identity: ModelIdentity) -> String { "\(identity.version)-\(identity.digest8)" }
  func path(_ identity: ModelIdentity) -> String { "\(folder(identity.name))/\(stem(identity))\(fileSuffix)" }
  func lastGoodPath(_ model: String) -> String { "\(folder(model))/last-good" }
  func pinPath(_ model: String) -> String { "\(folder(model))/pinned" }

  func check(_ model: String) throws(PublishError) {
    guard isName(model) else { throw PublishError(.manifestInvalid, "\"\(model)\" is not a model") }
  }

  private func local(_ model: String, stem: String) -> LocalSnapshot? {
    let path = "\(folder(model))/\(stem)"
    guard exists(path + fileSuffix),
      let bytes = try? FileReader.bytes(of: path + manifestSuffix, max: Manifest.Limits.manifestBytes),
      let manifest = try? Manifest.decode(bytes.span.bytes, from: path)
    else { return nil }
    let published = PublishedManifest(manifest, bytes: bytes)
    guard published.identity.name == model, self.stem(published.identity) == stem else { return nil }
    return LocalSnapshot(
      path: path + fileSuffix, published: published,
      isVerified: isMarked(path + fileSuffix, published.identity))
  }

  // The mark names the manifest and the very file: its inode, length and time of change. A file that was restored,
  // copied or touched since is checked again.

  func mark(_ path: String, _ identity: ModelIdentity) throws(PublishError) {
    guard let mark = markText(path, identity) else { throw PublishError(.fetchFailed, "\(path): is gone") }
    try write(mark, to: path + ".verified", disk: disk)
  }

  private func isMarked(_ path: String, _ identity: ModelIdentity) -> Bool {
    guard let found = try? FileReader.bytes(of: path + ".verified", max: 1024) else { return false }
    return found == markText(path, identity)
  }

  private func markText(_ path: String, _ identity: ModelIdentity) -> [UInt8]? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    let time = status.st_mtim
    return Array(
      "\(identity.digest) \(status.st_ino) \(status.st_size) \(time.tv_sec).\(time.tv_nsec)\n".utf8)
  }
}

/// How many bytes a process may still write where `path` lies.
package func freeBytesOnDisk(_ path: String) -> Int {
  var status = statvfs()
  guard statvfs(path, &status) == 0 else { return 0 }
  let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
  return overflow ? .max : Int(clamping: bytes)
}
