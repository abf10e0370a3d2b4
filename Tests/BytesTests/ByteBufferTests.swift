import Testing

@testable import Bytes

private func text(_ write: (inout ByteBuffer) -> Void) -> String {
  var buffer = ByteBuffer(capacity: 1)
  write(&buffer)
  return String(copying: buffer.bytes)
}

@Suite struct ByteBufferTests {
  @Test func `whole numbers of every width are written in decimal`() {
    #expect(text { $0.append(decimal: 0) } == "0")
    #expect(text { $0.append(decimal: Int64.min) } == "-9223372036854775808")
    #expect(text { $0.append(decimal: UInt64.max) } == "18446744073709551615")
    #expect(text { $0.append(decimal: Int8(-7)) } == "-7")
  }

  @Test func `numbers with a fixed point are rounded and never lose their leading zeros`() {
    #expect(text { $0.append(fixed: 0.8312, digits: 4) } == "0.8312")
    #expect(text { $0.append(fixed: -1.00006, digits: 4) } == "-1.0001")
    #expect(text { $0.append(fixed: 12.0405, digits: 4) } == "12.0405")
    #expect(text { $0.append(fixed: -0.00001, digits: 4) } == "0.0000")
    #expect(text { $0.append(fixed: .nan, digits: 4) } == "0")
    #expect(text { $0.append(fixed: .infinity, digits: 2) } == "0")
    #expect(text { $0.append(fixed: 2.5, digits: 0) } == "3")
  }

  @Test func `a JSON string escapes what must be escaped and mends what is not UTF-8`() {
    #expect(text { $0.append(jsonEscaped: "a\"b\\c\n\u{1}é😀") } == "a\\\"b\\\\c\\n\\u0001é😀")
    let broken: [UInt8] = [0x61, 0xFF, 0xC0, 0xAF, 0xED, 0xA0, 0x80, 0x62]
    #expect(text { $0.append(jsonEscaped: broken.span.bytes) } == "a" + String(repeating: "\u{FFFD}", count: 6) + "b")
  }

  @Test func `removing from the front keeps the rest`() {
    var buffer = ByteBuffer()
    buffer.append("hello world" as StaticString)
    buffer.removeFirst(6)
    buffer.replace(at: 0, with: "W".utf8.span.bytes)
    #expect(String(copying: buffer.bytes) == "World")
    buffer.remove(1..<4)
    #expect(String(copying: buffer.bytes) == "Wd")
    buffer.remove(2..<2)
    #expect(String(copying: buffer.bytes) == "Wd")
  }

  @Test func `emptied, a buffer gives back what it was not told to keep`() {
    var buffer = ByteBuffer(capacity: 16)
    buffer.append([UInt8](repeating: 1, count: 10_000))
    buffer.removeAll(keepingCapacity: 20_000)
    #expect(buffer.isEmpty && buffer.capacity >= 10_000)
    buffer.removeAll(keepingCapacity: 100)
    #expect(buffer.isEmpty && buffer.capacity == 100)
  }

  @Test func `hexadecimal and base 32 are written most significant digit first`() {
    #expect(text { $0.append(hex: 0x0123_4567_89ab_cdef) } == "0123456789abcdef")
    #expect(text { $0.append(base32: 31 << 5 | 1, digits: 4) } == "00Z1")
  }
}
