internal import Glibc
internal import Synchronization

/// How many cores this process may use.
func availableCores() -> Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

/// Cuts `0..<count` into chunks, which `threads` threads (the caller is one) take from a shared counter until none is
/// left. Which thread takes which chunk is chance: whoever wants the same bits every time lets a chunk's result depend
/// on the chunk alone.
///
/// `makeScratch` runs once on each thread; the scratches come back when all is done. `progress` runs on the caller's
/// thread with the number of rows handed out so far.
@discardableResult
func forEachChunk<Scratch>(
  of count: Int, chunk: Int, threads: Int, scratch makeScratch: @escaping @Sendable () -> Scratch,
  progress: (Int) -> Void = { _ in }, _ body: @escaping @Sendable (Scratch, Range<Int>) -> Void
) -> [Scratch] {
  precondition(chunk > 0)
  let next = SharedCounter()
  @Sendable func take() -> Range<Int>? {
    let start = next.value.wrappingAdd(chunk, ordering: .relaxed).oldValue
    return start < count ? start..<min(start + chunk, count) : nil
  }

  let helpers = (1..<max(1, min(threads, (count + chunk - 1) / chunk))).map { _ in
    ChunkThread { () -> Scratch in
      let scratch = makeScratch()
      while let range = take() { body(scratch, range) }
      return scratch
    }
  }
  let own = makeScratch()
  while let range = take() {
    body(own, range)
    progress(min(count, next.value.load(ordering: .relaxed)))
  }
  return [own] + helpers.map { $0.join() }
}

private final class SharedCounter: Sendable {
  let value = Atomic(0)
}

/// One joinable thread with a result. The box is written by the thread and read after the join, never at once.
private final class ChunkThread<Result> {
  private final class Work: @unchecked Sendable {
    let body: @Sendable () -> Result
    var result: Result?
    init(_ body: @escaping @Sendable () -> Result) { self.body = body }
    func run() { result = body() }
  }

  private let work: Work
  private var thread = pthread_t()
  private var isRunning = false

  init(_ body: @escaping @Sendable () -> Result) {
    work = Work(body)
    // C function pointers cannot capture a generic: what crosses is a closure in a box of its own.
    let work = work
    let start = Unmanaged.passRetained(ThreadStart { work.run() })
    let status = pthread_create(
      &thread, nil,
      { start in
        Unmanaged<ThreadStart>.fromOpaque(start!).takeRetainedValue().body()
        return nil
      }, start.toOpaque())
    isRunning = status == 0
    if !isRunning { start.release() }  // No thread to be had: join() does the work, later but whole.
  }

  func join() -> Result {
    if isRunning { pthread_join(thread, nil) } else { work.run() }
    return work.result!
  }
}

private final class ThreadStart: Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
