import Memcached
import Testing

@Suite struct NodeAddressTests {
  @Test(arguments: [
    ("10.0.0.1", "10.0.0.1", 11211, 1),
    ("cache-1.internal:11300", "cache-1.internal", 11300, 1),
    ("10.0.0.1:11211:600", "10.0.0.1", 11211, 600),
    ("[::1]:11300:2", "[::1]", 11300, 2),
    ("[::1]", "[::1]", 11211, 1),
    ("/run/mc.sock", "/run/mc.sock", 11211, 1),
    ("/run/mc.sock:3", "/run/mc.sock", 11211, 3),
  ])
  func `an address keeps its literal host`(text: String, host: String, port: Int, weight: Int) throws {
    let address = try NodeAddress(parsing: text)
    #expect((address.host, address.port, address.weight) == (host, port, weight))
    #expect(try NodeAddress(parsing: address.description) == address)
  }

  @Test(arguments: [
    "", ":11211", "a:", "a:b", "a:0", "a:65536", "a:11211:0", "a:11211:1000001", "a:1:2:3", "::1", "[::1", "[::1]x:1",
    "a b:1", "a\n:1", "/run/mc.sock:1:2", "/run/mc.sock:", "a:+1", "a:99999999999999999999",
    "/" + String(repeating: "x", count: 107), String(repeating: "x", count: 256),
  ])
  func `an address that cannot be one is refused with its text`(text: String) {
    #expect(throws: NodeAddressError.self) { try NodeAddress(parsing: text) }
    do { _ = try NodeAddress(parsing: text) } catch { #expect("\(error)".contains("'\(text)'")) }
  }
}
