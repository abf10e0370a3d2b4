internal import Glibc

/// A file system of a few megabytes, in memory: a disk that really runs full. Needs the right to mount (root).
public final class SmallDisk {
  private let folder = TemporaryFolder()
  public var path: String { folder.path }

  /// Nil where mounting is not allowed.
  public init?(kibibytes: Int) {
    guard mount("tmpfs", folder.path, "tmpfs", 0, "size=\(kibibytes)k") == 0 else { return nil }
  }

  /// Makes it larger; what is on it stays.
  public func grow(kibibytes: Int) {
    precondition(mount("tmpfs", folder.path, "tmpfs", UInt(MS_REMOUNT), "size=\(kibibytes)k") == 0)
  }

  deinit { umount2(folder.path, Int32(MNT_DETACH)) }

  public static let isPossible = SmallDisk(kibibytes: 64) != nil
}
