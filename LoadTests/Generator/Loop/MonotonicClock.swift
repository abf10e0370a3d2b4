internal import Glibc

/// Nanoseconds of CLOCK_MONOTONIC, and of the CPU.
enum MonotonicClock {
  static var nanoseconds: Int64 { read(CLOCK_MONOTONIC) }

  /// CPU time of the calling thread, user and system.
  static var threadCPUNanoseconds: Int64 { read(CLOCK_THREAD_CPUTIME_ID) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
