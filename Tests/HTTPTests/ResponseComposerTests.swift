import Bytes
import FoundationEssentials
import Testing

@testable import HTTP

struct ResponseComposerTests {
  private static let composer = ResponseComposer(unixSeconds: 784_111_777)
  private static let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

  private func text(_ compose: (inout ByteBuffer) -> Void) -> String {
    var output = ByteBuffer()
    compose(&output)
    return String(copying: output.bytes)
  }

  @Test func `an answer is a head, a length and a body`() {
    let answer = text {
      Self.composer.write(200, .implied, to: .get, contentType: "text/plain", body: "hello".utf8.span.bytes, into: &$0)
    }
    #expect(answer == "HTTP/1.1 200 OK\r\n\(Self.date)Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
  }

  @Test func `HEAD tells the length and sends no body`() {
    let answer = text {
      Self.composer.write(200, .close, to: .head, contentType: "text/plain", body: "hello".utf8.span.bytes, into: &$0)
    }
    #expect(
      answer
        == "HTTP/1.1 200 OK\r\n\(Self.date)Connection: close\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n")
  }

  @Test(arguments: [204, 304]) func `an answer without content has no length`(_ status: Int) {
    let answer = text {
      Self.composer.write(status, .keepAlive, to: .get, contentType: "text/plain", body: "x".utf8.span.bytes, into: &$0)
      {
        $0.append(field: "ETag", "W/\"x\"" as StaticString)
      }
    }
    #expect(
      answer
        == "HTTP/1.1 \(status) \(HTTPStatus.phrase(status))\r\n\(Self.date)Connection: keep-alive\r\nETag: W/\"x\"\r\n\r\n"
    )
  }

  @Test func `100 has no field`() {
    #expect(text { ResponseComposer.writeContinue(into: &$0) } == "HTTP/1.1 100 Continue\r\n\r\n")
  }

  @Test(arguments: [(0, "       0"), (7, "       7"), (665, "     665"), (99_999_999, "99999999")])
  func `a length is patched in after the body`(_ length: Int, _ digits: String) {
    let head = text {
      let offset = $0.reserveContentLength()
      $0.endHead()
      $0.patch(contentLength: length, at: offset)
    }
    #expect(head == "Content-Length: \(digits)\r\n\r\n")
  }

  @Test func `a value from elsewhere cannot start a line`() {
    #expect(text { $0.append(field: "X", "a\r\nSet-Cookie: b\0") } == "X: a??Set-Cookie: b?\r\n")
    #expect(text { $0.append(field: "X", "tab\tand ä stay") } == "X: tab\tand ä stay\r\n")
  }

  @Test func `Date is composed once a second`() {
    var composer = ResponseComposer(unixSeconds: 0)
    #expect(text { composer.begin(200, .implied, into: &$0) }.contains("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"))
    composer.refreshDate(unixSeconds: 951_827_696)
    #expect(text { composer.begin(200, .implied, into: &$0) }.contains("Date: Tue, 29 Feb 2000 12:34:56 GMT\r\n"))
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (1_795_364_439, "Sun, 22 Nov 2026 16:20:39 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
    (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"), (-5, "Thu, 01 Jan 1970 00:00:00 GMT"),
  ]) func `a date is IMF-fixdate`(_ seconds: Int, _ expected: String) {
    #expect(text { $0.append(httpDate: seconds) } == expected)
  }

  @Test func `every status line has its own code and a phrase`() {
    for status in [
      100, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413,
      414, 415, 417, 422, 429,
      431, 500, 501, 502, 503, 504, 505, 507,
    ] {
      let line = HTTPStatus.line(status).description
      #expect(line == "HTTP/1.1 \(status) \(HTTPStatus.phrase(status))\r\n")
      #expect(!HTTPStatus.phrase(status).isEmpty)
    }
    #expect(HTTPStatus.line(499).description.contains(" 400 "))
  }
}

struct ProblemTests {
  private struct Decoded: Decodable {
    struct Fault: Decodable, Equatable {
      var pointer: String?
      var parameter: String?
      var detail: String
    }
    var type, title, detail: String
    var status: Int
    var instance: String?
    var errors: [Fault]?
  }

  private func decoded(_ problem: Problem) throws -> Decoded {
    var output = ByteBuffer()
    problem.append(to: &output)
    return try JSONDecoder().decode(Decoded.self, from: Data(String(copying: output.bytes).utf8))
  }

  @Test func `a problem says what, where and which request`() throws {
    var problem = Problem(status: 400, detail: "numResults must be at most 100.")
    problem.instance = "r-1"
    problem.faults = [
      .init(.pointer("/numResults"), "is 1000"), .init(.parameter("a\"b\n"), "unknown"),
    ]
    let json = try decoded(problem)
    #expect(json.type == "about:blank" && json.title == "Bad Request" && json.status == 400 && json.instance == "r-1")
    #expect(json.detail == "numResults must be at most 100.")
    #expect(
      json.errors == [
        .init(pointer: "/numResults", parameter: nil, detail: "is 1000"),
        .init(pointer: nil, parameter: "a\"b\n", detail: "unknown"),
      ])
  }

  @Test func `a parser error is a problem`() throws {
    let json = try decoded(Problem(HTTPError.hostMissing))
    #expect(json.status == 400 && json.detail.contains("Host") && json.errors == nil && json.instance == nil)
  }

  @Test func `a malformed parameter is a problem that names it`() throws {
    let json = try decoded(Problem(QueryError(parameter: "userId", reason: "no")))
    #expect(json.errors == [.init(pointer: nil, parameter: "userId", detail: "no")])
  }

  @Test func `a problem is an answer of its own type`() {
    var output = ByteBuffer()
    let composer = ResponseComposer(unixSeconds: 0)
    composer.write(Problem(status: 405, detail: "Only GET."), .close, to: .get, into: &output) {
      $0.append(field: "Allow", "GET, HEAD" as StaticString)
    }
    let text = String(copying: output.bytes)
    #expect(text.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
    #expect(text.contains("\r\nContent-Type: application/problem+json\r\nAllow: GET, HEAD\r\nContent-Length: "))
    #expect(text.hasSuffix("}"))
  }
}
