internal import Glibc
internal import Snapshots

/// A lock on a folder (flock), held until the value goes. The kernel lets it go with a killed process, so it is never
/// left behind.
package final class FolderLock {
  package enum Outcome {
    case held(FolderLock)
    /// Another has it, or the folder went while we asked.
    case busy
    /// The file system has no such locks; nobody gets one, so nothing is ever taken for abandoned.
    case unsupported
  }

  private let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  package static func take(_ path: String, waiting: Bool) -> Outcome {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return .busy }
    let lock = FolderLock(descriptor: descriptor)
    while flock(descriptor, waiting ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      return errno == EWOULDBLOCK ? .busy : .unsupported
    }
    // The lock is on what was opened; the name may have been removed, or given to another folder, in between.
    var locked = stat()
    var named = stat()
    guard fstat(descriptor, &locked) == 0, stat(path, &named) == 0, locked.st_ino == named.st_ino,
      locked.st_dev == named.st_dev
    else { return .busy }
    return .held(lock)
  }
}
