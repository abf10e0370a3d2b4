internal import Glibc

/// Whether a transfer that was interrupted is worth another connection, and after how long. Decides; waits nowhere.
struct Resumption {
  /// A server that lets go of a connection every few bytes ends here, whatever it delivers.
  static let attemptsMax = 20
  /// Without a byte in between: 0.2 + 0.4 + 0.8 + 1.6 s, as long as a server takes to restart.
  static let fruitlessMax = 4
  static let firstWaitMilliseconds = 200

  private var attempts = 0
  private var fruitless = 0

  /// Nil: give up.
  mutating func waitMilliseconds(afterGaining bytes: Int) -> Int? {
    attempts += 1
    fruitless = bytes > 0 ? 0 : fruitless + 1
    guard attempts < Self.attemptsMax, fruitless <= Self.fruitlessMax else { return nil }
    return Self.firstWaitMilliseconds << max(0, fruitless - 1)
  }
}

package func sleep(milliseconds: Int) {
  var wait = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
  var left = timespec()
  while nanosleep(&wait, &left) != 0 && errno == EINTR { wait = left }
}
