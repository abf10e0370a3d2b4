internal import Snapshots

extension FolderRepository {
  /// Removes all but the newest `keep` versions of a model, and none that an alias points to. The largest version always
  /// stays, so a number is never given out again. Returns those that went.
  ///
  /// A gateway that is pulling one of them meets a missing blob, which is a fault that passes: it looks again and takes
  /// what serves now. Blobs that later versions share with it are theirs as well (hard links) and stay.
  @discardableResult
  public func prune(_ model: String, keep: Int) throws(PublishError) -> [Int] {
    guard exists(modelFolder(model)) else { return [] }
    // As `setAlias` does: an alias that moves meanwhile would point to nothing.
    let lock = FolderLock.take(modelFolder(model), waiting: true)
    defer { withExtendedLifetime(lock) {} }
    let versions = try versions(of: model)
    let surplus = FolderRepository.surplus(of: versions, keep: keep, aliases: try aliases(of: model))
    for version in surplus { try withdraw(model, version) }
    return surplus
  }

  /// Which versions, ascending, nobody needs.
  static func surplus(of versions: [Int], keep: Int, aliases: Aliases) -> [Int] {
    precondition(keep >= 1, "one version at least is kept")
    let named = Set(aliases.versions.values)
    return versions.dropLast(keep).filter { !named.contains($0) }
  }

  /// The manifest first, and durably: killed in between, this leaves a folder that no reader looks at and that the next
  /// publish sweeps.
  private func withdraw(_ model: String, _ version: Int) throws(PublishError) {
    let folder = versionFolder(model, version)
    try onDisk { () throws(DiskError) in
      try disk.remove(manifestPath(model, version))
      try disk.synchronize(folder: folder)
      for name in names(inFolder: folder) ?? [] { try disk.remove("\(folder)/\(name)") }
      try disk.removeFolder(folder)
    }
  }
}
