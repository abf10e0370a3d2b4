import TestSupport
import Testing

@Suite(.enabled(if: Command.isBuilt, "the command is not built")) struct AdminTokenTests {
  @Test func `the token of a node is the first line of its file`() {
    let folder = TemporaryFolder()
    let node = WebPeer { request in
      request.field("authorization") == "Bearer geheim" ? WebPeer.Reply(200, #"{"models":[]}"#) : WebPeer.Reply(401)
    }
    func code(_ text: String) -> Int32 {
      let address = String(node.url.dropFirst("http://".count))
      return Command.run("models", "list", "--node", address, "--token-file", folder.write(text, to: "token")).code
    }
    #expect(code(" geheim\t\r\nof the node\n") == 0)
    #expect(code("ge heim\n") == 77)
    #expect(code("\ngeheim\n") == 66)
  }
}
