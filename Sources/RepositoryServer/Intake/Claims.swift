internal import Publishing
internal import Snapshots

/// The versions that somebody is sending: each folder is locked as a local publisher locks the one it works in, so that
/// no other publisher, and no sweep, takes it for abandoned between two requests. On the loop.
final class Claims {
  /// Versions under way at once; each holds a descriptor.
  static let countMax = 64

  private struct Version: Hashable {
    let model: String
    let number: Int
  }

  private struct Claim {
    /// nil where the file system has no locks.
    let lock: FolderLock?
    var usedAtNanoseconds: UInt64
  }

  private let root: String
  private let idleSecondsMax: Int
  private let index: RepositoryIndex
  private let disk: Disk
  private var claims: [Version: Claim] = [:]

  init(root: String, disk: Disk, idleSecondsMax: Int = ServerLimits().claimSeconds) {
    self.root = root
    self.idleSecondsMax = idleSecondsMax
    self.disk = disk
    index = RepositoryIndex(root: root)
  }

  /// Makes sure that the version's folder is there and that it is ours to write into.
  func claim(_ model: String, _ number: Int, now: UInt64) throws(Refusal) {
    let version = Version(model: model, number: number)
    if claims[version] != nil {
      claims[version]!.usedAtNanoseconds = now
      return
    }
    guard claims.count < Claims.countMax else {
      throw Refusal(503, "\(Claims.countMax) versions are being sent already. Try again later.")
    }
    let folder = "\(root)/models/\(model)/\(number)"
    try refusing { () throws(DiskError) in try disk.makeFolders(folder) }
    switch FolderLock.take(folder, waiting: false) {
    case .held(let lock): claims[version] = Claim(lock: lock, usedAtNanoseconds: now)
    case .unsupported: claims[version] = Claim(lock: nil, usedAtNanoseconds: now)
    case .busy:
      throw Refusal(409, "Another publisher is at work on version \(number) of \(model). Take the next number.")
    }
  }

  /// A blob of it is still arriving: one may take longer than a claim lasts.
  func renew(_ model: String, _ number: Int, now: UInt64) {
    claims[Version(model: model, number: number)]?.usedAtNanoseconds = now
  }

  /// The version is committed: nobody writes into it any more.
  func release(_ model: String, _ number: Int) { claims[Version(model: model, number: number)] = nil }

  /// Lets go of what nobody has sent anything for. The folders stay until the next sweep, which looks at their age.
  func expire(now: UInt64) {
    let limit = UInt64(idleSecondsMax) * 1_000_000_000
    claims = claims.filter { now < $0.value.usedAtNanoseconds + limit }
  }
}
