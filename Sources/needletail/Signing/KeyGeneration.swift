import ArgumentParser
import FoundationEssentials
import Publishing
import Snapshots

struct KeyGeneration: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keygen", abstract: "Make a key pair: publishers sign with its secret half, gateways trust the other.",
    discussion: """
      needletail keygen --key needletail.key --public-key needletail.pub
      needletail sign var/repository/models/films/1/manifest.json --key needletail.key

      Both files are minisign's. The secret key gets a password unless --no-password says otherwise; gateways name \
      the public key under trust.keys.
      """)

  @Option(help: "Secret key file to write, for its owner alone.") var key = "needletail.key"
  @Option(help: "Public key file to write.") var publicKey = "needletail.pub"
  @OptionGroup var password: PasswordOptions
  @Flag(help: "Write the secret key without a password: whoever reads the file can sign.") var noPassword = false
  @Flag(help: "Replace files that are there. The old key is lost.") var force = false
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    try reporting {
      let manager = FileManager.default
      for path in [key, publicKey] where !force && manager.fileExists(atPath: path) {
        throw CommandFailure(
          .cannotWrite, "\(path) is there already; a key that is replaced is lost, so name another or say --force")
      }
      let new = SigningKey.random()
      do {
        let password = noPassword ? nil : try password.newPassword()
        try SecretKeyFile.write(new, to: key, password: password, replacing: force)
      } catch let error as SigningError {
        throw CommandFailure(error)
      }
      try writeFile(Array(new.publicKey.fileText.utf8), to: publicKey)
      if json { return try printJSON(Outcome(new.publicKey, key: key, publicKey: publicKey)) }
      print("key \(new.id): the secret half is in \(key), the public one in \(publicKey):\n\(new.publicKey.text)")
    }
  }

  private struct Outcome: Encodable {
    let schemaVersion = 1
    let keyId, publicKey, keyFile, publicKeyFile: String

    init(_ key: PublicKey, key keyFile: String, publicKey publicKeyFile: String) {
      (keyId, publicKey) = ("\(key.id)", key.text)
      (self.keyFile, self.publicKeyFile) = (keyFile, publicKeyFile)
    }
  }
}

/// Writes a small file whole and durably, or not at all.
func writeFile(_ bytes: [UInt8], to path: String) throws {
  do {
    let file = try TemporaryFile(target: path, disk: Disk())
    try file.append(bytes.span.bytes)
    try file.seal()
  } catch { throw CommandFailure(.cannotWrite, "\(error)") }
}
