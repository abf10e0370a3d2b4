import Bytes
import Testing

@testable import Memcached

/// What a reader made of a whole input: replies as text, and the error that ended it.
struct ReadReplies: Equatable {
  var replies: [String] = []
  var error: MetaSyntaxError?
}

/// Feeds `input` to a reader in the given pieces, keeping what is not consumed, as a connection does.
func readReplies(_ pieces: [[UInt8]], valueBytesMax: Int = MetaLimits.valueBytesMax) -> ReadReplies {
  var reader = MetaReplyReader(valueBytesMax: valueBytesMax)
  var kept: [UInt8] = []
  var result = ReadReplies()
  for piece in pieces {
    kept += piece
    while result.error == nil {
      do throws(MetaSyntaxError) {
        guard let reply = try reader.next(kept.span.bytes) else { break }
        let flags = reply.flags
        var text = "\(reply.code) \(String(decoding: kept[reply.value], as: UTF8.self))"
        if flags.has(.opaque) { text += " O\(flags.opaque)" }
        if flags.has(.ttl) { text += " t\(flags.ttlSeconds)" }
        if flags.has(.cas) { text += " c\(flags.cas)" }
        if flags.has(.clientFlags) { text += " f\(flags.clientFlags)" }
        if flags.has(.won) { text += " W" }
        if flags.has(.stale) { text += " X" }
        if flags.has(.alreadyWon) { text += " Z" }
        result.replies.append(text)
        kept.removeFirst(reply.byteCount)
      } catch { result.error = error }
    }
  }
  return result
}

@Suite struct MetaReplyTests {
  /// Recorded from memcached 1.6.18.
  static let transcript = """
    VA 3 t60 c2 f5 O80\r\nabc\r\nEN O77\r\nVA 0 t30 c1 f0 O78 W\r\n\r\nVA 0 t30 c1 f0 O79 Z\r\n\r\nHD O1\r\n\
    VA 3 t30 c3 f5 O80 X W\r\nabc\r\nNS O3\r\nEX O2\r\nNF O2\r\nVA 4 t-1 c18446744073709551615 f4294967295 O4294967295\r\n\r\n\r\n\r\n\
    SERVER_ERROR object too large for cache\r\nSERVER_ERROR out of memory\r\nCLIENT_ERROR bad data chunk\r\nERROR\r\n
    """
  static let replies = [
    "value abc O80 t60 c2 f5", "miss  O77", "value  O78 t30 c1 f0 W", "value  O79 t30 c1 f0 Z", "done  O1",
    "value abc O80 t30 c3 f5 W X", "notStored  O3", "exists  O2", "notFound  O2",
    "value \r\n\r\n O4294967295 t-1 c18446744073709551615 f4294967295", "serverError(storing: true) ",
    "serverError(storing: false) ", "clientError ", "clientError ",
  ]

  @Test func `a transcript reads the same whole, byte by byte and at every split`() {
    let bytes = Array(Self.transcript.utf8)
    let expected = ReadReplies(replies: Self.replies)
    #expect(readReplies([bytes]) == expected)
    #expect(readReplies(bytes.map { [$0] }) == expected)
    for split in 1..<bytes.count {
      #expect(readReplies([Array(bytes[..<split]), Array(bytes[split...])]) == expected, "split at \(split)")
    }
  }

  @Test func `a value is bytes, whatever they look like`() {
    #expect(readReplies([Array("VA 9 O1\r\nEN O2\r\nHD\r\nEN O2\r\n".utf8)]).replies == ["value EN O2\r\nHD O1", "miss  O2"])
  }

  @Test(arguments: [
    ("VA 3 O1\r\nabcd\r\n", MetaSyntaxError.valueEnd), ("VA 3 O1\r\nab\r\nHD O2\r\n", .valueEnd),
    ("VA 3 O1\r\nabc\n\n", .valueEnd),
    ("VA O1\r\n", .length), ("VA\r\n", .length), ("VA \r\n", .length), ("VA -1 O1\r\n", .length),
    ("VA 1048577 O1\r\n", .length), ("VA 99999999999999999999 O1\r\n", .length), ("VA 0x3 O1\r\n", .flag),
    ("HD O1\n", .lineEnd), ("\n", .lineEnd), ("HD O1\r\r\n", .flag), ("\r\n", .code), ("H\r\n", .code),
    ("hd O1\r\n", .code), ("XX O1\r\n", .code), ("MN\r\n", .code), ("OK\r\n", .code), ("HDO1\r\n", .code),
    ("VALUE k 0 3\r\n", .code), ("END\r\n", .code), ("STORED\r\n", .code), ("ERRORS\r\n", .code), ("SERVER_ERROR\r\n", .code),
    ("HD O\r\n", .flag), ("HD O1x\r\n", .flag), ("HD O4294967296\r\n", .flag), ("HD O-1\r\n", .flag), ("HD O1 O1\r\n", .flag),
    ("HD  O1\r\n", .flag), ("EN O1 yother\r\n", .flag), ("EN O1 t-2\r\n", .flag), ("EN O1 WW\r\n", .flag),
    ("EN c18446744073709551616\r\n", .flag), ("EN f4294967296\r\n", .flag), ("HD s3\r\n", .flag),
  ])
  func `a reply that breaks the grammar is refused at every split`(input: String, error: MetaSyntaxError) {
    let bytes = Array(input.utf8)
    #expect(readReplies([bytes]).error == error)
    for split in 1..<max(bytes.count, 2) {
      #expect(readReplies([Array(bytes[..<split]), Array(bytes[split...])]).error == error, "split at \(split)")
    }
  }

  @Test func `a line may be 512 bytes and no more, and is refused without its end`() {
    let text = "CLIENT_ERROR " + String(repeating: "x", count: 499)
    #expect(readReplies([Array((text + "\r\n").utf8)]) == ReadReplies(replies: ["clientError "]))
    #expect(readReplies([Array((text + "x\r\n").utf8)]).error == .lineTooLong)
    #expect(readReplies([Array((text + "xxx").utf8)]).error == .lineTooLong)
    #expect(readReplies([Array(text.utf8)]) == ReadReplies())
  }

  @Test func `a value above the limit is refused before it is buffered`() {
    #expect(readReplies([Array("VA 11 O1\r\n".utf8)], valueBytesMax: 10).error == .length)
    #expect(readReplies([Array("VA 10 O1\r\n".utf8)], valueBytesMax: 10) == ReadReplies())
  }

  @Test func `random bytes never trap and never run ahead of the input`() {
    var random = SystemRandomNumberGenerator()
    let alphabet = Array("VAHDENSXFOtcfWZ 0123456789-\r\n".utf8)
    for _ in 0..<3000 {
      let bytes = (0..<Int.random(in: 1...60, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
      let whole = readReplies([bytes])
      #expect(readReplies(bytes.map { [$0] }) == whole, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
  }
}
