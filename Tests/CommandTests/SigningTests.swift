import FoundationEssentials
import TestSupport
import Testing

@Suite(.enabled(if: Command.isBuilt, "the command is not built")) struct SigningTests {
  private let files: PublishFiles
  private let key, trusted, folder: String

  init() throws {
    files = try PublishFiles()
    (key, trusted) = (files.files["home.key"], files.files["home.pub"])
    folder = files.root + "/models/home"
    #expect(Command.run("keygen", "--key", key, "--public-key", trusted, "--no-password").code == 0)
    #expect(files.publish(0, to: files.root, "--alias", "champion").code == 0)
  }

  @Test(arguments: [
    ("", "aliases.json"), ("", "./aliases.json"), ("/1", "../aliases.json"), ("/..", "home/aliases.json"),
  ])
  func `aliases are signed for their model from wherever one stands`(place: String, file: String) throws {
    let signed = Command.run(in: folder + place, "sign", file, "--key", key)
    #expect(signed.code == 0 && signed.output.contains("model=home"), "\(signed)")
    #expect(Command.run(in: folder + place, "verify", file, "--public-key", trusted).code == 0)
    #expect(Command.run("verify", folder + "/aliases.json", "--public-key", trusted).code == 0)
  }

  @Test func `a signature that gateways refuse is refused in the folder of the aliases too`() {
    #expect(Command.run(in: folder, "sign", "aliases.json", "--key", key, "--comment", "of mine").code == 0)
    #expect(Command.run(in: folder, "verify", "aliases.json", "--public-key", trusted).code == 65)
  }

  @Test(arguments: ["aliases.json", "manifest.json"])
  func `what belongs to no model that can be told is signed with a comment only`(name: String) throws {
    try FileManager.default.createDirectory(atPath: files.files["No Model"], withIntermediateDirectories: true)
    let path = files.files.folder.write("{}", to: "No Model/\(name)")
    let refused = Command.run("sign", path, "--key", key)
    #expect(refused.code == 65 && refused.errors.contains("--comment"), "\(refused)")
    #expect(Command.run("sign", path, "--key", key, "--comment", "of mine").code == 0)
  }
}
