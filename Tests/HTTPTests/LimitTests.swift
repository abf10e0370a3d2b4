import Testing

@testable import HTTP

/// Each limit at its edge: the greatest that passes, and one more.
struct LimitTests {
  /// Small ones, so that every cut of the input can be tried.
  private static let small: HTTPLimits = {
    var limits = HTTPLimits()
    limits.lineBytes = 40
    limits.headBytes = 120
    limits.headerLines = 5
    limits.bodyBytes = 20
    limits.chunkOverheadBytes = 60
    return limits
  }()

  private func x(_ count: Int) -> String { String(repeating: "x", count: count) }

  @Test func `the published limits are these`() {
    let limits = HTTPLimits()
    #expect((limits.lineBytes, limits.headBytes, limits.headerLines) == (8192, 32768, 100))
  }

  private static let post = "POST / HTTP/1.1\r\nHost: a\r\n"
  private static let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"

  private func small(_ input: String) -> Reading { readEveryWay(input, limits: Self.small) }
  private func generous(_ input: String, _ bodyBytesMax: Int) -> Reading { read(input, bodyBytesMax: bodyBytesMax) }

  @Test func `a request line beyond the limit is 414`() {
    // 40 bytes: "GET /", 26 of them, " HTTP/1.1".
    let fits = small("GET /\(x(26)) HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(fits.completeCount == 1, "\(fits)")
    let over = small("GET /\(x(27)) HTTP/1.1\r\nHost: a\r\n\r\n")
    let endless = small(x(200))
    let afterEmpty = small("\r\n\(x(200))")
    #expect([over.status, endless.status, afterEmpty.status] == [414, 414, 414])
  }

  @Test func `a request line of 8 KiB passes and one byte more is 414`() {
    let fits = read("GET /\(x(8178)) HTTP/1.1\r\nHost: a\r\n\r\n")
    let over = read("GET /\(x(8179)) HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(fits.completeCount == 1)
    #expect(over.status == 414)
  }

  @Test func `a header line beyond the limit is 431`() {
    let fits = small("GET / HTTP/1.1\r\nHost: a\r\nA: \(x(37))\r\n\r\n")
    #expect(fits.completeCount == 1, "\(fits)")
    let over = small("GET / HTTP/1.1\r\nHost: a\r\nA: \(x(38))\r\n\r\n")
    let endless = small("GET / HTTP/1.1\r\nHost: a\r\n\(x(100))")
    #expect([over.status, endless.status] == [431, 431])
  }

  @Test func `a head beyond the limit is 431`() {
    // 16 + 9 + 40 + 40 + 2 bytes leave 13, of which "B: " and CR LF take 5.
    let start = "GET / HTTP/1.1\r\nHost: a\r\nA: \(x(35))\r\nA: \(x(35))\r\n"
    let fits = small("\(start)B: \(x(8))\r\n\r\n")
    #expect(fits.completeCount == 1, "\(fits)")
    let over = small("\(start)B: \(x(9))\r\n\r\n")
    #expect(over.status == 431)
  }

  @Test func `a hundred header lines pass and one more is 431`() {
    let lines = (1..<100).map { "F\($0): v\r\n" }.joined()
    let fits = read("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n")
    let over = read("GET / HTTP/1.1\r\nHost: a\r\n\(lines)G: v\r\n\r\n")
    #expect(fits.completeCount == 1)
    #expect(over.status == 431)
  }

  @Test func `a body beyond its route's limit is 413`() {
    let fits = small("\(Self.post)Content-Length: 20\r\n\r\n\(x(20))")
    let over = small("\(Self.post)Content-Length: 21\r\n\r\n\(x(21))")
    let longest = small("\(Self.post)Content-Length: 9223372036854775807\r\n\r\n")
    #expect(fits.completeCount == 1)
    #expect([over.status, longest.status] == [413, 413])
  }

  @Test func `a chunked body beyond its route's limit is 413`() {
    let chunks = "\(Self.chunked)a\r\n\(x(10))\r\n"
    let fits = small("\(chunks)A\r\n\(x(10))\r\n0\r\n\r\n")
    let over = small("\(chunks)B\r\n\(x(11))\r\n0\r\n\r\n")
    let longest = small("\(chunks)ffffffffffffffff\r\n")
    #expect(fits.completeCount == 1)
    #expect([over.status, longest.status] == [413, 413])
  }

  @Test func `a body of the greatest length there is may be allowed`() {
    let fits = generous("\(Self.chunked)7fffffffffffffff\r\nx", .max)
    let over = generous("\(Self.chunked)8000000000000000\r\nx", .max)
    let sum = generous("\(Self.chunked)1\r\nx\r\n7fffffffffffffff\r\nx", .max)
    #expect([fits.status, over.status, sum.status] == [nil, 413, 413])
  }

  @Test func `trailers count in the bytes of the head`() {
    // The head takes 56 of 120 bytes; "T: ", CR LF and the last CR LF take 7.
    #expect(Self.chunked.utf8.count == 56)
    let fits = small("\(Self.chunked)0\r\nT: \(x(26))\r\nU: \(x(26))\r\n\r\n")
    #expect(fits.completeCount == 1, "\(fits)")
    let over = small("\(Self.chunked)0\r\nT: \(x(26))\r\nU: \(x(27))\r\n\r\n")
    #expect(over.status == 431)
  }

  @Test func `trailers count in the lines of the head`() {
    let fits = small("\(Self.chunked)0\r\nT:\r\nT:\r\nT:\r\n\r\n")
    let over = small("\(Self.chunked)0\r\nT:\r\nT:\r\nT:\r\nT:\r\n\r\n")
    #expect(fits.completeCount == 1)
    #expect(over.status == 431)
  }

  @Test func `a chunk-size line beyond the limit is 400`() {
    let fits = small("\(Self.chunked)1;\(x(38))\r\nx\r\n0\r\n\r\n")
    let over = small("\(Self.chunked)1;\(x(39))\r\nx\r\n0\r\n\r\n")
    let endless = small("\(Self.chunked)1\r\nx\r\n1;\(x(60))")
    #expect(fits.completeCount == 1)
    #expect([over.status, endless.status] == [400, 400])
  }

  @Test func `a flood of one-byte chunks is 400`() {
    let flood = String(repeating: "1\r\nx\r\n", count: 100_000)
    let reading = generous("\(Self.chunked)\(flood)", 1 << 20)
    #expect(reading.status == 400)
    #expect(reading.requests[0].body.count == 20_479, "100 KiB of framing at five bytes a chunk")
    let few = String(repeating: "1\r\nx\r\n", count: 15)
    let reached = small("\(Self.chunked)\(few)")
    #expect(reached.status == 400)
  }

  @Test func `long extensions on short chunks are 400, few of them are not`() {
    let chunk = "64;\(x(1024))\r\n\(x(100))\r\n"
    let many = String(repeating: chunk, count: 1000)
    let few = String(repeating: chunk, count: 90)
    let abuse = generous("\(Self.chunked)\(many)", 1 << 20)
    let honest = generous("\(Self.chunked)\(few)0\r\n\r\n", 1 << 20)
    #expect(abuse.status == 400)
    #expect(honest.completeCount == 1)
  }

  @Test func `many honest chunks are no abuse`() {
    // 100 KiB of framing is reached after 14 600 chunks.
    let chunks = String(repeating: "10\r\n\(x(16))\r\n", count: 20_000)
    let reading = generous("\(Self.chunked)\(chunks)0\r\n\r\n", 1 << 20)
    #expect(reading.completeCount == 1)
    #expect(reading.requests[0].body.count == 320_000)
  }

  @Test func `a head that drips costs no more than its bytes`() {
    // 24 KiB in 8 KiB lines, byte by byte: were each line searched anew for each byte, 10⁸ steps and minutes.
    let lines = (0..<3).map { "F\($0): \(x(8000))\r\n" }.joined()
    let input = Array("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n".utf8)
    let start = ContinuousClock.now
    let reading = read(bytes: input, cuts: 1..<input.count)
    let elapsed = ContinuousClock.now - start
    #expect(reading.completeCount == 1)
    #expect(elapsed < Duration.seconds(10))
  }
}
