import Bytes
import HTTP

/// What the stages of an answer took, for `Server-Timing`.
struct StageTimes: Sendable, Equatable {
  /// From the request's first byte until this worker's memory had been looked into.
  var cacheNanoseconds: UInt64 = 0
  /// Waiting for memcached, one wait after the other: the window's, then the list's if it did not travel with it.
  var memcachedNanoseconds: UInt64 = 0
  /// Making the list, by this request or the one that it waited for.
  var computeNanoseconds: UInt64 = 0

  /// When the wait that is on began.
  var waitsSinceNanoseconds: UInt64 = 0

  /// A wait is over. What the search itself took may have begun earlier, for others or along with the window: only what
  /// was waited for counts.
  mutating func add(_ search: StageTimes, now: UInt64) {
    let waited = now > waitsSinceNanoseconds ? now - waitsSinceNanoseconds : 0
    let computed = min(search.computeNanoseconds, waited)
    computeNanoseconds += computed
    memcachedNanoseconds += min(search.memcachedNanoseconds, waited - computed)
  }

  mutating func formMaximum(_ other: StageTimes) {
    cacheNanoseconds = max(cacheNanoseconds, other.cacheNanoseconds)
    memcachedNanoseconds = max(memcachedNanoseconds, other.memcachedNanoseconds)
    computeNanoseconds = max(computeNanoseconds, other.computeNanoseconds)
  }
}

// `Server-Timing` (W3C), in milliseconds, where `http.serverTiming` asks for it. It tells anybody who may read answers
// how the gateway is built and how busy it is, so it is off by default.
extension Worker {
  private static let totalDigits = 9

  /// Appends the line without its total, which is known when the body stands; returns where that goes.
  func appendTimes(_ times: StageTimes) -> Int {
    outbox.append("Server-Timing: " as StaticString)
    append("cache;dur=", times.cacheNanoseconds)
    append("memcached;dur=", times.memcachedNanoseconds)
    append("compute;dur=", times.computeNanoseconds)
    outbox.append("total;dur=" as StaticString)
    let total = outbox.count
    outbox.append("00000.000\r\n" as StaticString)
    return total
  }

  /// A stage that did not happen is left out.
  private func append(_ name: StaticString, _ nanoseconds: UInt64) {
    guard nanoseconds > 0 else { return }
    outbox.append(name)
    outbox.append(fixed: Double(nanoseconds) / 1e6, digits: 3)
    outbox.append(", " as StaticString)
  }

  /// Writes the total into its place, with the zeros before it that a number may have. At most 99 999.999 ms.
  func patch(totalNanoseconds: UInt64, at offset: Int) {
    let start = outbox.count
    let microseconds = min(totalNanoseconds / 1000, 99_999_999)
    outbox.append(fixed: 100_000 + Double(microseconds) / 1000, digits: 3)
    key.removeAll()
    outbox.withBytes(start + 1..<start + 1 + Worker.totalDigits) { key.append($0) }
    outbox.truncate(to: start)
    key.withBytes { outbox.replace(at: offset, with: $0) }
  }
}
