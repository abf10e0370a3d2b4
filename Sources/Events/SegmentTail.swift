public import Bytes
internal import CLZ4
internal import Glibc

/// What a segment file has grown by.
public struct SegmentTail: ~Copyable {
  public let lines: ByteBuffer
  /// The byte after the last whole frame: where the next tail begins.
  public let end: Int
}

extension SegmentReader {
  /// The lines of the whole frames from byte `start` on, which must be where a frame begins. Frames beyond `bytesMax` are
  /// left to the next look.
  ///
  /// What is torn at the end is not whole yet and stays for later; damage before that is an error. Memory: the lines.
  public static func tail(
    of path: String, from start: Int, bytesMax: Int
  ) throws(SegmentError) -> SegmentTail {
    let compressed = try read(path, from: start, bytesMax: bytesMax)
    var context: OpaquePointer?
    guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0, let context else {
      throw SegmentError(path: path, reason: "no memory to decompress")
    }
    defer { LZ4F_freeDecompressionContext(context) }
    var lines = ByteBuffer(capacity: 65536)
    var (at, wholeBytes, wholeText) = (0, 0, 0)
    var failure: String?
    compressed.withUnsafeBytes { source in
      while at < source.count && failure == nil {
        let before = lines.count
        lines.appendInPlace(atLeast: 65536) { room in
          var (produced, consumed) = (room.count, source.count - at)
          let hint = LZ4F_decompress(context, room.baseAddress, &produced, source.baseAddress! + at, &consumed, nil)
          guard LZ4F_isError(hint) == 0 else {
            failure = "damaged after \(start + at) bytes: \(String(cString: LZ4F_getErrorName(hint)))"
            return 0
          }
          at += consumed
          if hint == 0 { (wholeBytes, wholeText) = (at, before + produced) }
          return produced
        }
      }
    }
    if let failure { throw SegmentError(path: path, reason: failure) }
    lines.truncate(to: wholeText)
    return SegmentTail(lines: lines, end: start + wholeBytes)
  }

  private static func read(_ path: String, from start: Int, bytesMax: Int) throws(SegmentError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw SegmentError(path: path, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw SegmentError(path: path, reason: "it is not a regular file")
    }
    let wanted = min(max(0, Int(status.st_size) - start), bytesMax)
    var bytes = [UInt8](repeating: 0, count: wanted)
    var count = 0
    while count < wanted {
      let read = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress! + count, wanted - count, off_t(start + count))
      }
      if read < 0 && errno == EINTR { continue }
      guard read > 0 else { break }
      count += read
    }
    return Array(bytes[..<count])
  }
}
