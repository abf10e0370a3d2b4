internal import Glibc

/// Read-only memory: a file mapped, or a copy of some bytes. The one place where a snapshot's memory is made and freed.
///
/// The file behind a mapping must never be written or cut short: the kernel answers a read behind a file's new end with
/// SIGBUS. Snapshots are safe because they appear by rename and are then only ever unlinked, which leaves the mapping
/// whole until it is unmapped.
final class Mapping: @unchecked Sendable {
  let base: UnsafeRawPointer
  let byteCount: Int
  private let isFile: Bool

  /// Maps a regular file that is not empty.
  init(path: String) throws(SnapshotError) {
    func refused(_ detail: String) -> SnapshotError { SnapshotError(.fetchFailed, detail, file: path) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)  // O_NONBLOCK: never wait for the writer of a pipe.
    guard descriptor >= 0 else { throw refused("cannot be opened: \(errnoName(errno))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw refused("cannot be examined: \(errnoName(errno))") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw refused("is not a regular file") }
    guard status.st_size > 0 else { throw SnapshotError(.digestMismatch, "is empty", file: path) }
    let memory = mmap(nil, Int(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0)
    guard let memory, memory != MAP_FAILED else { throw refused("cannot be mapped: \(errnoName(errno))") }
    base = UnsafeRawPointer(memory)
    byteCount = Int(status.st_size)
    isFile = true
  }

  /// A copy in memory of its own, aligned to pages like a file would be. From the heap, and not a byte longer than it
  /// must be: so AddressSanitizer sees a read past its end.
  init(copying bytes: UnsafeRawBufferPointer) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: Int(getpagesize()))
    if let start = bytes.baseAddress { memcpy(memory, start, bytes.count) }
    base = UnsafeRawPointer(memory)
    byteCount = bytes.count
    isFile = false
  }

  deinit {
    let memory = UnsafeMutableRawPointer(mutating: base)
    if isFile { munmap(memory, byteCount) } else { memory.deallocate() }
  }

  /// All of it.
  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = RawSpan(_unsafeStart: base, byteCount: byteCount)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  /// Brings every page into memory and into this process's page table, so that no request pays for the fault.
  func prefault() {
    let memory = UnsafeMutableRawPointer(mutating: base)
    // MADV_POPULATE_READ (Linux 5.14), which Debian 12's headers know and Swift's overlay may not.
    if madvise(memory, byteCount, 22) == 0 { return }
    madvise(memory, byteCount, Int32(MADV_WILLNEED))
    var sum: UInt8 = 0
    for offset in stride(from: 0, to: byteCount, by: Int(getpagesize())) {
      sum &+= base.load(fromByteOffset: offset, as: UInt8.self)
    }
    touched = sum
  }

  /// Where the sum of the touched bytes goes, so that the compiler keeps the reads.
  private var touched: UInt8 = 0

  /// How many bytes of the memory are resident just now.
  var residentBytes: Int {
    let page = Int(getpagesize())
    var flags = [UInt8](repeating: 0, count: (byteCount + page - 1) / page)
    guard mincore(UnsafeMutableRawPointer(mutating: base), byteCount, &flags) == 0 else { return 0 }
    return flags.reduce(0) { $0 + Int($1 & 1) } * page
  }
}

/// `No such file or directory (2)`.
package func errnoName(_ code: Int32) -> String { "\(String(cString: strerror(code))) (\(code))" }
