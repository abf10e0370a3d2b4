internal import Bytes
internal import Glibc
internal import Snapshots

/// A regular file, read from its start in pieces. Another kind of thing under the name is refused without waiting for it.
final class FileReader {
  let path: String
  let byteCount: Int
  private let descriptor: Int32
  /// 256 KiB: past this, larger reads are not faster.
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)

  init(path: String) throws(PublishError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw PublishError(.fetchFailed, "\(path): cannot be opened: \(errnoName(errno))") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw PublishError(.fetchFailed, "\(path): is not a regular file")
    }
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Goes on from a byte.
  func skip(to byte: Int) throws(PublishError) {
    guard lseek(descriptor, off_t(byte), SEEK_SET) >= 0 else {
      throw PublishError(.fetchFailed, "\(path): cannot be read from byte \(byte): \(errnoName(errno))")
    }
  }

  /// Hands the next piece to `body`; false at the end of the file.
  func next(_ body: (RawSpan) throws(PublishError) -> Void) throws(PublishError) -> Bool {
    var count = 0
    repeat { count = read(descriptor, &buffer, buffer.count) } while count < 0 && errno == EINTR
    guard count >= 0 else { throw PublishError(.fetchFailed, "\(path): cannot be read: \(errnoName(errno))") }
    guard count > 0 else { return false }
    let buffer = buffer
    let piece = buffer.span.bytes.extracting(0..<count)
    try body(piece)
    return true
  }

  /// The whole of a small file; a larger one than `max` is refused unread.
  static func bytes(of path: String, max: Int) throws(PublishError) -> [UInt8] {
    let file = try FileReader(path: path)
    var bytes: [UInt8] = []
    var more = true
    while more {
      more = try file.next { (piece: RawSpan) throws(PublishError) in
        piece.withUnsafeBytes { bytes.append(contentsOf: $0) }
      }
      // Counted while reading: a file may grow.
      guard bytes.count <= max else { throw PublishError(.manifestInvalid, "\(path): has more than \(max) bytes") }
    }
    return bytes
  }

  /// SHA-256 of a file, if it is there and has the length.
  static func digest(of path: String, byteCount: Int) -> SHA256Digest? {
    guard let file = try? FileReader(path: path), file.byteCount == byteCount else { return nil }
    var hash = SHA256()
    var more = true
    while more {
      guard let went = try? file.next({ (piece: RawSpan) throws(PublishError) in hash.update(piece) }) else {
        return nil
      }
      more = went
    }
    return hash.finish()
  }
}

/// The names in a folder, unsorted; nil when it cannot be read.
func names(inFolder path: String) -> [String]? {
  guard let folder = opendir(path) else { return nil }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if name != "." && name != ".." { names.append(name) }
  }
  return names
}

func exists(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0
}

func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}
