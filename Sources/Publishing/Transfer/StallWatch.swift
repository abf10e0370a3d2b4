/// Whether a transfer has come to a stop. Decides; asks no clock.
///
/// libcurl's own low-speed limit goes on while the other side works with nothing to send, as one does that hashes or
/// copies what it was just told of.
struct StallWatch {
  /// From the last byte that was sent to the end of the answer. S3 copies 5 GiB within, at 30 MB/s in three minutes; a
  /// disk that writes 20 MB/s brings the same to rest in four and a half.
  static let answerMilliseconds = 300_000
  /// To keep to a rate libcurl takes up to a second's worth at once and is then silent for as long: that is no stall.
  private static let cappedMillisecondsMin = 5000

  let windowMilliseconds: Int
  /// What must move in each window.
  let bytesMin: Int
  private var since = 0
  private var from = 0
  private var isSent = false

  init(_ access: RepositoryAccess) {
    windowMilliseconds = max(access.rateBytesMax > 0 ? Self.cappedMillisecondsMin : 1, access.stallTimeoutMilliseconds)
    bytesMin = max(1, access.rateBytesMin * windowMilliseconds / 1000)
  }

  /// Told some times a second.
  ///
  /// - Parameters:
  ///   - now: milliseconds since the transfer began.
  ///   - moved: bytes, in both directions.
  ///   - isSent: whether it is an upload with nothing left to send.
  mutating func isStalled(now: Int, moved: Int, isSent: Bool) -> Bool {
    // Counts begin anew where a connection turned out to be dead.
    if isSent != self.isSent || moved < from || (!isSent && moved - from >= bytesMin) {
      (since, from, self.isSent) = (now, moved, isSent)
    }
    return now - since >= (isSent ? Self.answerMilliseconds : windowMilliseconds)
  }
}
