import Testing

@testable import JSON

/// Parses a text and hands the value to `body` while the parser lives.
private func with<Result>(_ text: String, _ body: (JSONValue) throws -> Result) throws -> Result {
  let parser = JSONParser(maximumBytes: 1 << 20)
  return try withExtendedLifetime(parser) { try body(parser.parse(text.utf8.span.bytes)) }
}

private func text(_ value: JSONValue?) -> String? {
  guard let value, let bytes = value.string else { return nil }
  return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

private func failure(_ bytes: [UInt8], maximumBytes: Int = 1 << 20) -> JSONError? {
  do throws(JSONError) {
    _ = try JSONParser(maximumBytes: maximumBytes).parse(bytes.span.bytes)
    return nil
  } catch {
    return error
  }
}

@Suite struct JSONParserTests {
  @Test func `every kind of value is read as what it is and as nothing else`() throws {
    try with(#"{"a":null,"b":true,"c":-7,"d":1.5,"e":"x","f":[1,2],"g":{"h":1},"i":18446744073709551615}"#) { root in
      #expect(root.kind == .object && root.count == 8)
      #expect(root["a"]?.kind == .null && root["a"]?.bool == nil)
      #expect(root["b"]?.bool == true && root["b"]?.int64 == nil)
      #expect(root["c"]?.int64 == -7 && root["c"]?.double == -7)
      #expect(root["d"]?.double == 1.5 && root["d"]?.int64 == nil)
      #expect(text(root["e"]) == "x" && text(root["c"]) == nil)
      #expect(root["f"]?.count == 2 && root["f"]?[1].int64 == 2)
      #expect(root["g"]?["h"]?.int64 == 1 && root["g"]?.name(0) == "h")
      #expect(root["i"]?.int64 == nil && root["i"]?.kind == .number)
      #expect(root["none"] == nil && root["e"]?["x"] == nil && root["e"]?.count == 0)
    }
  }

  @Test func `escapes and characters beyond ASCII come out as UTF-8`() throws {
    try with(#"["\u00e9\n\"","😀","\ud83d\ude00",""]"#) { root in
      #expect(text(root[0]) == "é\n\"" && text(root[1]) == "😀" && text(root[2]) == "😀" && text(root[3]) == "")
    }
  }

  @Test func `the elements of an array come in their order, as many as asked for`() throws {
    try with(#"[1,{"a":2},[3,4],"x"]"#) { root in
      let all = root.elements(max: 10)
      #expect(all.count == 4 && all[0].int64 == 1 && all[1]["a"]?.int64 == 2 && all[2].count == 2 && text(all[3]) == "x")
      #expect(root.elements(max: 2).count == 2 && root.elements(max: 0).isEmpty)
      #expect(all[1].elements(max: 10).isEmpty && all[3].elements(max: 10).isEmpty)
    }
  }

  @Test func `of members with one name the first counts`() throws {
    try with(#"{"a":1,"a":2}"#) { #expect($0["a"]?.int64 == 1) }
  }

  @Test func `a document cut anywhere is an error, never a crash`() {
    let whole = Array(#"{"events":[{"eventId":"é","sentAt":1.5e3,"x":[true,null,{}]}]}"#.utf8)
    for count in 0..<whole.count { #expect(failure(Array(whole[..<count])) != nil, "cut at \(count)") }
    #expect(failure(whole) == nil)
  }

  @Test func `nesting beyond the limit, bytes beyond the limit and what is not UTF-8 are refused`() {
    let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
    #expect(failure(Array(deep.utf8)) != nil)
    let shallow = String(repeating: "[", count: 20) + String(repeating: "]", count: 20)
    #expect(failure(Array(shallow.utf8)) == nil)
    #expect(failure(Array("[1,2,3]".utf8), maximumBytes: 4) != nil)
    #expect(failure([0x22, 0xFF, 0xFE, 0x22]) != nil)
    #expect(failure(Array("[1e999]".utf8)) != nil)
    #expect(failure(Array("{'a':1}".utf8))?.description.isEmpty == false)
  }

  @Test func `a parser is used again and again, also after an error`() throws {
    let parser = JSONParser(maximumBytes: 1 << 20)
    for size in [1, 5000, 3, 100_000] {
      let list = "[" + Array(repeating: "7", count: size).joined(separator: ",") + "]"
      #expect(try parser.parse(list.utf8.span.bytes).count == size)
      #expect(throws: JSONError.self) { _ = try parser.parse("[".utf8.span.bytes).count }
    }
  }
}
