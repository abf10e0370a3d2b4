internal import Glibc

/// Bytes waiting for the kernel. Holds no memory until the first byte waits, and gives back what a burst took.
struct OutputQueue: ~Copyable {
  /// Kept between bursts; a larger buffer is freed when emptied. A response or two fit. A stream has two queues, so
  /// 10 000 connections that have all been slow once keep 10 000 × 2 × 16 KiB = 313 MiB, and as a rule none.
  static let keptBytesMax = 16 * 1024

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
