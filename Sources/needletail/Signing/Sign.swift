import ArgumentParser
import FoundationEssentials
import Publishing

struct Sign: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sign files as minisign does; manifests for their model and version, as gateways ask for it.",
    discussion: """
      needletail sign var/repository/models/films/42/manifest.json --key needletail.key
      needletail sign notes.txt --key needletail.key --comment "release 7"

      The signature of FILE goes to FILE.minisig; `minisign -V -p needletail.pub -m FILE` takes it too.
      """)

  @Argument(help: "Files to sign.") var files: [String]
  @Option(help: "Secret key file, of keygen or minisign -G.") var key: String
  @OptionGroup var password: PasswordOptions
  @Option(
    help: """
      Comment that is signed with each file. By default model, version and time of a manifest; model and time of an \
      aliases.json; time and name of any other.
      """)
  var comment: String?
  @Option(help: "Signature file to write instead, of a single file.") var signature: String?
  @Flag(help: "Print a JSON object for each file.") var json = false

  func validate() throws {
    guard signature == nil || files.count == 1 else { throw ValidationError("--signature is for a single file") }
  }

  func run() throws {
    try reporting {
      let key = try password.key(key)
      for file in files {
        let text: [UInt8]
        do throws(SigningError) {
          text = try key.sign(file: file, comment: comment, timestamp: Int(Date().timeIntervalSince1970))
        } catch { throw CommandFailure(error) }
        let path = signature ?? file + SignedFile.suffix
        try writeFile(text, to: path)
        let comment = try Signature(text).comment.text
        if json { try printJSON(Outcome(file: file, signature: path, keyId: "\(key.id)", trustedComment: comment)) }
        if !json { print("\(path): signed with key \(key.id): \(comment)") }
      }
    }
  }

  private struct Outcome: Encodable {
    var schemaVersion = 1
    let file, signature, keyId, trustedComment: String
  }
}
