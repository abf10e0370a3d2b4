import Bytes
import TestSupport
import Testing

@testable import Gateway

@Suite struct RequestBodyTests {
  /// What is wrong with a body; nil when it is taken.
  private func problem(_ text: String) -> RequestProblem? {
    let body = RequestBody(bytesMax: 1 << 20)
    var request = RecommendationRequest()
    let bytes = Array(text.utf8)
    do throws(RequestProblem) {
      try body.read(bytes.span.bytes, into: &request, listItemsMax: 100)
      return nil
    } catch {
      return error
    }
  }

  private func list(_ element: String, _ count: Int) -> String {
    "[" + Array(repeating: element, count: count).joined(separator: ",") + "]"
  }

  @Test func `lists are taken up to their limits`() {
    #expect(problem("{\"exclude\":\(list("\"a\"", RecommendationRequest.excludedMax))}") == nil)
    #expect(problem("{\"fields\":\(list("\"a\"", RecommendationRequest.fieldsMax))}") == nil)
    #expect(problem("{\"filter\":{\"category\":\(list("\"a\"", 32)),\"not\":{}}}") == nil)
  }

  @Test(arguments: ["\"\"", "\"a\""])
  func `a list beyond its limit is refused before its elements are walked, empty ones too`(element: String) {
    let long = list(element, 20_000)
    for body in ["{\"exclude\":\(long)}", "{\"fields\":\(long)}", "{\"filter\":{\"category\":\(long)}}"] {
      #expect(problem(body)?.status == 413, "\(body.prefix(30))…")
    }
    let members = (0..<20_000).map { "\"m\($0)\":[]" }.joined(separator: ",")
    #expect(problem("{\"filter\":{\(members)}}")?.status == 413)
    #expect(problem("{\"filter\":{\"not\":{\(members)}}}")?.status == 413)
  }

  @Test(arguments: [
    "[]", "null", "1", "{\"numResults\":1e300}", "{\"numResults\":-9223372036854775808}", "{\"numResults\":[1]}",
    "{\"userId\":{}}", "{\"userId\":1.5}", "{\"exclude\":{}}", "{\"exclude\":[null]}", "{\"filter\":[]}",
    "{\"context\":[]}", "{\"context\":{\"hour\":24}}", "{\"experiment\":1}", "{\"userId\":\"\\ud800\"}", "{} {}",
    String(repeating: "[", count: 5_000),
  ])
  func `what cannot be is the client's fault`(body: String) {
    #expect(problem(body)?.status == 400, "\(body.prefix(60))")
  }

  @Test func `a fault is pointed to where the body has it`() {
    #expect(Parameter.hour.pointer == "/context/hour")
    #expect(Parameter.arm.pointer == "/experiment/arm")
    #expect(Parameter.numResults.pointer == "/numResults")
  }
}
