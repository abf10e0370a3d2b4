import Glibc
import Publishing
import Snapshots

/// A folder beside the repository's models where a run keeps its snapshot until it is published; gone with the value. It is
/// locked while it is in use, so what a killed run left is told from what another run is at, also across containers.
final class ScratchFolder {
  private static let prefix = ".training-"

  let path: String
  private let lock: FolderLock.Outcome

  init(in repository: String) throws(DiskError) {
    ScratchFolder.sweep(repository)
    var random = SystemRandomNumberGenerator()
    path = "\(repository)/\(ScratchFolder.prefix)\(String(random.next(), radix: 16))"
    try Disk().makeFolder(path)
    lock = FolderLock.take(path, waiting: false)
  }

  deinit { ScratchFolder.remove(path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Removes what killed runs left behind.
  static func sweep(_ repository: String) {
    for name in names(repository) where name.hasPrefix(prefix) {
      let path = "\(repository)/\(name)"
      guard case .held(let lock) = FolderLock.take(path, waiting: false) else { continue }
      remove(path)
      withExtendedLifetime(lock) {}
    }
  }

  private static func remove(_ path: String) {
    for name in names(path) {
      if unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
    }
    rmdir(path)
  }

  private static func names(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}
