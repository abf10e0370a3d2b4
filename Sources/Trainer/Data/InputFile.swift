internal import Bytes
internal import Glibc

/// A whole file, mapped to be read once from front to back.
///
/// Mapped and not copied, so that a log of many gigabytes costs page cache and not memory of the run. The trap: a file
/// that is cut short while it is read ends the process (SIGBUS). Training files are written once; who appends to one
/// is safe, because only the length at opening is looked at.
struct InputFile: ~Copyable {
  let path: String
  private let base: UnsafeMutableRawPointer?
  let byteCount: Int

  init(path: String) throws(TrainError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.unreadable(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.unreadable(path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw TrainError(.missingInput, "\(path) is not a file")
    }
    let length = Int(status.st_size)
    guard length > 0 else { throw TrainError(.badInput, "\(path) is empty") }
    guard let mapped = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED else {
      throw Self.unreadable(path)
    }
    madvise(mapped, length, MADV_SEQUENTIAL)
    self.path = path
    base = mapped
    byteCount = length
  }

  deinit { munmap(base, byteCount) }

  /// All of it.
  var bytes: RawSpan {
    @_lifetime(borrow self)
    borrowing get {
      let span = RawSpan(_unsafeStart: UnsafeRawPointer(base!), byteCount: byteCount)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  /// Refuses what is certainly no text, by its first bytes, with the remedy.
  borrowing func requireText() throws(TrainError) {
    let magics: [([UInt8], String)] = [
      ([0x1F, 0x8B], "gzip-compressed: unpack it first (gunzip)"),
      ([0x50, 0x4B, 0x03, 0x04], "a zip archive: unpack it first (unzip)"),
      ([0x28, 0xB5, 0x2F, 0xFD], "zstd-compressed: unpack it first (unzstd)"),
      ([0x50, 0x41, 0x52, 0x31], "a Parquet file: export it as CSV first"),
      ([0xFF, 0xFE], "UTF-16 text: convert it first (iconv -f UTF-16 -t UTF-8)"),
      ([0xFE, 0xFF], "UTF-16 text: convert it first (iconv -f UTF-16 -t UTF-8)"),
    ]
    for (magic, remedy) in magics where byteCount >= magic.count {
      let head = magic.indices.allSatisfy { bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == magic[$0] }
      if head { throw TrainError(.badInput, "\(path) is \(remedy)") }
    }
  }

  private static func unreadable(_ path: String) -> TrainError {
    TrainError(.missingInput, "cannot read \(path): \(String(cString: strerror(errno)))")
  }
}
