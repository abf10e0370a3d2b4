/// What a peer in memcached's place does to a reply instead of passing it on.
public enum Lie: String, CaseIterable, Sendable {
  /// The opaque token of another request.
  case wrongOpaque = "wrong opaque"
  /// The value of another key, under the right head.
  case otherValue = "another key's value"
  /// One bit of the value flipped, as a network card with a bad memory does.
  case flippedBit = "a flipped bit"
  /// A length that is not the value's.
  case wrongLength = "a wrong length"
  /// Bytes that are no reply at all.
  case garbage = "garbage"
  /// Half of the reply, then the end of the connection.
  case halfThenClosed = "half a reply, then closed"
  /// Half of the reply, then silence.
  case halfThenSilence = "half a reply, then silence"
  /// The reply, later than anybody waits for it.
  case late = "late replies"
  /// An error of the server instead.
  case serverError = "server errors"

  /// What to do, in this order: wait, send, close or fall silent.
  struct Deed: Equatable {
    var waitSeconds = 0.0
    var send: [UInt8]
    var after = After.goOn

    enum After: Equatable { case goOn, close, silence }
  }

  /// Later than `memcached.timeout` (8 ms) by far.
  static let lateSeconds = 0.04

  /// - Parameters:
  ///   - reply: one whole reply of a memcached, with its value.
  ///   - earlier: the last value of another reply, as long as any has been seen.
  ///   - draw: decides where a bit flips; any number.
  func deed(for reply: MetaReply, earlier: [UInt8]?, draw: Int) -> Deed {
    switch self {
    case .wrongOpaque: return Deed(send: reply.withAnotherOpaque().bytes)
    case .otherValue: return Deed(send: (earlier.map { reply.withValue($0) } ?? reply).bytes)
    case .flippedBit:
      guard var value = reply.value, !value.isEmpty else { return Deed(send: reply.withAnotherOpaque().bytes) }
      value[draw % value.count] ^= 1 << UInt8(draw / value.count % 8)
      return Deed(send: reply.withValue(value).bytes)
    case .wrongLength:
      guard let value = reply.value else { return Deed(send: Array("VA 7\r\n".utf8)) }
      var bytes = reply.withValue(Array(value.dropLast(draw % 2 + 1))).bytes
      bytes.insert(contentsOf: value.suffix(1), at: bytes.count - 2)
      return Deed(send: bytes)
    case .garbage: return Deed(send: (0..<(draw % 600 + 1)).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ draw) })
    case .halfThenClosed: return Deed(send: Array(reply.bytes.prefix(reply.bytes.count / 2)), after: .close)
    case .halfThenSilence: return Deed(send: Array(reply.bytes.prefix(reply.bytes.count / 2)), after: .silence)
    case .late: return Deed(waitSeconds: Lie.lateSeconds, send: reply.bytes)
    case .serverError: return Deed(send: Array("SERVER_ERROR out of memory\r\n".utf8))
    }
  }
}

/// One reply of memcached's meta protocol: a line, and a value after `VA`.
struct MetaReply: Equatable {
  /// Words of the line: `VA`, the value's length, flags.
  var words: [String]
  var value: [UInt8]?

  var bytes: [UInt8] {
    var all = Array(words.joined(separator: " ").utf8) + Array("\r\n".utf8)
    if let value { all += value + Array("\r\n".utf8) }
    return all
  }

  func withValue(_ value: [UInt8]) -> MetaReply {
    guard self.value != nil else { return self }
    var other = self
    other.value = value
    other.words[1] = "\(value.count)"
    return other
  }

  /// With the opaque of a request that nobody made; a reply without one (`MN`) becomes a reply to another command.
  func withAnotherOpaque() -> MetaReply {
    var other = self
    guard let index = words.firstIndex(where: { $0.hasPrefix("O") && $0.count > 1 }) else {
      other.words[0] = "NF"
      return other
    }
    let last = words[index].last!
    other.words[index] = words[index].dropLast() + (last == "1" ? "2" : "1")
    return other
  }

  /// Takes whole replies off the front of `bytes`; what is left waits for more.
  static func take(from bytes: inout [UInt8]) -> [MetaReply] {
    var replies: [MetaReply] = []
    var start = 0
    while let end = bytes[start...].firstRange(of: [13, 10]) {
      let words = String(decoding: bytes[start..<end.lowerBound], as: UTF8.self).split(separator: " ").map(String.init)
      var reply = MetaReply(words: words, value: nil)
      var next = end.upperBound
      if words.count > 1, words[0] == "VA", let length = Int(words[1]) {
        guard bytes.count >= next + length + 2 else { break }
        reply.value = Array(bytes[next..<next + length])
        next += length + 2
      }
      replies.append(reply)
      start = next
    }
    bytes.removeFirst(start)
    return replies
  }
}
