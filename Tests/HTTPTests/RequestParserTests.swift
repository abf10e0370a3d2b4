import Bytes
import Testing

@testable import HTTP

struct RequestParserTests {
  @Test func `a plain GET is a head and an end`() {
    let reading = readEveryWay(
      "GET /v1/items?userId=u1&n=3 HTTP/1.1\r\nHost: a.example:8080\r\nAccept:  */* \t\r\n\r\n")
    let request = ReadRequest(
      target: "/v1/items?userId=u1&n=3", path: "/v1/items", query: "userId=u1&n=3", host: "a.example:8080",
      fields: ["Host: a.example:8080", "Accept: */*"], isComplete: true)
    #expect(reading == Reading(requests: [request]))
  }

  @Test(arguments: HTTPMethod.allCases) func `every method is read by its name`(_ method: HTTPMethod) {
    let reading = readEveryWay("\(method.name) / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(reading.requests.map(\.method) == [method])
    #expect(reading.completeCount == 1)
  }

  @Test func `requests in one read come one after the other`() {
    let reading = readEveryWay(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    #expect(reading.requests.map(\.target) == ["/1", "/2", "/3"])
    #expect(reading.requests.map { String(decoding: $0.body, as: UTF8.self) } == ["", "abc", ""])
    #expect(reading.completeCount == 3 && reading.status == nil && reading.rest == 0)
  }

  @Test func `a valid request before an invalid one is still told`() {
    let reading = readEveryWay("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET  /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(reading.completeCount == 1)
    #expect(reading.status == 400)
  }

  @Test func `an error stays`() {
    var parser = RequestParser()
    let bytes = Array("GET\r\n".utf8)
    let good = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    var errors = 0
    for input in [bytes, good] {
      do { _ = try parser.step(input.span.bytes) } catch { errors += 1 }
    }
    #expect(errors == 2)
    let isFinished = parser.isFinished
    #expect(isFinished)
  }

  @Test func `nothing is read after a request that closes`() {
    let reading = readEveryWay(
      "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(reading.completeCount == 1 && reading.isFinished && reading.status == nil)
    #expect(reading.rest > 0)
  }

  @Test(arguments: [
    ("HTTP/1.1", "", true), ("HTTP/1.1", "close", false), ("HTTP/1.1", "Keep-Alive", true),
    ("HTTP/1.1", "foo, CLOSE", false),
    ("HTTP/1.1", "keep-alive, close", false), ("HTTP/1.1", "closed", true), ("HTTP/1.0", "", false),
    ("HTTP/1.0", "keep-alive", true), ("HTTP/1.0", "close, keep-alive", false), ("HTTP/1.7", "", true),
  ]) func `a connection stays open by version and Connection`(_ version: String, _ connection: String, _ stays: Bool) {
    let field = connection.isEmpty ? "" : "Connection: \(connection)\r\n"
    let reading = readEveryWay("GET / \(version)\r\nHost: a\r\n\(field)\r\n")
    #expect(reading.requests.map(\.keepAlive) == [stays])
    #expect(reading.isFinished == !stays)
  }

  @Test func `Connection may be said in several lines`() {
    let reading = readEveryWay("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n")
    #expect(reading.requests.map(\.keepAlive) == [false])
  }

  @Test func `HTTP 1 dot 0 needs no Host`() {
    let reading = readEveryWay("GET / HTTP/1.0\r\n\r\n")
    #expect(reading.requests.map(\.versionMinor) == [0])
    #expect(reading.requests[0].host == nil)
  }

  @Test func `an absolute target replaces Host`() {
    let reading = readEveryWay("GET HTTP://b.example:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(reading.requests.map(\.host) == ["b.example:81"])
    #expect(reading.requests.map(\.path) == ["/p"])
    #expect(reading.requests.map(\.query) == ["q"])
  }

  @Test func `an absolute target may have no path`() {
    let reading = readEveryWay("GET https://b?q=1 HTTP/1.1\r\nHost: b\r\n\r\n")
    #expect(reading.requests.map(\.path) == [""])
    #expect(reading.requests.map(\.query) == ["q=1"])
  }

  @Test func `OPTIONS asks the server with an asterisk`() {
    let reading = readEveryWay("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(reading.requests.map(\.path) == ["*"])
  }

  @Test func `one empty line before a request is ignored`() {
    let reading = readEveryWay("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(reading.completeCount == 2)
    let idle = read("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n")
    #expect(!idle.isInsideRequest, "an old client's extra line after a body does not start a request")
  }

  @Test func `a chunked body comes without its framing`() {
    let reading = readEveryWay(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n006;a=b;c;d=\"x;\\\"y\"\r\n world\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    #expect(reading.requests.map(\.target) == ["/", "/2"])
    #expect(String(decoding: reading.requests[0].body, as: UTF8.self) == "hello world")
    #expect(reading.completeCount == 2)
  }

  @Test func `trailers are consumed and dropped`() {
    let reading = readEveryWay(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nDigest: y\r\nContent-Length: 9\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    #expect(reading.completeCount == 2 && reading.rest == 0)
    #expect(reading.requests[0].fields == ["Host: a", "Transfer-Encoding: chunked"])
  }

  @Test func `the expectation of 100 is told only where a body is`() {
    func expects(_ head: String) -> [Bool] { readEveryWay(head).requests.map(\.expectContinue) }
    #expect(expects("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n") == [true])
    #expect(expects("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n") == [false])
    #expect(expects("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n") == [false])
  }

  @Test func `a body too large is refused before it is sent`() throws {
    var parser = RequestParser()
    let head = Array("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n".utf8)
    let nothing: [UInt8] = []
    let step = try parser.step(head.span.bytes)
    #expect(step == .head(bytes: head.count))
    parser.bodyBytesMax = 10
    do {
      let step = try parser.step(nothing.span.bytes)
      Issue.record("\(step)")
    } catch {
      #expect(error.status == 413)
    }
  }

  @Test func `a route may allow more than the limits`() {
    var limits = HTTPLimits()
    limits.bodyBytes = 4
    let input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"
    #expect(readEveryWay(input, limits: limits).status == 413)
    #expect(readEveryWay(input, limits: limits, bodyBytesMax: 5).completeCount == 1)
  }

  @Test func `a deadline knows when a request has begun`() throws {
    var parser = RequestParser()
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    var inside = [parser.isInsideRequest]
    for range in [0..<1, 0..<bytes.count, bytes.count..<bytes.count] {
      _ = try parser.step(bytes.span.bytes.extracting(range))
      inside.append(parser.isInsideRequest)
    }
    #expect(inside == [false, true, true, false])
  }
}

struct RequestHeadTests {
  private static let text =
    "GET / HTTP/1.1\r\nhOST: a\r\nX-Thing: 1\r\nIf-None-Match: \"a\", W/\"b,c\"\r\nx-thing: 2\r\nif-none-match: \"d\"\r\norigin: o\r\n\r\n"

  @Test func `fields are found by name in any case`() throws {
    var parser = RequestParser()
    let bytes = Array(Self.text.utf8)
    _ = try parser.step(bytes.span.bytes)
    func text(_ range: Range<Int>?) -> String? { range.map { String(decoding: bytes[$0], as: UTF8.self) } }
    let span = bytes.span.bytes
    let thing = text(parser.head.value(of: "x-thing", in: span))
    let absent = text(parser.head.value(of: "x-think", in: span))
    let host = text(parser.head.value(of: .host))
    let origin = text(parser.head.value(of: .origin))
    let accept = text(parser.head.value(of: .accept))
    #expect((thing, absent, host, origin, accept) == ("1", nil, "a", "o", nil))
    let first = parser.head.index(of: "x-thing", from: 0, in: span)
    let second = parser.head.index(of: "x-thing", from: 2, in: span)
    let third = parser.head.index(of: "x-thing", from: 4, in: span)
    #expect((first, second, third) == (1, 3, nil))
  }

  @Test func `If-None-Match is compared over all its lines`() throws {
    var parser = RequestParser()
    let bytes = Array(Self.text.utf8)
    _ = try parser.step(bytes.span.bytes)
    for (tag, expected) in [
      ("W/\"a\"", true), ("\"b,c\"", true), ("W/\"d\"", true), ("\"b\"", false), ("\"e\"", false),
    ] {
      let found = parser.head.matches(entityTag: tag.utf8.span.bytes, in: bytes.span.bytes)
      #expect(found == expected, "\(tag)")
    }
  }

  @Test func `a head says how the connection goes on`() throws {
    for (line, expected) in [
      ("HTTP/1.1\r\nHost: a", Persistence.implied), ("HTTP/1.1\r\nHost: a\r\nConnection: close", .close),
      ("HTTP/1.0\r\nConnection: keep-alive", .keepAlive), ("HTTP/1.0\r\nHost: a", .close),
    ] {
      var parser = RequestParser()
      let bytes = Array("GET / \(line)\r\n\r\n".utf8)
      _ = try parser.step(bytes.span.bytes)
      let persistence = parser.head.persistence
      #expect(persistence == expected, "\(line)")
    }
  }
}
