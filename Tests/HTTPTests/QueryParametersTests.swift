import Bytes
import Testing

@testable import HTTP

struct QueryParametersTests {
  private func pairs(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    var parameters = QueryParameters(bytes.span.bytes)
    var pairs: [String] = []
    while let parameter = parameters.next() {
      pairs.append(String(decoding: bytes[parameter.name] + [0x7C] + bytes[parameter.value], as: UTF8.self))
    }
    return pairs
  }

  @Test func `parameters come in order`() {
    #expect(pairs("userId=u1&n=10&flag&empty=&=x&a=b=c") == ["userId|u1", "n|10", "flag|", "empty|", "|x", "a|b=c"])
  }

  @Test func `empty parameters are skipped`() {
    #expect(pairs("") == [])
    #expect(pairs("&&") == [])
    #expect(pairs("&a=1&&b=2&") == ["a|1", "b|2"])
  }

  private func decoded(_ query: String) throws -> [String] {
    let bytes = Array(query.utf8)
    var parameters = QueryParameters(bytes.span.bytes)
    var values: [String] = []
    while let parameter = parameters.next() {
      var output = ByteBuffer()
      try parameters.decode(parameter, into: &output)
      values.append(String(copying: output.bytes))
    }
    return values
  }

  @Test func `values are decoded`() throws {
    #expect(try decoded("a=b+c%20d&e=%C3%A4%2f%2B&f=%00") == ["b c d", "ä/+", "\0"])
  }

  @Test(arguments: ["%", "%4", "%zz", "abc%4g", "ok%"]) func `a malformed triplet names its parameter`(_ value: String)
  {
    let error = #expect(throws: QueryError.self) { try decoded("good=1&numResults=\(value)&x=2") }
    #expect(error?.parameter == "numResults")
  }

  @Test func `a malformed value leaves the output as it was`() {
    var output = ByteBuffer()
    output.append("before" as StaticString)
    let isValid = percentDecode("abc%2".utf8.span.bytes, plusIsSpace: true, into: &output)
    let after = String(copying: output.bytes)
    #expect(!isValid && after == "before")
  }

  @Test func `a path keeps its plus`() {
    var output = ByteBuffer()
    let isValid = percentDecode("a+b%20c".utf8.span.bytes, plusIsSpace: false, into: &output)
    let text = String(copying: output.bytes)
    #expect(isValid && text == "a+b c")
  }

  @Test func `a name is recognised however it is encoded`() {
    let bytes = Array("user%49d=a+b&userId=c&userI=d&userIdx=e&user%4=f".utf8)
    var parameters = QueryParameters(bytes.span.bytes)
    var named: [Bool] = []
    var plain: [Bool] = []
    while let parameter = parameters.next() {
      named.append(parameters.isNamed(parameter, "userId"))
      plain.append(parameters.isPlain(parameter))
    }
    #expect(named == [true, true, false, false, false])
    #expect(plain == [false, true, true, true, true])
  }
}

struct CommaListTests {
  private func members(_ text: String, quoted: Bool = false) -> [String] {
    let bytes = Array(text.utf8)
    var list = CommaList(bytes.span.bytes, quoted: quoted)
    var members: [String] = []
    while let member = list.next() { members.append(String(decoding: bytes[member], as: UTF8.self)) }
    return members
  }

  @Test func `members come without white space, empty ones not at all`() {
    #expect(members("a, b ,\tc,,d") == ["a", "b", "c", "d"])
    #expect(members("") == [] && members(" , ,") == [] && members("a") == ["a"])
  }

  @Test func `a comma in quotes does not separate where quotes count`() {
    #expect(members("a;x=\"1,\\\",2\", b", quoted: true) == ["a;x=\"1,\\\",2\"", "b"])
    #expect(members("\"a,b", quoted: true) == ["\"a,b"])
    #expect(members("\"a\\", quoted: true) == ["\"a\\"])
    #expect(members("\"a,b\"") == ["\"a", "b\""])
  }
}

struct EntityTagsTests {
  @Test(arguments: [
    ("*", true), (" * ", true), ("\"x\"", true), ("W/\"x\"", true), ("\"a\", \"x\"", true), ("\"a,\",W/\"x\"", true),
    (",, \"x\"", true),
    ("\"a\"\"x\"", true), ("\"y\"", false), ("", false), ("x", false), ("\"x", false), ("w/\"x\"", false),
    ("\"a\", x, \"x\"", false), ("\"*\"", false),
    ("W/", false), ("*, \"x\"", false), ("\"xx\"", false),
  ]) func `If-None-Match is compared weakly`(_ list: String, _ expected: Bool) {
    let strong = ifNoneMatch(list.utf8.span.bytes, matches: "\"x\"".utf8.span.bytes)
    let weak = ifNoneMatch(list.utf8.span.bytes, matches: "W/\"x\"".utf8.span.bytes)
    #expect((strong, weak) == (expected, expected))
  }
}
