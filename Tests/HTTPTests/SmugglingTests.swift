import TestSupport
import Testing

@testable import HTTP

/// Ways to make two parsers disagree about where a request ends.
struct SmugglingTests {
  private static let bytes: [UInt8] = (0x01...0xFF).filter { $0 < 0x20 || $0 >= 0x7F }

  /// A request with `byte` put into its framing line at `offset`.
  private func mutated(_ line: String, at offset: Int, with byte: UInt8, body: String) -> [UInt8] {
    var line = Array(line.utf8)
    line.insert(byte, at: offset)
    var input = Array("POST / HTTP/1.1\r\nHost: a\r\n".utf8)
    input += line
    input += "\r\n\r\n\(body)".utf8
    return input
  }

  @Test func `no odd byte in or around Transfer-Encoding passes`() {
    let line = "Transfer-Encoding: chunked"
    for byte in Self.bytes {
      for offset in 0...line.utf8.count {
        let input = mutated(line, at: offset, with: byte, body: "1\r\nx\r\n0\r\n\r\n")
        let reading = read(bytes: input)
        // A tab is white space where white space may be: after the colon and at the end (RFC 9110 §5.6.3).
        let isOptionalSpace = byte == 0x09 && (offset == 18 || offset == 19 || offset == line.utf8.count)
        let context = "byte \(byte) at \(offset): \(reading)"
        if isOptionalSpace {
          #expect(reading.completeCount == 1 && reading.status == nil, "\(context)")
        } else {
          #expect(reading.status == 400 && reading.completeCount == 0, "\(context)")
        }
        #expect(read(bytes: input, cuts: 1..<input.count) == reading, "\(context)")
      }
    }
  }

  @Test func `no odd byte in or around Content-Length passes`() {
    let line = "Content-Length: 10"
    for byte in Self.bytes {
      for offset in 0...line.utf8.count {
        let reading = read(bytes: mutated(line, at: offset, with: byte, body: "0123456789"))
        let isOptionalSpace = byte == 0x09 && (offset == 15 || offset == 16 || offset == line.utf8.count)
        #expect((reading.status == nil) == isOptionalSpace, "byte \(byte) at \(offset): \(reading)")
      }
    }
  }

  @Test func `a name that only resembles a framing field does not frame`() {
    for name in [
      "Transfer_Encoding", "Transfer-Encodin", "X-Transfer-Encoding", "Transfer-Encoding1", "TransferEncoding",
    ] {
      let reading = readEveryWay("POST / HTTP/1.1\r\nHost: a\r\n\(name): chunked\r\nContent-Length: 2\r\n\r\nok")
      #expect(reading.requests.map { String(decoding: $0.body, as: UTF8.self) } == ["ok"], "\(name)")
    }
  }

  @Test func `random damage to good requests never crashes nor depends on the cuts`() {
    let good = [
      "GET /a?b=c HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n0\r\nT: u\r\n\r\n",
    ]
    var random = SeededRandom(seed: 9112)
    for round in 0..<3_000 {
      var input = Array((good.randomElement(using: &random)! + good.randomElement(using: &random)!).utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let offset = Int.random(in: 0..<input.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: input[offset] = UInt8.random(in: 0...255, using: &random)
        case 1: input.remove(at: offset)
        default: input.insert(UInt8.random(in: 0...255, using: &random), at: offset)
        }
      }
      let whole = read(bytes: input)
      let byByte = read(bytes: input, cuts: 1..<input.count)
      #expect(byByte == whole, "seed 9112, round \(round): \(String(decoding: input, as: UTF8.self).debugDescription)")
    }
  }
}
