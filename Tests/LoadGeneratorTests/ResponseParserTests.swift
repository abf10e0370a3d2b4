import Testing

@testable import LoadGenerator

@Suite struct ResponseParserTests {
  struct Read: Equatable, CustomStringConvertible {
    var status: Int
    var tier: Tier
    var closes: Bool
    var body: String
    var description: String { "\(status) \(tier.name) \(closes ? "close" : "keep") \(body)" }
  }

  /// Feeds bytes in pieces, as a connection does: what is left of one is given again with the next.
  private func read(_ pieces: [[UInt8]]) throws(ResponseParser.Fault) -> [Read] {
    var parser = ResponseParser()
    var (inbox, all): ([UInt8], [Read]) = ([], [])
    for piece in pieces {
      inbox += piece
      while true {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: inbox.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: inbox)
        let bytes = UnsafeRawBufferPointer(copy)
        guard let answer = try parser.next(bytes) else { break }
        let body = UnsafeRawBufferPointer(rebasing: bytes[answer.body])
        all.append(
          Read(
            status: answer.status, tier: answer.tier, closes: answer.closes,
            body: String(decoding: answer.isChunked ? ChunkedBody.content(body) : Array(body), as: UTF8.self)))
        inbox.removeFirst(answer.consumed)
      }
    }
    return all
  }

  private static let stream =
    "HTTP/1.1 200 OK\r\nCache-Status: Needletail; hit; ttl=53; detail=l2\r\nContent-Length:      5\r\n\r\nhello"
    + "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nConnection: Keep-Alive, Close\r\n\r\n"
    + "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n"
    + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nWiki\r\nB\r\npedia\r\n\r\nin\r\n0\r\nTrailer: x\r\n\r\n"
    + "HTTP/1.0 404 Not Found\r\nCACHE-STATUS: Edge; fwd=miss, Needletail; fwd=uri-miss; detail=computed; stored\r\nContent-Length: 2\r\n\r\nno"

  private static let answers = [
    Read(status: 200, tier: .l2, closes: false, body: "hello"),
    Read(status: 503, tier: .none, closes: true, body: ""),
    Read(status: 204, tier: .none, closes: false, body: ""),
    Read(status: 200, tier: .none, closes: false, body: "Wikipedia\r\n\r\nin"),
    Read(status: 404, tier: .computed, closes: true, body: "no"),
  ]

  @Test func `answers are the same whole, byte by byte and at every split`() throws {
    let bytes = Array(ResponseParserTests.stream.utf8)
    #expect(try read([bytes]) == ResponseParserTests.answers)
    #expect(try read(bytes.map { [$0] }) == ResponseParserTests.answers)
    for split in 1..<bytes.count {
      #expect(
        try read([Array(bytes[..<split]), Array(bytes[split...])]) == ResponseParserTests.answers, "split \(split)")
    }
  }

  @Test(
    arguments: [
      ("SSH-2.0-OpenSSH_9.2", .notHTTP),
      ("HTTP/2 200 OK\r\n\r\n", .notHTTP),
      ("HTTP/1.1 20x OK\r\n\r\n", .notHTTP),
      ("HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", .notHTTP),
      ("HTTP/1.1 200 OK\r\n\r\n", .noLength),
      ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .badField),
      ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .badField),
      ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", .bodyTooLarge),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .badField),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", .badChunk),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n", .badChunk),
    ] as [(String, ResponseParser.Fault)])
  func `what is no answer is a fault, however it comes`(text: String, fault: ResponseParser.Fault) {
    #expect(throws: fault) { try read([Array(text.utf8)]) }
    #expect(throws: fault) { try read(text.utf8.map { [$0] }) }
  }

  @Test func `a head without end is given up`() {
    let endless = Array("HTTP/1.1 200 OK\r\nX: ".utf8) + [UInt8](repeating: 0x61, count: 70_000)
    #expect(throws: ResponseParser.Fault.headTooLarge) { try read([endless]) }
  }

  @Test(arguments: [
    ("Needletail; hit; detail=l1", Tier.l1), ("Needletail; hit; ttl=-12; detail=stale", .stale),
    ("Needletail; fwd=bypass; detail=popular", .popular), ("Needletail; detail=teapot", .other),
    ("Varnish; hit", .none),
  ])
  func `the tier is the detail of Cache-Status`(value: String, tier: Tier) throws {
    let answers = try read([Array("HTTP/1.1 200 OK\r\nCache-Status: \(value)\r\nContent-Length: 0\r\n\r\n".utf8)])
    #expect(answers.map(\.tier) == [tier])
  }
}
