internal import Glibc

/// Cuts HTTP/1.1 answers out of a stream of bytes: as much of RFC 9112 as a client that measures needs, and without a
/// heap allocation for answers with a Content-Length.
///
/// Pure: it is given all bytes from the answer's start, again and with more until the answer is complete.
struct ResponseParser: Sendable {
  static let headBytesMax = 64 * 1024
  static let bodyBytesMax = 16 * 1024 * 1024

  enum Fault: Error, Sendable, Equatable {
    case notHTTP, headTooLarge, bodyTooLarge, badField, noLength, badChunk
  }

  struct Answer: Equatable {
    var status = 0
    var tier = Tier.none
    /// The connection ends with this answer.
    var closes = false
    /// In the given bytes; of a chunked answer the chunks with their framing.
    var body = 0..<0
    var isChunked = false
    /// Bytes to drop before the next answer.
    var consumed = 0
  }

  /// Fewer bytes than these are not worth looking at: what has been learnt of an answer that is still coming.
  private var bytesNeeded = 0
  /// Before it there is no end of a head.
  private var searched = 0
  /// Where the answer begins behind interim ones.
  private var start = 0

  /// The next answer, or nil while more is to come. After an answer, the next call begins with the bytes behind it.
  mutating func next(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> Answer? {
    guard bytes.count >= bytesNeeded, bytes.count > start else { return nil }
    while true {
      guard let headEnd = try endOfHead(bytes) else { return nil }
      var head = Head()
      try head.read(UnsafeRawBufferPointer(rebasing: bytes[start..<headEnd]))
      // Interim answers (103 Early Hints) stand before the real one.
      if head.status < 200 && head.status != 101 {
        start = headEnd
        searched = start
        continue
      }
      guard let answer = try complete(head, headEnd, bytes) else { return nil }
      self = ResponseParser()
      return answer
    }
  }

  private mutating func endOfHead(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> Int? {
    let from = max(start, searched)
    if let end = bytes.endOfBlankLine(from: from) { return end }
    guard bytes.count - start <= ResponseParser.headBytesMax else { throw .headTooLarge }
    // The first bytes tell garbage without waiting for a blank line that will never come.
    for (byte, wanted) in zip(bytes[start...].prefix(5), "HTTP/".utf8) where byte != wanted { throw .notHTTP }
    searched = max(start, bytes.count - 3)
    return nil
  }

  private mutating func complete(_ head: Head, _ headEnd: Int, _ bytes: UnsafeRawBufferPointer) throws(Fault) -> Answer?
  {
    var answer = Answer(status: head.status, tier: head.tier, closes: head.closes)
    var end = headEnd
    if head.status == 204 || head.status == 304 {
      // No body, whatever the fields say (RFC 9112 §6.3).
    } else if head.isChunked {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[headEnd...])
      guard let length = try ChunkedBody.length(rest) else {
        bytesNeeded = bytes.count + 1
        return nil
      }
      end += length
      answer.isChunked = true
    } else if let length = head.length {
      guard length <= ResponseParser.bodyBytesMax else { throw .bodyTooLarge }
      end += length
      bytesNeeded = end
    } else {
      throw .noLength
    }
    guard bytes.count >= end else { return nil }
    answer.body = headEnd..<end
    answer.consumed = end
    return answer
  }
}

extension ResponseParser {
  /// The status line and the four fields that matter.
  struct Head {
    var status = 0
    var length: Int?
    var isChunked = false
    var closes = false
    var tier = Tier.none

    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
      var line = 0
      var isFirst = true
      while line < bytes.count {
        guard let end = bytes.endOfLine(from: line) else { throw .badField }
        if end == line { return }
        let content = UnsafeRawBufferPointer(rebasing: bytes[line..<end])
        if isFirst { try readStatus(content) } else { try readField(content) }
        isFirst = false
        line = end + 2
      }
    }

    private mutating func readStatus(_ line: UnsafeRawBufferPointer) throws(Fault) {
      guard line.count >= 12, line.begins("HTTP/1."), line[8] == UInt8(ascii: " "),
        let code = line.decimal(9..<12), code >= 100
      else { throw .notHTTP }
      status = code
      if line[7] == UInt8(ascii: "0") { closes = true }
    }

    private mutating func readField(_ line: UnsafeRawBufferPointer) throws(Fault) {
      switch line[0] | 0x20 {
      case UInt8(ascii: "c"):
        if let value = line.value(of: "content-length:") {
          guard let length = line.decimal(value), self.length == nil || self.length == length else { throw .badField }
          self.length = length
        } else if let value = line.value(of: "cache-status:") {
          tier = Tier(cacheStatus: UnsafeRawBufferPointer(rebasing: line[value]))
        } else if let value = line.value(of: "connection:") {
          if line.contains("close", in: value) { closes = true }
        }
      case UInt8(ascii: "t"):
        if let value = line.value(of: "transfer-encoding:") {
          guard line.contains("chunked", in: value) else { throw .badField }
          isChunked = true
        }
      default: break
      }
    }
  }
}

extension Tier {
  /// By the last `detail=` of a `Cache-Status` field: the cache nearest to the user stands last (RFC 9211 §2).
  init(cacheStatus bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.lastEnd(of: "detail=") else {
      self = .none
      return
    }
    var end = start
    while end < bytes.count, bytes[end] != UInt8(ascii: ";"), bytes[end] != UInt8(ascii: ","), bytes[end] != 0x20 {
      end += 1
    }
    self =
      switch UnsafeRawBufferPointer(rebasing: bytes[start..<end]) {
      case let word where word.equals("l1"): .l1
      case let word where word.equals("l2"): .l2
      case let word where word.equals("computed"): .computed
      case let word where word.equals("stale"): .stale
      case let word where word.equals("popular"): .popular
      default: .other
      }
  }
}
