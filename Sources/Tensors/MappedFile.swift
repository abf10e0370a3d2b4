internal import Glibc
internal import Snapshots

/// A file mapped read-only for as long as the object lives.
///
/// The trap: a file that is cut short while it is mapped ends the process (SIGBUS) at the next read behind its new end.
/// Snapshots appear by rename and never change; vectors are files of others, who must not write over one that is read.
final class MappedFile: @unchecked Sendable {
  let path: String
  let base: UnsafeRawPointer
  let byteCount: Int

  init(path: String) throws(TensorError) {
    func refused(_ detail: String) -> TensorError { TensorError(.unreadable, detail, file: path) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)  // O_NONBLOCK: never wait for the writer of a pipe.
    guard descriptor >= 0 else { throw refused("cannot be opened: \(errnoName(errno))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw refused("cannot be examined: \(errnoName(errno))") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw refused("is not a regular file") }
    guard status.st_size > 0 else { throw TensorError(.malformed, "is empty", file: path) }
    let memory = mmap(nil, Int(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0)
    guard let memory, memory != MAP_FAILED else { throw refused("cannot be mapped: \(errnoName(errno))") }
    self.path = path
    base = UnsafeRawPointer(memory)
    byteCount = Int(status.st_size)
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }

  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = RawSpan(_unsafeStart: base, byteCount: byteCount)
      return _overrideLifetime(span, borrowing: self)
    }
  }
}
