internal import Glibc

/// Bytes waiting for the kernel. Holds no memory until the first byte waits, and gives back what a burst took.
struct OutputQueue: ~Copyable {
  /// Kept between bursts; a larger buffer is freed when emptied. A response is a few KiB, so ordinary back-pressure
  /// fits, and 10 000 connections that once queued keep at most 640 MiB / 10 = 64 KiB each.
  static let keptBytesMax = 64 * 1024

  private(set) var start: UnsafeMutableRawPointer?
  private(set) var count = 0
  private var capacity = 0

  deinit { free(start) }

  var isEmpty: Bool { count == 0 }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty else { return }
    if count + bytes.count > capacity { grow(to: count + bytes.count) }
    memcpy(start! + count, bytes.baseAddress!, bytes.count)
    count += bytes.count
  }

  mutating func removeAll() {
    count = 0
    guard capacity > OutputQueue.keptBytesMax else { return }
    free(start)
    start = nil
    capacity = 0
  }

  private mutating func grow(to needed: Int) {
    capacity = max(needed, capacity * 2, 4096)
    guard let grown = realloc(start, capacity) else { fatalError("out of memory for \(capacity) bytes of output") }
    start = grown
  }
}
