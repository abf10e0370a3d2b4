import Bytes
import Testing

@testable import LoadGenerator

@Suite struct TraceTests {
  private static let tag = "0123456789abcdef"
  private static let text = """
    # needletail-load trace 1\t1.0\t4.0\t0123456789abcdef
    2500\thome\tGET /v1/placements/home/recommendations?userId=u1&numResults=9
    -1000\tlike\tGET /v1/placements/detail/recommendations?itemId=b7
    3000\tpage\tPOST /v1/recommendations:batch\t{"requests":[{"placement":"home","numResults":4},{"placement":"trending"}]}
    4000\tevents\tPOST /v1/events\t{"events":[{"eventId":"0123456789abcdef-4"},{"eventId":"0123456789abcdef-4-1"}]}
    5000\t/plain\tGET /plain

    """

  @Test func `a trace says what was sent, and thereby what to expect`() throws {
    let trace = try Trace(Array(TraceTests.text.utf8), path: "t", runTag: "fedcba9876543210")
    #expect(trace.warmUpSeconds == 1 && trace.durationSeconds == 4 && trace.count == 5)
    // In order of time, whatever the order of the file.
    #expect(trace.records.map(\.seconds) == [-0.001, 0.0025, 0.003, 0.004, 0.005])
    let kinds = trace.records.map { trace.kinds[$0.template] }
    #expect(
      kinds == [
        .list(placement: "detail", results: nil), .list(placement: "home", results: 9),
        .batch([.init(placement: "home", results: 4), .init(placement: "trending", results: nil)]), .events(count: 2),
        .raw,
      ])
    #expect(trace.records[0].item == hashOfText("b7"))
    #expect(trace.records.map { trace.names[$0.template] } == ["like", "home", "page", "events", "/plain"])
  }

  @Test func `replayed events carry ids of the new run`() throws {
    let trace = try Trace(Array(TraceTests.text.utf8), path: "t", runTag: "fedcba9876543210")
    let composer = RequestComposer(.standard, host: "h", seed: 1)
    var out = ByteBuffer()
    _ = trace.compose(3, composer, into: &out)
    let text = out.withBytes { $0.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
    let parts = text.split(separator: "\r\n\r\n")
    #expect(
      parts[0]
        == "POST /v1/events HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: \(parts[1].utf8.count)"
    )
    #expect(text.contains("fedcba9876543210-4-1") && !text.contains(TraceTests.tag))
  }

  @Test(arguments: [
    ("", "t:1: this is no trace"),
    ("GET /\n", "t:1: this is no trace"),
    ("# needletail-load trace 1\t0\t1\tx\nnonsense\n", "t:2: not a line of a trace"),
    ("# needletail-load trace 1\t0\t1\tx\n5\thome\tGET /a\n6\thome\tDELETE /a\n", "t:3: not a line of a trace"),
  ])
  func `what is no trace is refused with its line`(text: String, sentence: String) {
    let failure = #expect(throws: LoadError.self) { try Trace(Array(text.utf8), path: "t", runTag: "y") }
    #expect(failure?.description.hasPrefix(sentence) == true, "\(failure!)")
  }
}
