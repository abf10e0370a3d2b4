import Bytes
import Testing

@testable import Memcached

@Suite struct MetaCommandsTests {
  private func composed(_ body: (inout ByteBuffer) -> Void) -> String {
    var buffer = ByteBuffer()
    body(&buffer)
    return String(copying: buffer.bytes)
  }
  private let key = "nt1:shop:k"

  @Test func `a get asks for value, ttl, cas and flags, and vivifies and recaches first`() {
    #expect(composed { $0.appendMetaGet(key: key.utf8.span.bytes, opaque: 7) } == "mg nt1:shop:k v t c f O7\r\n")
    #expect(
      composed { $0.appendMetaGet(key: key.utf8.span.bytes, recacheSeconds: 30, vivifySeconds: 5, opaque: 4_294_967_295) }
        == "mg nt1:shop:k N5 R30 v t c f O4294967295\r\n")
  }

  @Test func `a set carries its mode`() {
    let value = "abc"
    func set(_ mode: SetMode) -> String {
      composed {
        $0.appendMetaSet(
          key: key.utf8.span.bytes, value: value.utf8.span.bytes, flags: 3, ttlSeconds: 60, mode: mode, opaque: 1)
      }
    }
    #expect(set(.always) == "ms nt1:shop:k 3 T60 F3 O1\r\nabc\r\n")
    #expect(set(.add) == "ms nt1:shop:k 3 T60 F3 ME O1\r\nabc\r\n")
    #expect(set(.ifUnchanged(cas: .max)) == "ms nt1:shop:k 3 T60 F3 C18446744073709551615 O1\r\nabc\r\n")
  }

  @Test func `a delete deletes, or marks stale`() {
    let bytes = key.utf8
    #expect(composed { $0.appendMetaDelete(key: bytes.span.bytes, opaque: 1) } == "md nt1:shop:k O1\r\n")
    #expect(
      composed { $0.appendMetaDelete(key: bytes.span.bytes, cas: 9, staleSeconds: 30, opaque: 1) }
        == "md nt1:shop:k C9 I T30 O1\r\n")
  }

  @Test(arguments: [(Int.min, 2), (0, 2), (1, 2), (2, 2), (2_592_000, 2_592_000), (2_592_001, 2_592_000), (Int.max, 2_592_000)])
  func `a ttl stays where memcached counts seconds`(given: Int, sent: Int) {
    let value = ""
    #expect(
      composed {
        $0.appendMetaSet(
          key: key.utf8.span.bytes, value: value.utf8.span.bytes, flags: 0, ttlSeconds: given, mode: .always, opaque: 0)
      } == "ms nt1:shop:k 0 T\(sent) F0 O0\r\n\r\n")
  }

  @Test func `a key is 1 to 250 bytes without spaces and controls`() {
    func isKey(_ text: String) -> Bool { MetaLimits.isKey(text.utf8.span.bytes) }
    #expect(isKey("a") && isKey(String(repeating: "k", count: 250)) && isKey("schlüssel"))
    #expect(!isKey("") && !isKey(String(repeating: "k", count: 251)))
    for byte in UInt8(0)...0x20 { #expect(!isKey("a\(Unicode.Scalar(byte))b"), "byte \(byte)") }
    #expect(!isKey("a\u{7F}"))
  }
}
