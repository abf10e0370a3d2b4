import Testing

@testable import LoadGenerator

@Suite struct AnswerCheckTests {
  private static let good =
    #"{"recommendationId":"R1","placement":"home","items":[{"itemId":"a","score":0.5},{"itemId":"b","score":0.4}],"fallback":null,"model":{"name":"m","version":3}}"#

  private func fault(
    _ body: String, placement: String = "home", results: Int? = 2, item: String? = nil, last: UInt64 = 0
  ) -> AnswerCheck.Fault? {
    let expected = AnswerCheck.Expectation(placement: placement, results: results, item: item.map { hashOfText($0) })
    return fault { check, bytes in try check.checkList(bytes, expected, lastIdentity: last) }(
      body)
  }

  private func fault(
    _ body: @escaping (AnswerCheck, UnsafeRawBufferPointer) throws -> Void
  ) -> (String) -> AnswerCheck.Fault? {
    { text in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
      defer { copy.deallocate() }
      copy.copyBytes(from: Array(text.utf8))
      do { try body(AnswerCheck(), UnsafeRawBufferPointer(copy)) } catch { return error as? AnswerCheck.Fault }
      return nil
    }
  }

  @Test func `the answer to what was asked is right`() {
    #expect(fault(AnswerCheckTests.good) == nil)
    #expect(fault(AnswerCheckTests.good, results: nil) == nil)
    #expect(fault(AnswerCheckTests.good, item: "c") == nil)
  }

  @Test(
    arguments: [
      ("null", .envelope), ("{", .notJSON), ("", .notJSON),
      (good.replacing(#""recommendationId":"R1","#, with: ""), .envelope),
      (good.replacing(#""fallback":null,"#, with: ""), .envelope),
      (good.replacing("home", with: "detail"), .placement),
      (good.replacing(#","score":0.4"#, with: ""), .item),
      (good.replacing(#""itemId":"b","#, with: ""), .item),
      (good.replacing(#""itemId":"b""#, with: #""itemId":"a""#), .duplicateItem),
      (good.replacing(#","version":3"#, with: ""), .model),
      (good.replacing(#""version":3"#, with: #""version":0"#), .model),
      (good.replacing(#",{"itemId":"b","score":0.4}"#, with: ""), .itemCount),
    ] as [(String, AnswerCheck.Fault)])
  func `another answer is told by what is wrong with it`(body: String, wanted: AnswerCheck.Fault) {
    #expect(fault(body) == wanted)
  }

  @Test func `too many items are as wrong as too few`() {
    #expect(fault(AnswerCheckTests.good, results: 1) == .itemCount)
  }

  @Test func `fewer items are right where nothing more exists, and the answer says so`() {
    let short = AnswerCheckTests.good.replacing(
      #""fallback":null"#, with: #""fallback":{"reason":"filter_empty","source":"static"}"#)
    #expect(fault(short, results: 5) == nil)
    #expect(fault(short.replacing("filter_empty", with: "unknown_user"), results: 5) == .itemCount)
    #expect(fault(short, results: 1) == .itemCount)
  }

  @Test func `no model is right while there is none`() {
    let none = AnswerCheckTests.good.replacing(#"{"name":"m","version":3}"#, with: "null")
    #expect(fault(none) == nil)
  }

  @Test func `the item asked about is not among those like it`() {
    #expect(fault(AnswerCheckTests.good, item: "b") == .askedItem)
  }

  @Test func `an answer with the id of the one before it is that one's bytes`() {
    #expect(fault(AnswerCheckTests.good, last: hashOfText("R1")) == .repeated)
    #expect(fault(AnswerCheckTests.good, last: hashOfText("R0")) == nil)
  }

  @Test func `a batch has one response a request, in order, and no item twice`() {
    let other = AnswerCheckTests.good.replacing("home", with: "trending").replacing(#""a""#, with: #""c""#)
      .replacing(#""b""#, with: #""d""#)
    let expected = ["home", "trending"].map { AnswerCheck.Expectation(placement: $0, results: 2) }
    let batch = fault { check, bytes in try check.checkBatch(bytes, expected, lastIdentity: 0)
    }
    #expect(batch(#"{"responses":[\#(AnswerCheckTests.good),\#(other)]}"#) == nil)
    #expect(batch(#"{"responses":[\#(other),\#(AnswerCheckTests.good)]}"#) == .placement)
    #expect(batch(#"{"responses":[\#(AnswerCheckTests.good)]}"#) == .batchCount)
    #expect(
      batch(#"{"responses":[\#(AnswerCheckTests.good),\#(AnswerCheckTests.good.replacing("home", with: "trending"))]}"#)
        == .duplicateItem)
    #expect(batch("{}") == .envelope)
  }

  @Test func `events are all accepted, or known already`() {
    let events = fault { check, bytes in try check.checkEvents(bytes, count: 3) }
    #expect(events(#"{"accepted":3,"duplicates":0,"rejected":[]}"#) == nil)
    #expect(events(#"{"accepted":1,"duplicates":2,"rejected":[]}"#) == nil)
    #expect(events(#"{"accepted":2,"duplicates":0,"rejected":[{"index":0,"reason":"x"}]}"#) == .events)
  }
}
