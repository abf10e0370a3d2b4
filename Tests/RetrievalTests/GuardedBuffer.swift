import Glibc

/// Memory whose last byte is the last before a page that nobody may touch: a read beyond the end ends the test run.
final class GuardedBuffer<Element: BitwiseCopyable> {
  let base: UnsafeMutablePointer<Element>
  private let mapping: UnsafeMutableRawPointer
  private let mappingBytes: Int

  init(_ elements: [Element]) {
    let page = Int(getpagesize())
    let bytes = elements.count * MemoryLayout<Element>.stride
    let body = (bytes + page - 1) / page * page
    mappingBytes = body + page
    mapping = mmap(nil, mappingBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    precondition(mapping != MAP_FAILED && mprotect(mapping + body, page, PROT_NONE) == 0)
    base = (mapping + body - bytes).assumingMemoryBound(to: Element.self)
    base.update(from: elements, count: elements.count)
  }

  deinit { munmap(mapping, mappingBytes) }
}
