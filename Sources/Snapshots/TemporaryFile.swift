internal import Glibc

/// A file that appears under its name whole and durable, or not at all.
///
/// It is written beside its target under a name that ends in `.tmp-…` and that no reader looks at. Let go before
/// `seal`, it removes what it wrote; a killed process leaves it behind, and whoever owns the folder sweeps it
/// (`isTemporary`).
package final class TemporaryFile {
  package let target: String
  private let path: String
  private let disk: Disk
  private var descriptor: Int32
  package private(set) var byteCount = 0

  package init(target: String, disk: Disk) throws(DiskError) {
    var random = SystemRandomNumberGenerator()
    path = "\(target)\(temporaryMark)\(String(random.next(), radix: 16))"
    self.target = target
    self.disk = disk
    descriptor = -1
    var opened: Int32 = -1
    try disk.perform(.create, path) {
      opened = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      return opened < 0 ? -1 : 0
    }
    descriptor = opened
    flock(opened, LOCK_EX | LOCK_NB)  // Says "in use" to `removeIfOrphaned`; the kernel takes it back with the process.
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(path)
  }

  package func append(_ bytes: RawSpan) throws(DiskError) {
    try write(bytes, at: byteCount)
    byteCount += bytes.byteCount
  }

  package func appendZeros(_ count: Int) throws(DiskError) {
    guard count > 0 else { return }
    let zeros = [UInt8](repeating: 0, count: count)
    try append(zeros.span.bytes)
  }

  package func replace(at offset: Int, _ bytes: RawSpan) throws(DiskError) {
    try write(bytes, at: offset)
  }

  /// Removes a file that a killed process left behind. One that is still being written is locked, and stays.
  package static func removeIfOrphaned(_ path: String, disk: Disk) throws(DiskError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return }
    try disk.remove(path)
  }

  /// Makes the content durable, then gives it its name, then makes the name durable.
  package func seal() throws(DiskError) {
    try disk.perform(.synchronize, path) { fsync(descriptor) }
    try disk.rename(path, to: target)
    close(descriptor)
    descriptor = -1
    try disk.synchronize(folder: folder(of: target))
  }

  private func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) {
    var written = 0
    while written < bytes.byteCount {
      var count = 0
      // One call moves at most 2 GiB (write(2)), and may move less than asked for.
      try disk.perform(.write, path) {
        bytes.withUnsafeBytes { source in
          count = pwrite(descriptor, source.baseAddress! + written, source.count - written, off_t(offset + written))
        }
        return count < 0 ? -1 : 0
      }
      written += count
    }
  }
}

private let temporaryMark = ".tmp-"

/// Whether a file name is one that a `TemporaryFile` of any process uses before it is sealed.
package func isTemporary(_ name: String) -> Bool { name.contains(temporaryMark) }
