import TestSupport
import Testing

@testable import Publishing

@Suite struct SecretFileTests {
  private let folder = TemporaryFolder()

  @Test(arguments: [
    "geheim", "geheim\n", "  geheim \t\r\n", "geheim\nwhat it is for\n", "geheim\r",
  ]) func `a secret is the first line of its file, without white space at its ends`(text: String) throws {
    #expect(try secret(inFile: folder.write(text, to: "token")) == "geheim")
  }

  @Test func `white space within a secret is its own`() throws {
    #expect(try secret(inFile: folder.write("very  secret\n", to: "token")) == "very  secret")
  }

  @Test(arguments: ["", "\n", " \t\n", "\ngeheim\n", "ge\theim\n", "gehëim\n"])
  func `what holds no secret is refused`(text: String) {
    let error = #expect(throws: PublishError.self) { try secret(inFile: folder.write(text, to: "token")) }
    #expect(error?.cause == .notAllowed)
  }

  @Test func `a file that cannot be read is refused by its name`() {
    let error = #expect(throws: PublishError.self) { try secret(inFile: folder.file("none")) }
    #expect(error?.detail.contains("none") == true)
  }
}
