internal import Glibc
internal import Publishing
internal import Snapshots

/// Removes what broken-off uploads left: temporary files that nobody writes, and versions without a manifest that nobody
/// has worked on for a while. On the disk's thread.
struct IntakeSweep: Sendable {
  let root: String
  let disk: Disk
  /// How long a version may stand without a manifest: a publisher that was cut off finds its blobs again meanwhile.
  var abandonedSeconds = ServerLimits().claimSeconds

  /// Paths that were removed.
  @discardableResult
  func run(nowSeconds: Int) -> [String] {
    var removed: [String] = []
    for model in names(root: root, ["models"]) where isName(model) {
      removed += sweepFiles(["models", model])
      for version in RepositoryIndex(root: root).claimedVersions(of: model) {
        let path = ["models", model, String(version)]
        removed += sweepFiles(path)
        if isAbandoned(model, version, nowSeconds), remove(path) { removed.append(path.joined(separator: "/")) }
      }
    }
    return removed
  }

  private func sweepFiles(_ path: [String]) -> [String] {
    let folder = path.joined(separator: "/")
    return names(root: root, path).filter(isTemporary).map { "\(folder)/\($0)" }.filter { file in
      try? TemporaryFile.removeIfOrphaned("\(root)/\(file)", disk: disk)
      return access("\(root)/\(file)", F_OK) != 0
    }
  }

  private func isAbandoned(_ model: String, _ version: Int, _ nowSeconds: Int) -> Bool {
    guard !RepositoryIndex(root: root).isCommitted(model, version) else { return false }
    var status = stat()
    // A folder's time is that of the last name that was added.
    guard stat("\(root)/models/\(model)/\(version)", &status) == 0 else { return false }
    return nowSeconds - Int(status.st_mtim.tv_sec) >= abandonedSeconds
  }

  private func remove(_ path: [String]) -> Bool {
    let folder = "\(root)/\(path.joined(separator: "/"))"
    guard case .held(let lock) = FolderLock.take(folder, waiting: false) else { return false }
    defer { withExtendedLifetime(lock) {} }
    // Somebody may have committed it before we had the lock.
    guard access("\(folder)/manifest.json", F_OK) != 0 else { return false }
    for name in names(root: root, path) { try? disk.remove("\(folder)/\(name)") }
    return (try? disk.removeFolder(folder)) != nil
  }
}
