import Reactor
import Testing

@Suite struct SocketAddressTests {
  @Test(arguments: [
    ("127.0.0.1:8080", "127.0.0.1:8080", 8080), ("[::1]:8080", "[::1]:8080", 8080), (":8080", "0.0.0.0:8080", 8080),
    ("[0:0::0:1]:80", "[::1]:80", 80), ("/run/needletail.sock", "/run/needletail.sock", 0),
    ("127.0.0.1:0", "127.0.0.1:0", 0),
  ])
  func `a well formed address is read and printed`(text: String, printed: String, port: Int) throws {
    let address = try SocketAddress(text)
    #expect(address.description == printed)
    #expect(Int(address.port) == port)
    #expect(address.isUnix == text.hasPrefix("/"))
  }

  @Test(arguments: [
    "", "8080", "localhost:8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "::1:8080", "[::1]",
    "[::1]8080",
    "[127.0.0.1]:80", "1.2.3:80", "relative/path.sock", "127.0.0.1:８０", "/" + String(repeating: "x", count: 107),
  ])
  func `anything else is refused`(text: String) {
    #expect(throws: LoopError.self) { try SocketAddress(text) }
  }

  @Test func `equal addresses are equal values`() throws {
    #expect(try SocketAddress("[::1]:1") == SocketAddress("[0:0:0:0:0:0:0:1]:1"))
    #expect(try SocketAddress(":1") != SocketAddress(":2"))
  }

  @Test func `literals and the local host resolve`() throws {
    #expect(try SocketAddress.resolve(host: "10.1.2.3", port: 5).description == "10.1.2.3:5")
    #expect(try SocketAddress.resolve(host: "localhost", port: 5).port == 5)
  }

  @Test func `a host that does not exist is an error`() {
    #expect(throws: LoopError.self) { try SocketAddress.resolve(host: "needletail.invalid", port: 1) }
  }
}
