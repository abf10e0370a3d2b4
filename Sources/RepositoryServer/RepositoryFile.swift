internal import Bytes
internal import Glibc

/// A regular file below the repository's folder, opened for reading.
final class RepositoryFile {
  let byteCount: Int
  private let descriptor: Int32

  private init(descriptor: Int32, byteCount: Int) {
    self.descriptor = descriptor
    self.byteCount = byteCount
  }

  deinit { close(descriptor) }

  /// Opens a file by the names that lead to it; nil when it is not there, or not a file. No name on the way may be a
  /// symbolic link: what lies outside of the repository stays there. The repository's own folder may be one.
  static func open(root: String, names: [String]) -> RepositoryFile? {
    guard let name = names.last, let folder = folder(root: root, names: names.dropLast()) else { return nil }
    defer { close(folder) }
    // O_NONBLOCK: a fifo of the name would hold the loop until somebody writes into it.
    let descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      return nil
    }
    return RepositoryFile(descriptor: descriptor, byteCount: Int(status.st_size))
  }

  /// A descriptor of a folder, which the caller closes.
  static func folder(root: String, names: some Sequence<String>) -> Int32? {
    var folder = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    for name in names where folder >= 0 {
      let next = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      close(folder)
      folder = next
    }
    return folder >= 0 ? folder : nil
  }

  /// Reads into `buffer` from `offset` on; fewer bytes at the end of the file, nil when the disk fails.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    var count = 0
    while count < buffer.count {
      let read = pread(descriptor, buffer.baseAddress! + count, buffer.count - count, off_t(offset + count))
      if read < 0 && errno == EINTR { continue }
      guard read >= 0 else { return nil }
      guard read > 0 else { break }
      count += read
    }
    return count
  }

  /// Lets the kernel fetch a part from the disk meanwhile, so that reading it does not wait.
  func willRead(_ range: Range<Int>) {
    posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
  }

  /// The whole of a small file; nil when it is larger than `max` or cannot be read.
  func bytes(max: Int) -> [UInt8]? {
    guard byteCount <= max else { return nil }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    guard bytes.withUnsafeMutableBytes({ read(at: 0, into: $0) }) == byteCount else { return nil }
    return bytes
  }

  /// The file as it is on disk now. A file that was written again has another.
  var stamp: FileStamp? { FileStamp(descriptor) }

  /// SHA-256 of the content; nil when the disk fails. O(bytes), from the disk: not for a loop.
  func digest() -> SHA256Digest? {
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: RepositoryFile.hashedBytes)
    var offset = 0
    while true {
      guard let count = buffer.withUnsafeMutableBytes({ read(at: offset, into: $0) }) else { return nil }
      guard count > 0 else { return hash.finish() }
      let piece = buffer.span.bytes.extracting(0..<count)
      hash.update(piece)
      offset += count
    }
  }

  /// Past this, larger reads are not faster.
  private static let hashedBytes = 1 << 18
}

/// Which file it is and when it was last written: who knows the digest of one, knows it as long as this is equal.
struct FileStamp: Hashable, Sendable {
  private let device, inode, byteCount: UInt64
  private let seconds, nanoseconds: Int

  init?(_ descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    byteCount = UInt64(status.st_size)
    // Not the time of change: linking a file changes that, and nothing of its content.
    (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
  }
}

/// The names in a folder below the repository's, sorted; none where it is not there.
func names(root: String, _ path: [String]) -> [String] {
  guard let descriptor = RepositoryFile.folder(root: root, names: path) else { return [] }
  guard let folder = fdopendir(descriptor) else {
    close(descriptor)
    return []
  }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if name != "." && name != ".." { names.append(name) }
  }
  return names.sorted()
}

/// A strong entity tag of some bytes: 128 bits of their SHA-256.
func entityTag(of bytes: [UInt8]) -> String {
  "\"\(SHA256.digest(bytes.span.bytes).description.prefix(32))\""
}
