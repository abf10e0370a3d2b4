internal import Bytes
internal import FoundationEssentials
internal import Snapshots

extension RemoteRepository: WritableRepository {
  public func publish(
    snapshotPath: String, model: String, details: Manifest.Details, options: PublishOptions = PublishOptions(),
    progress: (TransferProgress) -> Void = { _ in }
  ) throws(PublishError) -> PublishedVersion {
    try check(model: model)
    let snapshot = try onSnapshot { () throws(SnapshotError) in
      try Snapshot.open(path: snapshotPath, verify: .checksums)
    }
    try Manifest(model: model, version: 1, details: details, sections: []).check()
    let plan = try PublishPlan(snapshot, model, self)
    if options.reusesSameContent, plan.isSame, let latest = plan.latest {
      return PublishedVersion(latest, isNew: false)
    }
    var publication = RemotePublication(self, model, snapshot, plan, options)
    var published = try publication.run(details, progress)
    published.notes = leaveHints(model, plan.versions + [published.identity.version])
    return published
  }

  public func setSignature(_ bytes: [UInt8], of model: String, version: Int) throws(PublishError) {
    try check(model: model)
    _ = try replaceSignature(of: model, version: version, by: bytes)
  }

  /// Says what lay there: of a killed publisher, or of one that is faster.
  func replaceSignature(
    of model: String, version: Int, by bytes: [UInt8]
  ) throws(PublishError) -> [UInt8]? {
    let path = manifestPath(model, version) + signatureSuffix
    var before: [UInt8]?
    _ = try RemoteWriter(store).change(path, bytesMax: RepositoryLimits.signatureBytes) { present in
      // Ours already where the answer to an earlier try was lost: what was there before is known from then.
      guard present != bytes else { return nil }
      before = present
      return bytes
    }
    return before
  }

  /// Puts back what was replaced, unless somebody has replaced that in turn.
  func restoreSignature(
    of model: String, version: Int, to before: [UInt8], replacing ours: [UInt8]
  ) throws(PublishError) {
    let path = manifestPath(model, version) + signatureSuffix
    _ = try RemoteWriter(store).change(path, bytesMax: RepositoryLimits.signatureBytes) { present in
      present == ours ? before : nil
    }
  }

  /// Whether a section that another version has need not be sent again.
  func copiesBlobs(of model: String) -> Bool { store.copyFields(model, 1, blob: "") != nil }

  /// Sees to it that readers who cannot list find the version. Our own server makes these files itself. They are hints:
  /// the version is published without them, and found by those who look for the next number.
  private func leaveHints(_ model: String, _ versions: [Int]) -> [String] {
    var notes: [String] = []
    func leave(_ path: String, _ edit: ([UInt8]?) throws(PublishError) -> [UInt8]?) {
      do throws(PublishError) { _ = try RemoteWriter(store).change(path, bytesMax: 1 << 20, edit) } catch {
        notes.append("\(path) could not be written, so some readers may find the version late: \(error)")
      }
    }
    leave(versionsPath(model)) { bytes in
      var hint =
        bytes.flatMap { try? JSONDecoder().decode(HintedVersions.self, from: Data($0)) }
        ?? HintedVersions(versions: [])
      guard !Set(hint.versions).isSuperset(of: versions) else { return nil }
      hint.versions = Set(hint.versions + versions).sorted()
      return encodedHint(hint)
    }
    if (try? store.folders(below: "models/")) ?? nil != nil { return notes }
    leave("models.json") { bytes in
      var hint =
        bytes.flatMap { try? JSONDecoder().decode(HintedModels.self, from: Data($0)) } ?? HintedModels(models: [])
      guard !hint.models.contains(model) else { return nil }
      hint.models = Set(hint.models + [model]).sorted()
      return encodedHint(hint)
    }
    return notes
  }
}

private func encodedHint(_ hint: some Encodable) -> [UInt8] {
  Array(try! JSONEncoder().encode(hint)) + [UInt8(ascii: "\n")]  // Names and integers always encode.
}
