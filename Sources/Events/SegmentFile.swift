internal import Bytes
internal import CLZ4
internal import FoundationEssentials
internal import Glibc

/// Appends event records to hourly files, `2026-11-23T14.jsonl.lz4`: JSON lines in LZ4 frames, one frame a batch.
///
/// Every frame is complete when it is written, so `lz4 -d` and the trainer read a file up to its last whole batch
/// whenever the process ended, and a file that is continued after a restart is still valid: frames may follow each
/// other (LZ4 frame format 1.6.2, "Frame Concatenation").
public struct SegmentWriter: ~Copyable {
  public let folder: String
  private var hour: UInt32 = .max
  private var descriptor: Int32 = -1
  private var frame = ByteBuffer(capacity: 65536)

  public init(folder: String) throws(SegmentError) {
    self.folder = folder
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw SegmentError(path: folder, reason: "the folder cannot be made; may its parent be written to?")
    }
    guard access(folder, W_OK) == 0 else {
      throw SegmentError(path: folder, reason: "the folder cannot be written to: \(String(cString: strerror(errno)))")
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Writes a batch as one frame into the file of the hour `now`. The disk's own pace; never on a worker's loop.
  public mutating func write(_ records: [EventRecord], now: UInt32) throws(SegmentError) {
    guard !records.isEmpty else { return }
    try open(hour: now / 3600)
    var lines = ByteBuffer(capacity: records.count * 160)
    for record in records { record.append(to: &lines) }
    frame.removeAll()
    SegmentWriter.compress(lines.bytes, into: &frame)
    try writeFrame()
  }

  public static func name(hour: UInt32) -> String {
    var seconds = time_t(hour) * 3600
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(two(parts.tm_hour)).jsonl.lz4"
  }

  private mutating func open(hour: UInt32) throws(SegmentError) {
    guard hour != self.hour || descriptor < 0 else { return }
    if descriptor >= 0 { close(descriptor) }
    let path = folder + "/" + SegmentWriter.name(hour: hour)
    descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw SegmentError(path: path, reason: String(cString: strerror(errno))) }
    self.hour = hour
  }

  private static func compress(_ lines: RawSpan, into frame: inout ByteBuffer) {
    var preferences = LZ4F_preferences_t()
    preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled
    preferences.frameInfo.contentSize = UInt64(lines.byteCount)
    let bound = LZ4F_compressFrameBound(lines.byteCount, &preferences)
    lines.withUnsafeBytes { source in
      frame.appendInPlace(atLeast: bound) { room in
        let written = LZ4F_compressFrame(room.baseAddress, room.count, source.baseAddress, source.count, &preferences)
        // The room is the library's own bound, so there is nothing that can fail.
        precondition(LZ4F_isError(written) == 0)
        return written
      }
    }
  }

  private mutating func writeFrame() throws(SegmentError) {
    // During a hot restart two processes append to the same hour. A frame is one write, but one that fails halfway is
    // cut off again, and must not take the other's with it.
    flock(descriptor, LOCK_EX)
    defer { flock(descriptor, LOCK_UN) }
    let size = lseek(descriptor, 0, SEEK_END)
    var sent = 0
    let failure = frame.bytes.withUnsafeBytes { bytes -> Int32 in
      while sent < bytes.count {
        let wrote = Glibc.write(descriptor, bytes.baseAddress! + sent, bytes.count - sent)
        if wrote < 0 && errno == EINTR { continue }
        guard wrote > 0 else { return errno }
        sent += wrote
      }
      return 0
    }
    guard failure != 0 else { return }
    // Half a frame would hide all that is appended after it.
    ftruncate(descriptor, size)
    throw SegmentError(path: folder, reason: String(cString: strerror(failure)))
  }
}

/// Why events could not be kept or read: the disk's or the file's fault.
public struct SegmentError: Error, Sendable, CustomStringConvertible {
  public let path: String
  public let reason: String
  public var description: String { "event segments in \(path): \(reason)" }
}
