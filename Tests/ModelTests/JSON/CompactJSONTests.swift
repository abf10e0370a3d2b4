import Bytes
import Testing

@testable import Model

@Suite struct CompactJSONTests {
  private func isObject(_ text: String) -> Bool { isCompactJSONObject(text.utf8.span.bytes) }

  @Test func `objects without white space are taken`() {
    for text in [
      "{}", #"{"a":1}"#, #"{"a":-0.5e+10,"b":[true,false,null,{}],"c":"\u00e9\n\"\\/"}"#, #"{"a":[[],[[]]]}"#,
      #"{"é":"ü"}"#,
    ] { #expect(isObject(text), "\(text)") }
  }

  @Test func `what would break a response is not`() {
    for text in [
      "", "{", "}", "[]", "1", "null", "{} ", " {}", "{}{}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,"a":1}"#,
      #"{a:1}"#,
      #"{"a":01}"#, #"{"a":1.}"#, #"{"a":.5}"#, #"{"a":+1}"#, #"{"a":1e}"#, #"{"a":NaN}"#, #"{"a":tru}"#,
      #"{"a":"\x"}"#,
      #"{"a":"\u12"}"#, #"{"a":"}"#, "{\"a\":\"\n\"}", #"{"a":[1}"#, #"{"a":[1,]}"#, #"{"a": 1}"#, #"{"a":1]"#,
      #"{"a":[[[[[[[[[[[]]]]]]]]]]]}"#,
    ] { #expect(!isObject(text), "\(text)") }
  }

  @Test func `text comes back from its JSON`() {
    for value in ["", "plain", "quo\"te", "back\\slash", "line\nreturn\rtab\t", "\u{1}\u{1F}", "é😀"] {
      let json = text {
        $0.append(UInt8(ascii: "\""))
        $0.append(jsonEscaped: value)
        $0.append(UInt8(ascii: "\""))
      }
      let decoded = decodedJSONString(json.utf8.span.bytes)
      #expect(decoded == value)
    }
    for broken in ["", "\"", "\"\\", "\"\\\"", "\"\\u12\"", "\"\\uD800\""] {
      _ = decodedJSONString(broken.utf8.span.bytes)
    }
  }
}
