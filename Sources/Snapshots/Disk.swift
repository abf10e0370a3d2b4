internal import Glibc

/// Why the disk did not do what it was asked to.
package struct DiskError: Error, Sendable, CustomStringConvertible {
  package let step: Disk.Step
  package let path: String
  package let code: Int32

  package init(step: Disk.Step, path: String, code: Int32) {
    self.step = step
    self.path = path
    self.code = code
  }

  package var isFull: Bool { code == ENOSPC || code == EDQUOT }
  package var exists: Bool { code == EEXIST || code == ENOTEMPTY }
  package var missing: Bool { code == ENOENT || code == ENOTDIR }

  /// `cannot rename /data/x: No space left on device (28)`.
  package var description: String { "cannot \(step.rawValue) \(path): \(errnoName(code))" }
}

/// Every change this program makes to a disk for snapshots and repositories, one call a step.
///
/// `before` is asked before each step and may throw in its place: so a test fails, or looks at, every single point at
/// which a process could die.
package struct Disk: Sendable {
  package enum Step: String, Sendable {
    case create, write, synchronize, rename, link, remove
    case makeFolder = "make folder"
  }

  package typealias Before = @Sendable (Step, String) throws(DiskError) -> Void
  private let before: Before

  package init(before: @escaping Before = { (_, _) throws(DiskError) in }) { self.before = before }

  func perform(_ step: Step, _ path: String, _ call: () -> Int32) throws(DiskError) {
    try before(step, path)
    while call() != 0 {
      guard errno == EINTR else { throw DiskError(step: step, path: path, code: errno) }
    }
  }

  /// Makes a folder; one that is there already is an error, which makes this a lock.
  package func makeFolder(_ path: String) throws(DiskError) {
    try perform(.makeFolder, path) { mkdir(path, 0o755) }
  }

  package func makeFolders(_ path: String) throws(DiskError) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try makeFolders(String(path[..<slash])) }
    do { try makeFolder(path) } catch { if !error.exists { throw error } }
  }

  package func rename(_ path: String, to target: String) throws(DiskError) {
    try perform(.rename, target) { Glibc.rename(path, target) }
  }

  package func link(_ path: String, to target: String) throws(DiskError) {
    try perform(.link, target) { Glibc.link(path, target) }
  }

  /// Removes a file; one that is not there is fine.
  package func remove(_ path: String) throws(DiskError) {
    do { try perform(.remove, path) { unlink(path) } } catch { if !error.missing { throw error } }
  }

  package func removeFolder(_ path: String) throws(DiskError) {
    do { try perform(.remove, path) { rmdir(path) } } catch { if !error.missing { throw error } }
  }

  /// Makes the names in a folder durable.
  package func synchronize(folder path: String) throws(DiskError) {
    try before(.synchronize, path)
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DiskError(step: .synchronize, path: path, code: errno) }
    defer { close(descriptor) }
    // A file system that cannot synchronise folders (EINVAL) has nothing to lose there.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw DiskError(step: .synchronize, path: path, code: errno)
    }
  }
}

/// The folder that a path lies in.
package func folder(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}
