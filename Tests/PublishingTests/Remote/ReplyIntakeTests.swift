import Bytes
import Testing

@testable import Publishing

@Suite struct ReplyIntakeTests {
  private func intake(fromByte: Int = 0, bytesMax: Int = 10, _ head: [String]) -> ReplyIntake {
    var call = WebCall(.get, "http://x/")
    (call.fromByte, call.bytesMax) = (fromByte, bytesMax)
    var intake = ReplyIntake(call, place: "here")
    for line in head { intake.head(line + "\r\n") }
    return intake
  }

  private func take(_ intake: inout ReplyIntake, _ text: String) throws(PublishError) -> String {
    var got = ""
    let bytes = Array(text.utf8)
    try intake.content(bytes.span.bytes) { (piece: RawSpan) throws(PublishError) in got += String(copying: piece) }
    return got
  }

  @Test func `content of a success is handed on, that of a failure kept for a sentence`() throws {
    var good = intake(["HTTP/1.1 200 OK", "ETag:  \"x\" "])
    #expect(try take(&good, "abc") == "abc" && good.reply.entityTag?.hasPrefix("\"x\"") == true)
    var bad = intake(["HTTP/1.1 422 No", "Content-Length: 99"])
    #expect(try take(&bad, #"{"detail":"why"}"#) == "")
    #expect(bad.reply.failure(at: "p").detail.contains("why"))
    for _ in 0..<100 { _ = try take(&bad, String(repeating: "x", count: 1000)) }
    #expect(bad.reply.complaint.count == ReplyIntake.complaintBytes)
  }

  @Test func `no more is taken than was asked for`() throws {
    var intake = intake(["HTTP/1.1 200 OK"])
    #expect(try take(&intake, "0123456789") == "0123456789")
    #expect(throws: PublishError.self) { _ = try take(&intake, "0") }
    var announced = self.intake(["HTTP/1.1 200 OK", "Content-Length: 11"])
    #expect(throws: PublishError.self) { _ = try take(&announced, "0") }
    var empty = self.intake(["HTTP/1.1 200 OK", "Content-Length: 11"])
    #expect(throws: PublishError.self) { try empty.finish() }
  }

  @Test func `a range goes on where it was asked to, and a whole body is passed over up to there`() throws {
    var range = intake(fromByte: 4, ["HTTP/1.1 206 Partial", "Content-Range: bytes 4-9/10", "Content-Length: 6"])
    #expect(try take(&range, "456789") == "456789")
    var whole = intake(fromByte: 4, ["HTTP/1.1 200 OK", "Content-Length: 10"])
    #expect(try take(&whole, "012") == "" && take(&whole, "345") == "45" && take(&whole, "6789") == "6789")
    for field in ["Content-Range: bytes 5-9/10", "Content-Range: bytes 40-9/10", "X: y"] {
      var wrong = intake(fromByte: 4, ["HTTP/1.1 206 Partial", field])
      #expect(throws: PublishError.self) { _ = try take(&wrong, "4") }
    }
  }

  @Test func `an interim answer is forgotten, fields without end are not kept`() throws {
    var intake = intake(["HTTP/1.1 100 Continue", "X-Early: 1", "HTTP/1.1 200 OK"])
    #expect(intake.reply.status == 200 && intake.reply.fields == [:])
    for number in 0..<1000 { intake.head("x-\(number): \(number)\r\n") }
    intake.head("y: " + String(repeating: "y", count: 100_000))
    #expect(intake.reply.fields.count == ReplyIntake.fieldsMax && intake.reply.fields["y"] == nil)
    intake.head("HTTP/")
    #expect(intake.reply.status == 0)
  }
}
