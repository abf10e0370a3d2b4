internal import Glibc

/// Zeroed memory at a multiple of 64 bytes, for as long as the object lives: tiles are read 64 bytes at a time, and a
/// section of a snapshot has the same alignment.
final class AlignedStorage<Element: BitwiseCopyable>: @unchecked Sendable {
  let base: UnsafeMutablePointer<Element>
  let count: Int

  /// From here on, memory asks for huge pages: codes are read at random, and with small pages most reads would miss the
  /// TLB too.
  private static var hugeBytesMin: Int { 4 << 20 }
  private static var hugePageBytes: Int { 2 << 20 }

  init(count: Int) {
    self.count = count
    // Never empty, so that there always is an address.
    let bytes = max(1, count) * MemoryLayout<Element>.stride
    let isHuge = bytes >= Self.hugeBytesMin
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: isHuge ? Self.hugePageBytes : 64)
    if isHuge { madvise(memory, bytes, MADV_HUGEPAGE) }
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    base = memory.assumingMemoryBound(to: Element.self)
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }

  var buffer: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: base, count: count) }

  subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count)
      return base[index]
    }
    set {
      precondition(index >= 0 && index < count)
      base[index] = newValue
    }
  }
}
