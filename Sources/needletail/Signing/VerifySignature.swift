import ArgumentParser
import Publishing

struct VerifySignature: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check a file's signature as a gateway does before it reads anything else.",
    discussion: """
      needletail verify var/repository/models/films/42/manifest.json --public-key needletail.pub
      needletail verify notes.txt --public-key old.pub --public-key new.pub

      A manifest must be signed for its model and version, an aliases.json for the model whose folder it lies in.
      """)

  @Argument(help: "File that was signed.") var file: String
  @Option(help: "Public key file, or the key itself; several may be given, and one must have signed.")
  var publicKey: [String]
  @Option(help: "Signature file; FILE.minisig by default.") var signature: String?
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard !publicKey.isEmpty else { throw ValidationError("name a key with --public-key") }
  }

  func run() throws {
    try reporting {
      let keyring: Keyring
      do throws(SigningError) { keyring = try Keyring(filesOrKeys: publicKey) } catch { throw CommandFailure(error) }
      do {
        let found = try keyring.verify(file: file, signaturePath: signature)
        if json { return try printJSON(Outcome(file: file, isValid: true, endorsement: found)) }
        print("\(file): signed with key \(found.keyID): \(found.comment.text)")
      } catch let error as PublishError {
        if json { try printJSON(Outcome(file: file, isValid: false, error: error)) }
        let isAbsent = error.reason == .signatureMissing || error.reason == .fetchFailed
        throw CommandFailure(isAbsent ? .noInput : .data, "\(error)")
      }
    }
  }

  private struct Outcome: Encodable {
    let schemaVersion = 1
    let file: String
    let isValid: Bool
    var keyId, trustedComment, reason, detail: String?

    init(file: String, isValid: Bool, endorsement: Endorsement? = nil, error: PublishError? = nil) {
      (self.file, self.isValid) = (file, isValid)
      (keyId, trustedComment) = (endorsement.map { "\($0.keyID)" }, endorsement?.comment.text)
      (reason, detail) = (error?.reason.rawValue, error?.detail)
    }
  }
}
