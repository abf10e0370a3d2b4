internal import Bytes
internal import Snapshots

extension SnapshotStore {
  /// Asks a snapshot on this disk for a signature that is trusted now: keys may have changed since it was pulled.
  public func endorsement(of identity: ModelIdentity, by keyring: Keyring) throws(PublishError) -> Endorsement {
    let path = "\(folder(identity.name))/\(stem(identity))"
    let manifest = try FileReader.bytes(of: path + manifestSuffix, max: Manifest.Limits.manifestBytes)
    guard SHA256.digest(manifest.span.bytes) == identity.digest else {
      throw PublishError(.digestMismatch, "\(path)\(manifestSuffix): is not the manifest of \(identity)")
    }
    let signature =
      exists(path + manifestSignatureSuffix)
      ? try FileReader.bytes(of: path + manifestSignatureSuffix, max: RepositoryLimits.signatureBytes) : nil
    return try keyring.verify(
      manifest: manifest, signature: signature, model: identity.name, version: identity.version)
  }

  /// Checks the aliases of a listing, if there are keys to check by, and remembers how new they are. Throws
  /// `signature_missing`, `signature_invalid` or, for aliases older than those seen before, `rollback_refused`; then
  /// the listing must not be followed.
  public func believe(
    _ listing: RepositoryListing, of model: String, under keyring: Keyring
  ) throws(PublishError) {
    guard !keyring.isEmpty else { return }
    let endorsement = try listing.aliasesFile.map { (file) throws(PublishError) in
      try keyring.verify(aliases: file, model: model)
    }
    try remember(of: model) { (memory) throws(PublishError) in
      try memory.believe(aliasesSignedAt: endorsement?.comment.timestamp, of: model)
    }
  }

  /// What this node has seen of a model; nothing where the file is absent or damaged.
  public func replayMemory(of model: String) -> ReplayMemory {
    guard isName(model), let bytes = try? FileReader.bytes(of: memoryPath(model), max: ReplayMemory.fileBytesMax) else {
      return ReplayMemory()
    }
    return ReplayMemory(fileText: String(decoding: bytes, as: UTF8.self)) ?? ReplayMemory()
  }

  /// Remembers the largest version that was champion here. On the thread that `believe` is called on.
  public func remember(floor: Int, of model: String) throws(PublishError) {
    try remember(of: model) { (memory) in memory.serves(floor) }
  }

  /// Changes the memory, on the disk too if that made a difference. One thread at a time.
  func remember(
    of model: String, _ change: (inout ReplayMemory) throws(PublishError) -> Void
  ) throws(PublishError) {
    let before = replayMemory(of: model)
    var memory = before
    try change(&memory)
    guard memory != before else { return }
    try onDisk { () throws(DiskError) in try disk.makeFolders(folder(model)) }
    try write(Array(memory.fileText.utf8), to: memoryPath(model), disk: disk)
  }

  /// Keeps a signature beside the manifest that it is of.
  func keep(_ signature: [UInt8]?, of identity: ModelIdentity) throws(PublishError) {
    guard let signature else { return }
    try write(signature, to: "\(folder(identity.name))/\(stem(identity))\(manifestSignatureSuffix)", disk: disk)
  }

  private func memoryPath(_ model: String) -> String { "\(folder(model))/replay-memory" }
}
