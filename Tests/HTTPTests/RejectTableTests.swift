import Testing

@testable import HTTP

/// What a strict reading of RFC 9112 refuses, row by row, each cut at every byte.
struct RejectTableTests {
  private func get(_ fields: String) -> String { "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n" }
  private func chunked(_ body: String) -> String {
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body)"
  }

  @Test func `Content-Length with Transfer-Encoding is 400`() {
    expectRefusal(get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400)
    expectRefusal(get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400)
  }

  @Test(arguments: [
    "gzip", "chunked, gzip", "identity", "xchunked", "chunked;q=1", "", ",", "chunked,", ", chunked", "\"chunked\"",
  ])
  func `a Transfer-Encoding whose last coding is not chunked is 400`(_ value: String) {
    expectRefusal(get("Transfer-Encoding: \(value)\r\n"), 400)
  }

  @Test func `a repeated Transfer-Encoding or chunked is 400`() {
    expectRefusal(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400)
    expectRefusal(get("Transfer-Encoding: chunked, chunked\r\n"), 400)
  }

  @Test func `Transfer-Encoding in HTTP 1 dot 0 is 400`() {
    expectRefusal("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400)
  }

  @Test func `an unknown transfer coding is 501`() {
    expectRefusal(get("Transfer-Encoding: gzip, chunked\r\n"), 501)
    expectRefusal(get("Transfer-Encoding: pigeons ,\tchunked\r\n"), 501)
  }

  @Test(arguments: [
    "", "+5", "-5", "0x5", "1_0", "5a", "5 5", "5, 5", "5,", "９", "9223372036854775808", "99999999999999999999999",
    "00000000000000000005",
  ])
  func `a Content-Length that is not one number is 400`(_ value: String) {
    expectRefusal(get("Content-Length: \(value)\r\n"), 400)
  }

  @Test func `a repeated Content-Length is 400, even an identical one`() {
    expectRefusal(get("Content-Length: 5\r\nContent-Length: 5\r\n"), 400)
    expectRefusal(get("Content-Length: 5\r\ncontent-length: 6\r\n"), 400)
  }

  @Test(arguments: ["A : b", "A\t: b", ": b", "A", "A b: c", "A(: b", "Ä: b", "A\u{7f}: b", "@: b", "A\0: b", "A/B: c"])
  func `a name that is not a token up to the colon is 400`(_ line: String) {
    expectRefusal(get("\(line)\r\n"), 400)
  }

  @Test func `a folded line is 400`() {
    expectRefusal(get("A: b\r\n c\r\n"), 400)
    expectRefusal(get("A: b\r\n\tc\r\n"), 400)
  }

  @Test func `white space before the first field is 400`() {
    expectRefusal("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400)
    expectRefusal("GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", 400)
  }

  @Test func `a control character in a value is 400`() {
    for code: UInt8 in 0...0x7F where (code < 0x20 || code == 0x7F) && ![0x09, 0x0A, 0x0D].contains(code) {
      let control = Character(UnicodeScalar(code))
      expectRefusal(get("A: b\(control)c\r\n"), 400)
      expectRefusal(get("A: a longer value than eight bytes\(control)\r\n"), 400)
    }
  }

  @Test func `a bare CR is 400`() {
    expectRefusal(get("A: b\rc\r\n"), 400)
    expectRefusal(get("A: b\r\r\n"), 400)
    expectRefusal("GET / HTTP/1.1\rHost: a\r\n\r\n", 400)
  }

  @Test func `a bare LF is 400`() {
    expectRefusal("GET / HTTP/1.1\nHost: a\r\n\r\n", 400)
    expectRefusal("GET / HTTP/1.1\r\nHost: a\n\r\n", 400)
    expectRefusal("GET / HTTP/1.1\r\nHost: a\r\n\n", 400)
    expectRefusal("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400)
  }

  @Test func `HTTP 1 dot 1 without Host is 400`() {
    expectRefusal("GET / HTTP/1.1\r\n\r\n", 400)
    expectRefusal("GET http://a/ HTTP/1.1\r\n\r\n", 400)
  }

  @Test func `more than one Host is 400`() {
    expectRefusal(get("Host: a\r\n"), 400)
    expectRefusal("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400)
    expectRefusal("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400)
  }

  @Test(arguments: [
    "u@a", "a/b", "a b", "a:b", "a:99999", "a:123456", "a:1:2", "[::1", "[]", "[::1]x", "[g]", "a%", "a%2", "a%zz",
    "a?b", "a#b", "ä", "a\\b",
    "a\"",
  ])
  func `a Host that is not a name with a port is 400`(_ host: String) {
    expectRefusal("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n", 400)
  }

  @Test(arguments: [
    "", "a", "a:", "a:80", "127.0.0.1:65535", "[::1]", "[::ffff:1.2.3.4]:80", "xn--bcher-kva.example", "a_b",
    "0.0.0.0=5000", "a%20b",
  ])
  func `a Host that is a name with a port is taken`(_ host: String) {
    let reading = readEveryWay("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    #expect(reading.requests.map(\.host) == [host])
    #expect(reading.status == nil)
  }

  @Test(arguments: [
    "http://u@a/", "http://", "http:///p", "http://:80/", "http:/a", "ftp://a/", "http", "a", "a:80", "*", "?q",
    "http://a:b/",
  ])
  func `a target of no known form is 400`(_ target: String) {
    expectRefusal("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n", 400)
  }

  @Test func `a space, control character, fragment or byte beyond ASCII in the target is 400`() {
    for target in [
      "/a b", "/a\tb", "/a#b", "/\u{1}", "/a\u{7f}", "/ä", "/a long target that ends with\0", "/0123456789#",
    ] {
      expectRefusal("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n", 400)
    }
  }

  @Test(arguments: [
    "HTTP/1.32", "HTTP/0.9", "http/1.1", "HTTP/1", "HTTP/1.", "HTTP/11", "HTTP/a.1", "HTTP/1.x", "HTTP/1,1",
    "HTTPS/1.1", "HTTP /1.1", "HTTP/1.1 ",
    "HTTP/-1.1",
  ])
  func `a version of the wrong form is 400`(_ version: String) {
    expectRefusal("GET / \(version)\r\nHost: a\r\n\r\n", 400)
  }

  @Test(arguments: ["HTTP/5.6", "HTTP/2.0", "HTTP/3.1"]) func `another major version is 505`(_ version: String) {
    expectRefusal("GET / \(version)\r\nHost: a\r\n\r\n", 505)
  }

  @Test func `the preface of HTTP 2 is 505`() {
    expectRefusal("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
  }

  @Test(arguments: [
    "GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET / ", "GET /", "GET", "GET HTTP/1.1", "GET  HTTP/1.1",
    "G(T / HTTP/1.1", "GET\t/ HTTP/1.1",
  ])
  func `a request line of the wrong form is 400`(_ line: String) {
    expectRefusal("\(line)\r\nHost: a\r\n\r\n", 400)
  }

  @Test(arguments: ["200-ok", "100-continue, x", "100-continue;q", ""]) func `another expectation is 417`(
    _ value: String
  ) {
    expectRefusal(get("Expect: \(value)\r\n"), 417)
  }

  @Test(arguments: ["CONNECT a:80", "PURGE /", "get /", "GETS /", "MKCOL /"]) func `an unknown method is 501`(
    _ start: String
  ) {
    expectRefusal("\(start) HTTP/1.1\r\nHost: a\r\n\r\n", 501)
  }

  @Test(arguments: [
    "\r\n", "g\r\n", "+1\r\n", "0x1\r\n", "-1\r\n", " 1\r\nx\r\n", "1 \r\nx\r\n", "1\t\r\nx\r\n",
    "00000000000000001\r\nx\r\n", "1\nx\r\n",
    "1\r\r\nx\r\n", "1,\r\nx\r\n", "1\0\r\nx\r\n",
  ])
  func `a chunk size that is not up to 16 hexadecimal digits and CR LF is 400`(_ body: String) {
    expectRefusal(chunked(body), 400)
  }

  @Test(arguments: [
    ";", ";=b", "; a", " ;a", ";a ;b", ";a= b", ";a=", ";a=\"b", ";a=\"b\"c", ";a\u{1}", ";a=\"\u{1}\"", ";a=\"\\",
    ";;a", ";a=(b)", ";ä",
  ])
  func `a malformed chunk extension is 400`(_ text: String) {
    expectRefusal(chunked("1\(text)\r\nx\r\n0\r\n\r\n"), 400)
  }

  @Test(arguments: ["1\r\nxy\r\n", "1\r\nx\n", "1\r\nx\r1", "1\r\nx0\r\n\r\n"])
  func `chunk data without CR LF after it is 400`(_ body: String) {
    expectRefusal(chunked(body), 400)
  }

  @Test(arguments: ["0\r\nx\r\n\r\n", "0\r\n\n", "0\r\n a: b\r\n\r\n", "0\r\nA : b\r\n\r\n", "0\r\nA: b\u{1}\r\n\r\n"])
  func `junk after the last chunk is 400`(_ body: String) {
    expectRefusal(chunked(body), 400)
  }

  @Test func `a second empty line before a request line is 400`() {
    expectRefusal("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400)
  }

  @Test func `too little time is 408`() {
    #expect(HTTPError.headTimeout.status == 408 && HTTPError.bodyTimeout.status == 408)
  }
}
