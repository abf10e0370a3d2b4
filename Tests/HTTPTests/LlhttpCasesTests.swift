import FoundationEssentials
import TestSupport
import Testing

@testable import HTTP

/// The request cases of the llhttp test suite, each whole, byte by byte and cut at every offset.
struct LlhttpCasesTests {
  private static let file = "http/llhttp-requests.jsonl"

  struct Case: Decodable {
    let id: String
    let bytes_base64: Data
    let expect: String
    let method: String?
    let url: String?
    let messages: Int
    let complete: Bool?

    var bytes: [UInt8] { Array(bytes_base64) }
    var text: String { String(decoding: bytes_base64, as: UTF8.self) }
  }

  /// How Needletail differs from llhttp in strict mode, and why.
  private enum Difference {
    /// It refuses what llhttp takes, with this status.
    case stricter(Int, StaticString)
    /// It answers the complete requests and refuses what follows, with this status.
    case stricterAfter(Int, StaticString)
    /// It answers the complete requests and ignores what follows instead of refusing it.
    case ignoresRest(StaticString)
    /// It waits for the end of a line before it judges it; with that end the case is refused.
    case waits(StaticString)
    /// What stands in the file as the data of another protocol is not read as the body.
    case noUpgrade(StaticString)
  }

  private static let differences: [String: Difference] = [
    // RFC 9110 §9.1: a method that no resource here implements is 501; CONNECT is for tunnels.
    "method-0004": .stricter(501, "REPORT is not known here (RFC 9110 §9.1)"),
    "method-0027": .stricter(501, "CONNECT asks for a tunnel (RFC 9110 §9.3.6)"),
    "method-0062": .stricter(501, "CONNECT asks for a tunnel (RFC 9110 §9.3.6)"),
    "method-0096": .stricter(501, "CONNECT asks for a tunnel (RFC 9110 §9.3.6)"),
    "uri-0188": .stricter(501, "CONNECT asks for a tunnel (RFC 9110 §9.3.6)"),
    "method-0135": .stricter(501, "M-SEARCH is not known here (RFC 9110 §9.1)"),
    "method-0217": .stricter(501, "PURGE is not known here (RFC 9110 §9.1)"),
    "method-0245": .stricter(501, "SEARCH is not known here (RFC 9110 §9.1)"),
    "method-0273": .stricter(501, "LINK is not known here (RFC 9110 §9.1)"),
    "method-0311": .stricter(501, "UNLINK is not known here (RFC 9110 §9.1)"),
    "method-0482": .stricter(501, "QUERY is not known here (RFC 9110 §9.1)"),
    "sample-0314": .stricter(400, "HTTP/0.9 has no version in its request line (RFC 9112 §3)"),
    "uri-0165": .stricter(400, "a target has no fragment (RFC 9112 §3.2)"),
    "transfer-encoding-0751": .stricter(400, "a target has no fragment (RFC 9112 §3.2)"),
    "transfer-encoding-0793": .stricter(400, "a target has no fragment (RFC 9112 §3.2)"),
    "uri-0222": .stricter(400, "userinfo in an http URI is an error (RFC 9110 §4.2.4)"),
    "connection-0156": .stricterAfter(400, "two empty lines before a request line: one is ignored (RFC 9112 §2.2)"),
    "connection-0081": .ignoresRest("the server must not process what follows a close (RFC 9112 §9.6)"),
    "connection-0292": .ignoresRest("the server must not process what follows a close (RFC 9112 §9.6)"),
    "connection-0342": .ignoresRest("the server must not process what follows a close (RFC 9112 §9.6)"),
    "content-length-0493": .waits("no LF ends the line"),
    "invalid-0490": .waits("no LF ends the line"),
    "invalid-0509": .waits("no LF ends the line"),
    "connection-0542": .noUpgrade(
      "what follows is a request that waits for its line's end (RFC 9110 §7.8: Upgrade may be ignored)"),
    "connection-0713": .noUpgrade("four bytes of eight are the body, the rest waits (RFC 9110 §7.8)"),
    "connection-0753": .noUpgrade("what follows is a request that waits for its line's end (RFC 9110 §7.8)"),
    "connection-0812": .noUpgrade("what follows is a request that waits for its line's end (RFC 9110 §7.8)"),
  ]

  private static func cases() throws -> [Case] {
    let decoder = JSONDecoder()
    return try SharedData.text(file).split(separator: "\n").map { try decoder.decode(Case.self, from: Data($0.utf8)) }
  }

  /// Most cases have no Host, which HTTP/1.1 demands (RFC 9112 §3.2) and llhttp leaves to its user. They are run as they
  /// are, to be refused for it, and with a Host put in, to see everything else.
  private static func withHost(_ text: [UInt8]) -> [UInt8] {
    let line = Array("HTTP/1.1\r\n".utf8)
    var output: [UInt8] = []
    for byte in text {
      output.append(byte)
      if output.suffix(line.count).elementsEqual(line) { output += Array("Host: llhttp.example\r\n".utf8) }
    }
    return output
  }

  @Test(.enabled(if: SharedData.has(LlhttpCasesTests.file), "shared data is not beside this checkout"))
  func `every llhttp case is judged as llhttp does or as the table of differences says`() throws {
    let cases = try Self.cases()
    #expect(cases.count == 126)
    for one in cases { judge(one) }
    #expect(Set(Self.differences.keys).isSubset(of: cases.map(\.id)))
  }

  private func judge(_ one: Case) {
    let hasHost = one.text.lowercased().contains("\r\nhost:")
    if !hasHost && one.expect == "accept" && one.messages > 0 && one.text.contains("HTTP/1.1\r\n")
      && Self.differences[one.id] == nil
    {
      let bare = readEveryWay(bytes: one.bytes)
      #expect(bare.status == 400 && bare.completeCount == 0, "\(one.id) without Host: \(bare)")
    }
    let input = hasHost ? one.bytes : Self.withHost(one.bytes)
    let reading = readEveryWay(bytes: input)
    switch Self.differences[one.id] {
    case .stricter(let status, _):
      #expect(reading.status == status && reading.completeCount == 0, "\(one.id): \(reading)")
    case .stricterAfter(let status, _):
      #expect(reading.status == status && reading.completeCount == one.messages, "\(one.id): \(reading)")
    case .ignoresRest:
      #expect(reading.status == nil && reading.isFinished, "\(one.id): \(reading)")
      #expect(reading.completeCount == one.messages, "\(one.id): \(reading)")
    case .waits:
      #expect(reading.status == nil && reading.isInsideRequest, "\(one.id): \(reading)")
      let ended = readEveryWay(bytes: input + [0x0D, 0x0A, 0x0D, 0x0A])
      #expect(ended.status != nil && ended.completeCount == 0, "\(one.id) with its line ended: \(ended)")
    case .noUpgrade:
      #expect(reading.status == nil && reading.completeCount == one.messages, "\(one.id): \(reading)")
    case nil where one.expect == "accept":
      #expect(reading.status == nil, "\(one.id): \(reading)")
      #expect(reading.completeCount == one.messages, "\(one.id): \(reading)")
      #expect(one.complete != reading.isInsideRequest, "\(one.id): \(reading)")
      #expect(
        one.method == nil || reading.requests.first.map { $0.method.name.description } == one.method,
        "\(one.id): \(reading)")
      #expect(one.url == nil || reading.requests.first?.target == one.url, "\(one.id): \(reading)")
    case nil:
      #expect(reading.status != nil, "\(one.id) must be refused: \(reading)")
      #expect(reading.completeCount == one.messages, "\(one.id): \(reading)")
    }
  }
}
