/// Bytes on their way, first in, first out.
struct ByteQueue {
  private var bytes: [UInt8] = []
  private var start = 0

  var count: Int { bytes.count - start }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ more: [UInt8]) {
    if start > 0 && start >= bytes.count / 2 {
      bytes.removeFirst(start)
      start = 0
    }
    bytes += more
  }

  /// Moves the first bytes to `target`.
  mutating func take(_ count: Int, to target: UnsafeMutableRawPointer) {
    bytes.withUnsafeBytes { target.copyMemory(from: $0.baseAddress! + start, byteCount: count) }
    start += count
  }

  mutating func removeAll() {
    bytes = []
    start = 0
  }
}
