internal import Glibc

/// Nanoseconds of the clock that only goes forward (CLOCK_MONOTONIC), the same in all processes of this machine.
public func monotonicNanoseconds() -> UInt64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// Seconds of the same clock.
public func monotonicSeconds() -> Double { Double(monotonicNanoseconds()) / 1e9 }

/// Sleeps the calling thread; a signal does not shorten it.
public func pause(seconds: Double) {
  guard seconds > 0 else { return }
  var left = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
  var rest = timespec()
  while nanosleep(&left, &rest) != 0 && errno == EINTR { left = rest }
}

/// Asks every few milliseconds until `holds` is true. False when the time is over first.
@discardableResult
public func waitUntil(
  within seconds: Double, every interval: Double = 0.005, _ holds: () throws(LabError) -> Bool
) throws(LabError) -> Bool {
  let deadline = monotonicSeconds() + seconds
  while try !holds() {
    guard monotonicSeconds() < deadline else { return false }
    pause(seconds: interval)
  }
  return true
}
