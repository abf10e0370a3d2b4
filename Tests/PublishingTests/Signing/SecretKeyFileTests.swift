import Bytes
import FoundationEssentials
import TestSupport
import Testing

@testable import Publishing

@Suite struct SecretKeyFileTests {
  private let folder = TemporaryFolder()
  private let key = MinisignVectors.key
  /// The least that libsodium takes: 32 MiB would be asked of a guess otherwise.
  private let cheap = SecretKeyFile.Limits(operations: 32768, memory: 1 << 20)

  private func read(_ path: String, _ password: String = "secret") -> Result<SigningKey, SigningError> {
    Result { () throws(SigningError) in
      try SecretKeyFile.read(path) { () throws(SigningError) in Array(password.utf8) }
    }
  }

  private func cause(_ result: Result<SigningKey, SigningError>) -> SigningError.Cause? {
    if case .failure(let error) = result { error.cause } else { nil }
  }

  @Test func `a key of minisign without a password is read, and belongs to its public key`() throws {
    #expect(key.publicKey.fileText == MinisignVectors.publicKey)
    #expect(try !SecretKeyFile.isEncrypted(folder.write(MinisignVectors.secretKey, to: "key")))
  }

  @Test func `without a password we write what minisign writes`() throws {
    try SecretKeyFile.write(key, to: folder.file("key"), password: nil)
    let text = try String(contentsOf: URL(filePath: folder.file("key")), encoding: .utf8)
    #expect(text.split(separator: "\n")[1] == MinisignVectors.secretKey.split(separator: "\n")[1])
  }

  @Test func `a key with a password comes back with it alone`() throws {
    let path = folder.file("key")
    try SecretKeyFile.write(key, to: path, password: Array("secret".utf8), limits: cheap)
    #expect(try SecretKeyFile.isEncrypted(path))
    #expect(try read(path).get().publicKey == key.publicKey)
    #expect(cause(read(path, "Secret")) == .wrongPassword && cause(read(path, "")) == .wrongPassword)
  }

  @Test func `no changed byte of a key file is taken for the key`() throws {
    let path = folder.file("key")
    try SecretKeyFile.write(key, to: path, password: nil)
    let bytes = Array(try Data(contentsOf: URL(filePath: path)))
    let start = "untrusted comment: ".utf8.count
    let end = bytes.firstIndex(of: 10)!
    for place in bytes.indices where !(start..<end).contains(place) {
      var changed = bytes
      changed[place] ^= 1
      try Data(changed).write(to: URL(filePath: folder.file("changed")))
      guard case .success(let other) = read(folder.file("changed")) else { continue }
      // Salt and limits mean nothing without a password; a key id is only a name.
      #expect(other.publicKey.bytes == key.publicKey.bytes, "byte \(place)")
    }
  }

  @Test func `a key file is its owner's alone, and is not replaced by accident`() throws {
    let path = folder.file("key")
    try SecretKeyFile.write(key, to: path, password: nil)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600 && !SecretKeyFile.isExposed(path))
    let error = #expect(throws: SigningError.self) {
      try SecretKeyFile.write(MinisignVectors.foreignKey, to: path, password: nil)
    }
    #expect(error?.cause == .cannotWrite && error?.description.contains("--force") == true)
    #expect(try read(path).get().id == key.id)
    try SecretKeyFile.write(MinisignVectors.foreignKey, to: path, password: nil, replacing: true)
    #expect(try read(path).get().id == MinisignVectors.foreignKey.id)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["key"])
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    #expect(SecretKeyFile.isExposed(path))
  }

  @Test func `files that are no keys are refused with a sentence`() throws {
    for text in ["", "x", MinisignVectors.publicKey, MinisignVectors.secretKey + "more\n"] {
      #expect(cause(read(folder.write(text, to: "bad"))) == .malformed, "\(text)")
    }
    #expect(cause(read(folder.file("none"))) == .cannotRead)
    #expect(cause(read("/nowhere/none")) == .cannotRead)
    let error = #expect(throws: SigningError.self) { try SecretKeyFile.write(key, to: "/nowhere/none", password: nil) }
    #expect(error?.cause == .cannotWrite)
  }

  /// Values of libsodium's pickparams for its own constants.
  @Test func `what a password costs is derived as libsodium does`() {
    let sensitive = SecretKeyFile.Limits.sensitive.cost
    #expect(sensitive?.log2N == 20 && sensitive?.r == 8 && sensitive?.p == 1)
    let interactive = SecretKeyFile.Limits(operations: 524_288, memory: 16 << 20).cost
    #expect(interactive?.log2N == 14 && interactive?.r == 8 && interactive?.p == 1)
    // Little memory and many operations: several passes.
    let passes = SecretKeyFile.Limits(operations: 33_554_432, memory: 16 << 20).cost
    #expect(passes?.log2N == 14 && passes?.p == 64)
    #expect(SecretKeyFile.Limits(operations: 1, memory: 1 << 40).cost == nil)
    #expect(SecretKeyFile.Limits(operations: .max, memory: 1 << 20).cost == nil)
  }
}
