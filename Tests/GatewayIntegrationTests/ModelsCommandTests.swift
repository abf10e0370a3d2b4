import FoundationEssentials
import TestSupport
import Testing

extension Integration {
  /// `needletail models`, against a node that runs.
  @Suite(.enabled(if: Command.isBuilt)) struct ModelsCommandTests {
    let repository = TestRepository()

    private func models(_ gateway: RunningGateway, _ words: String...) -> Command.Result {
      Command.run(["models"] + words + ["--node", "127.0.0.1:\(gateway.adminPort)"])
    }

    @Test func `an operator sees versions, goes back, pins and follows the repository again`() throws {
      repository.publish()
      let gateway = try RunningGateway(repository)
      #expect(gateway.serves(2))
      repository.publish()
      #expect(gateway.serves(3))
      let list = models(gateway, "list")
      #expect(list.code == 0 && list.lines.first == "books serves version 3, a rollback leads to 2", "\(list)")
      #expect(list.lines.dropFirst().first == "  3  SERVING")

      let back = models(gateway, "rollback", "books")
      #expect(back.lines.first == "books serves version 2, pinned to 2, a rollback leads to 3", "\(back)")
      #expect(gateway.serves(2))
      #expect(models(gateway, "pin", "books", "3").code == 0)
      #expect(gateway.serves(3))
      #expect(models(gateway, "unpin", "books").output.contains("pinned") == false)
      #expect(models(gateway, "activate", "books", "2").code == 0)
      #expect(gateway.serves(2))
      struct Model: Decodable { let serving: Int }
      #expect(try models(gateway, "status", "books", "--json").decoded(Model.self).first?.serving == 2)
    }

    @Test func `what cannot be is refused with a code that tells whose fault it is`() throws {
      let gateway = try RunningGateway(repository)
      let unknown = models(gateway, "status", "films")
      #expect(unknown.code == 65 && unknown.errors == "error: There is no model \"films\".\n")
      #expect(models(gateway, "pin", "books", "9").code == 65)
      #expect(models(gateway, "rollback", "../books").code == 64)
      #expect(models(gateway, "rollback", "books", "--token-file", "/nowhere").code == 66)
      gateway.stop()
      #expect(models(gateway, "list").code == 69)
    }
  }
}
