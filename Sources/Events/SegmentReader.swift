public import Bytes
internal import CLZ4
internal import FoundationEssentials

/// Reads the lines of a segment file back, whole frames only.
public enum SegmentReader {
  /// Whether a path looks like one that `SegmentWriter` writes.
  public static func isSegment(_ path: String) -> Bool { path.hasSuffix(".jsonl.lz4") }

  /// The decompressed lines of a file. A last frame that is torn, as a crash leaves it, ends the file quietly; damage
  /// before that is an error.
  public static func lines(of path: String) throws(SegmentError) -> ByteBuffer {
    let data: Data
    do { data = try Data(contentsOf: URL(filePath: path)) } catch {
      throw SegmentError(path: path, reason: "the file cannot be read")
    }
    var context: OpaquePointer?
    guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0, let context else {
      throw SegmentError(path: path, reason: "no memory to decompress")
    }
    defer { LZ4F_freeDecompressionContext(context) }
    var text = ByteBuffer(capacity: data.count * 4 + 65536)
    var whole = 0
    var failure: String?
    data.withUnsafeBytes { source in
      var at = 0
      while at < source.count && failure == nil {
        let before = text.count
        text.appendInPlace(atLeast: 65536) { room in
          var produced = room.count
          var consumed = source.count - at
          let hint = LZ4F_decompress(context, room.baseAddress, &produced, source.baseAddress! + at, &consumed, nil)
          if LZ4F_isError(hint) != 0 {
            failure = "damaged after \(at) bytes: \(String(cString: LZ4F_getErrorName(hint)))"
            return 0
          }
          at += consumed
          if hint == 0 { whole = before + produced }
          return produced
        }
      }
    }
    if let failure { throw SegmentError(path: path, reason: failure) }
    text.truncate(to: whole)
    return text
  }
}
