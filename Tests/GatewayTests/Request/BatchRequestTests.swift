import Bytes
import Configuration
import HTTP
import JSON
import TestSupport
import Testing

@testable import Gateway

@Suite final class BatchRequestTests {
  private let reader = RequestBody(bytesMax: 1 << 20)
  private let placements = try! Placements(Settings(Configuration(flags: [:])))

  /// What a batch's requests come to: the name of the placement and the number of items, or the problem as an answer
  /// says it. A problem of the whole is thrown.
  private func read(_ text: String) throws(RequestProblem) -> [String] {
    let bytes = Array(text.utf8)
    var parts: [String] = []
    try BatchRequest.forEachRequest(in: bytes.span.bytes, reader) { place, value in
      #expect(place == parts.count)
      do throws(RequestProblem) {
        let placement = try BatchRequest.placement(of: value, in: placements)
        var request = RecommendationRequest()
        try reader.read(value, into: &request, listItemsMax: 100)
        parts.append("\(placements.names[placement]) \(request.numResults ?? 0)")
      } catch {
        let problem = Problem(error, ofRequest: place)
        guard case .pointer(let pointer)? = problem.faults.first?.place else { return parts.append("no pointer") }
        parts.append("\(problem.status) \(pointer)")
      }
    }
    return parts
  }

  private func problem(_ text: String) -> RequestProblem? {
    do throws(RequestProblem) {
      _ = try read(text)
      return nil
    } catch {
      return error
    }
  }

  private func batch(_ request: String, _ count: Int) -> String {
    "{\"requests\":[" + Array(repeating: request, count: count).joined(separator: ",") + "]}"
  }

  @Test func `each request names its placement and has the members of a single one`() throws {
    let parts = try read(
      #"{"requests":[{"placement":"home","userId":"u1","numResults":12},{"placement":"detail","itemId":"i7"}],"more":1}"#)
    #expect(parts == ["home 12", "detail 0"])
  }

  @Test func `what is wrong with one request is pointed to there, and the others are read`() throws {
    let parts = try read(
      #"""
      {"requests":[{"placement":"attic"},{"placement":"home","numResults":101},{"placement":"home"},{"userId":"u"},7,
      {"placement":["home"]},{"placement":"home","context":{"hour":24}},{"placement":"home","exclude":[1]},
      {"placement":"home","filter":"category:a","numResults":3}]}
      """#)
    #expect(
      parts == [
        "404 /requests/0/placement", "400 /requests/1/numResults", "home 0", "400 /requests/3/placement",
        "400 /requests/4", "400 /requests/5/placement", "400 /requests/6/context/hour", "400 /requests/7/exclude",
        "home 3",
      ])
  }

  @Test(arguments: [
    "", "{", "[]", "7", "null", "{}", "{\"requests\":{}}", "{\"requests\":null}", "{\"requests\":[]}",
    "{\"requests\":[{\"placement\":\"home\"}]} x", "{\"request\":[{}]}",
  ])
  func `a body that is no batch is refused as a whole`(body: String) {
    #expect(problem(body)?.status == 400, "\(body)")
  }

  @Test func `a batch is taken up to its limit of requests and refused above`() throws {
    #expect(try read(batch("{\"placement\":\"home\"}", BatchRequest.requestsMax)).count == BatchRequest.requestsMax)
    #expect(problem(batch("{\"placement\":\"home\"}", BatchRequest.requestsMax + 1))?.status == 413)
    #expect(problem(batch("1", 100_000))?.status == 413)
  }

  @Test func `a batch is taken up to its limit of items and refused above`() {
    #expect(throws: Never.self) { try BatchRequest.check(itemCount: BatchRequest.itemsMax) }
    #expect(throws: RequestProblem.self) { try BatchRequest.check(itemCount: BatchRequest.itemsMax + 1) }
  }

  @Test func `the largest answer of a batch is sent without being gathered first`() {
    // The arithmetic of the limit: some 300 bytes an item.
    #expect(BatchRequest.itemsMax * 300 < Connection.outboxBytesMax)
  }

  @Test func `a batch cut anywhere is an error, never a crash`() {
    let whole = #"{"requests":[{"placement":"home","userId":"é","exclude":["a","b"]},{"placement":"detail"}]}"#
    let bytes = Array(whole.utf8)
    for count in 0..<bytes.count {
      #expect(problem(String(decoding: bytes[..<count], as: UTF8.self))?.status == 400, "cut at \(count)")
    }
    #expect(problem(whole) == nil)
  }

  @Test func `a list as long as it may be is read in time that grows with it`() {
    // Asked for by place, each element would be walked to: 16 × 1,000² / 2 = 8 million steps.
    let list = Array(repeating: "\"a\"", count: 1000).joined(separator: ",")
    let body = batch("{\"placement\":\"home\",\"exclude\":[\(list)]}", BatchRequest.requestsMax)
    let clock = ContinuousClock()
    let taken = clock.measure { #expect(problem(body) == nil) }
    #expect(taken < .milliseconds(500), "took \(taken)")
  }
}
