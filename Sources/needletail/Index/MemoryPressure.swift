import Glibc
import Reactor
import Synchronization

/// Memory that is written through, a line at a time, so that what was in the caches is not.
struct CacheThrash: ~Copyable {
  private let memory: UnsafeMutablePointer<UInt8>
  let bytes: Int

  init(bytes: Int) {
    self.bytes = bytes
    memory = .allocate(capacity: bytes)
    memory.initialize(repeating: 0, count: bytes)
  }

  deinit { memory.deallocate() }

  func run() {
    for offset in stride(from: 0, to: bytes, by: cacheLineBytes) { memory[offset] &+= 1 }
  }
}

/// A second thread that streams through memory of its own until it is stopped: what a neighbour on the same machine does.
final class StreamingNeighbor {
  private let isStopped: StopFlag
  private let thread: LoopThread

  init(bytes: Int) throws(LoopError) {
    let flag = StopFlag()
    isStopped = flag
    thread = try LoopThread.spawn(name: "neighbor") {
      let thrash = CacheThrash(bytes: bytes)
      while !flag.isSet { thrash.run() }
    }
  }

  func stop() {
    isStopped.set()
    thread.join()
  }
}

private final class StopFlag: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}

private let cacheLineBytes = 64

/// Keeps the calling thread on one core (sched_setaffinity(2)); false where that cannot be. Threads that it starts later
/// stay there too.
func pin(toCore core: Int) -> Bool {
  // glibc declares the call behind _GNU_SOURCE, which Swift's overlay does not define; the symbol is there all the same.
  typealias SetAffinity = @convention(c) (pid_t, Int, UnsafeRawPointer) -> Int32
  guard let symbol = dlsym(nil, "sched_setaffinity") else { return false }
  var words = [UInt](repeating: 0, count: coresMax / UInt.bitWidth)
  guard core >= 0, core < coresMax else { return false }
  words[core / UInt.bitWidth] = 1 << UInt(core % UInt.bitWidth)
  return unsafeBitCast(symbol, to: SetAffinity.self)(0, words.count * MemoryLayout<UInt>.stride, words) == 0
}

/// What glibc's own cpu_set_t holds.
private let coresMax = 1024
