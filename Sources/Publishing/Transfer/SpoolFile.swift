internal import Glibc
internal import Snapshots

/// A file without a name that holds a frame between being compressed and being sent: its length must be known before the
/// first byte leaves. Gone with the value, and with the process.
final class SpoolFile {
  private let descriptor: Int32
  private(set) var byteCount = 0

  /// In TMPDIR, or /tmp.
  init() throws(PublishError) {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(folder)/needletail-XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw PublishError(
        .fetchFailed, "\(folder): no temporary file can be made: \(errnoName(errno)); TMPDIR may name another folder",
        cause: .cannotWrite)
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(template)
  }

  deinit { close(descriptor) }

  func append(_ bytes: RawSpan) throws(PublishError) {
    var done = 0
    while done < bytes.byteCount {
      let count = bytes.withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress! + done, $0.count - done, off_t(byteCount))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        throw PublishError(
          .fetchFailed, "a temporary file cannot be written: \(errnoName(errno)); TMPDIR may name another folder",
          cause: .cannotWrite)
      }
      done += count
      byteCount += count
    }
  }

  /// How many bytes were read; nil when the disk failed.
  func read(at offset: Int, into room: UnsafeMutableRawBufferPointer) -> Int? {
    while true {
      let count = pread(descriptor, room.baseAddress, room.count, off_t(offset))
      if count < 0 && errno == EINTR { continue }
      return count > 0 ? count : nil
    }
  }
}
