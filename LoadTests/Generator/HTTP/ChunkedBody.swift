/// The chunked coding (RFC 9112 §7.1), for servers that are compared with: Needletail itself sends lengths.
enum ChunkedBody {
  /// Bytes of a whole chunked body, framing and trailers included; nil while more is to come.
  static func length(_ bytes: UnsafeRawBufferPointer) throws(ResponseParser.Fault) -> Int? {
    try walk(bytes) { _ in }
  }

  /// What a complete chunked body says.
  static func content(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var content: [UInt8] = []
    _ = try? walk(bytes) { content += bytes[$0] }
    return content
  }

  private static func walk(
    _ bytes: UnsafeRawBufferPointer, _ chunk: (Range<Int>) -> Void
  ) throws(ResponseParser.Fault) -> Int? {
    var place = 0
    var total = 0
    while true {
      guard let lineEnd = bytes.endOfLine(from: place) else {
        guard bytes.count - place <= 1024 else { throw .badChunk }
        return nil
      }
      guard let size = bytes.hexadecimal(place..<lineEnd) else { throw .badChunk }
      total += size
      guard total <= ResponseParser.bodyBytesMax else { throw .bodyTooLarge }
      place = lineEnd + 2
      if size == 0 { return try trailers(bytes, place) }
      guard bytes.count >= place + size + 2 else { return nil }
      guard bytes[place + size] == 13, bytes[place + size + 1] == 10 else { throw .badChunk }
      chunk(place..<place + size)
      place += size + 2
    }
  }

  private static func trailers(_ bytes: UnsafeRawBufferPointer, _ start: Int) throws(ResponseParser.Fault) -> Int? {
    var place = start
    while let end = bytes.endOfLine(from: place) {
      if end == place { return end + 2 }
      place = end + 2
    }
    guard bytes.count - start <= ResponseParser.headBytesMax else { throw .headTooLarge }
    return nil
  }
}
