import Bytes
import TestSupport
import Testing

@testable import Publishing

@Suite struct KeyringTests {
  private let key = MinisignVectors.key
  private let keyring = MinisignVectors.keyring
  private let manifest = Array(#"{"model":"home","version":42}"#.utf8)
  private var signature: [UInt8] { key.sign(manifest: manifest, model: "home", version: 42, timestamp: 1_795_364_439) }

  @Test func `a signature that minisign made is believed`() throws {
    let found = try keyring.verify(
      manifest: MinisignVectors.message, signature: Array(MinisignVectors.signature.utf8), model: "home", version: 42)
    #expect("\(found.keyID)" == "304375312A7185BF")
    #expect(found.comment.timestamp == 1_795_364_439)
  }

  @Test func `we sign as minisign does, to the byte but for the comment that nobody trusts`() throws {
    let ours = key.sign(manifest: MinisignVectors.message, model: "home", version: 42, timestamp: 1_795_364_439)
    let lines = String(decoding: ours, as: UTF8.self).split(separator: "\n")
    #expect(lines.dropFirst() == MinisignVectors.signature.split(separator: "\n").dropFirst())
    #expect(keyring.refusal(of: MinisignVectors.message, ours) == nil)
  }

  @Test func `nothing is believed without a signature, or with one of the old way`() {
    #expect(keyring.refusal(of: manifest, nil) == .signatureMissing)
    #expect(keyring.refusal(of: manifest, []) == .signatureInvalid)
    let legacy = Array(MinisignVectors.legacySignature.utf8)
    #expect(keyring.refusal(of: MinisignVectors.message, legacy) == .signatureInvalid)
    #expect(throws: Signature.Fault.self) { try Signature(legacy) }
  }

  @Test func `a changed byte of the manifest is noticed wherever it is`() {
    let signature = signature
    for place in manifest.indices {
      for mask in [1, 0x20, 0x80] as [UInt8] {
        var changed = manifest
        changed[place] ^= mask
        #expect(keyring.refusal(of: changed, signature) == .signatureInvalid, "byte \(place) ^ \(mask)")
      }
    }
    #expect(keyring.refusal(of: manifest + [10], signature) == .signatureInvalid)
    #expect(keyring.refusal(of: Array(manifest.dropLast()), signature) == .signatureInvalid)
  }

  @Test func `a changed byte of the signature file is noticed wherever it is, but in the comment that nobody trusts`() {
    let signature = signature
    let untrusted = "untrusted comment: ".utf8.count..<signature.firstIndex(of: 10)!
    for place in signature.indices {
      for mask in [1, 2, 4, 7, 0x10, 0x20, 0x40, 0x80] as [UInt8] {
        var changed = signature
        changed[place] ^= mask
        // A control character or a line too many is refused there too.
        guard !untrusted.contains(place) else { continue }
        #expect(keyring.refusal(of: manifest, changed) == .signatureInvalid, "byte \(place) ^ \(mask)")
      }
    }
    for count in signature.indices.dropLast() {
      #expect(keyring.refusal(of: manifest, Array(signature[..<count])) == .signatureInvalid, "cut to \(count)")
    }
    #expect(keyring.refusal(of: manifest, signature + Array("more\n".utf8)) == .signatureInvalid)
    #expect(keyring.refusal(of: manifest, signature + Array(repeating: 10, count: 20_000)) == .signatureInvalid)
  }

  @Test func `what an untrusted comment says changes nothing, and line ends of Windows do not either`() {
    let text = String(decoding: signature, as: UTF8.self)
    let other = text.replacing("signature from needletail secret key", with: "version=99 é")
    #expect(text != other && keyring.refusal(of: manifest, Array(other.utf8)) == nil)
    #expect(keyring.refusal(of: manifest, Array(text.replacing("\n", with: "\r\n").utf8)) == nil)
    #expect(keyring.refusal(of: manifest, Array(text.dropLast().utf8)) == nil)
  }

  @Test func `a signature for another model or version is refused, though it holds`() {
    #expect(keyring.refusal(of: manifest, signature, model: "detail") == .signatureInvalid)
    #expect(keyring.refusal(of: manifest, signature, version: 43) == .signatureInvalid)
    for comment in [
      "", "model=home", "version=42", "model=home version=42 version=43", "model=home model=home version=42",
      "model=homely version=42", "model=home version=042", "model=home version=+42", "xmodel=home version=42",
      "model=home\u{A0}version=42", "model=home file=aliases.json timestamp=1",
    ] {
      let signed = key.sign(hash: BLAKE2b512.digest(manifest.span.bytes), comment: TrustedComment(comment)).fileText
      #expect(keyring.refusal(of: manifest, Array(signed.utf8)) == .signatureInvalid, "\(comment)")
    }
  }

  @Test func `a signature by a foreign key is refused, also under the name of a trusted one`() {
    let foreign = MinisignVectors.foreignKey
    let signed = foreign.sign(manifest: manifest, model: "home", version: 42, timestamp: 1)
    #expect(keyring.refusal(of: manifest, signed) == .signatureInvalid)
    let impostor = SigningKey(id: key.id, secret: foreign.secret)
    let disguised = impostor.sign(manifest: manifest, model: "home", version: 42, timestamp: 1)
    #expect(keyring.refusal(of: manifest, disguised) == .signatureInvalid)
  }

  @Test func `parts of two signatures of one key do not make a third`() {
    let other = key.sign(manifest: manifest, model: "home", version: 43, timestamp: 1)
    let lines = [signature, other].map { $0.split(separator: 10).map(Array.init) }
    let mixed = [lines[0][0], lines[0][1], lines[1][2], lines[1][3]].joined(separator: [10])
    #expect(keyring.refusal(of: manifest, Array(mixed), version: 43) == nil)
    let foreignFile = key.sign(manifest: [1, 2, 3], model: "home", version: 43, timestamp: 1)
    let moved = [lines[0][0], lines[0][1]] + foreignFile.split(separator: 10).map(Array.init)[2...]
    #expect(keyring.refusal(of: manifest, Array(moved.joined(separator: [10])), version: 43) == .signatureInvalid)
  }

  @Test func `during a rotation either key is enough`() {
    let new = SigningKey.random()
    let both = Keyring([key.publicKey, new.publicKey])
    let signedByNew = new.sign(manifest: manifest, model: "home", version: 42, timestamp: 1)
    #expect(both.refusal(of: manifest, signature) == nil && both.refusal(of: manifest, signedByNew) == nil)
    #expect(Keyring([new.publicKey]).refusal(of: manifest, signature) == .signatureInvalid)
  }

  @Test func `aliases are signed for their model, with a time that only grows`() throws {
    let bytes = Aliases(champion: 3).encoded()
    let first = key.sign(aliases: bytes, model: "home", timestamp: 100, after: nil)
    let second = key.sign(aliases: bytes, model: "home", timestamp: 50, after: first)
    #expect(
      try keyring.verify(aliases: SignedFile(bytes: bytes, signature: first), model: "home").comment.timestamp == 100)
    #expect(
      try keyring.verify(aliases: SignedFile(bytes: bytes, signature: second), model: "home").comment.timestamp == 101)
    func refusal(_ bytes: [UInt8], _ signature: [UInt8]?, _ model: String = "home") -> RejectReason? {
      reason { try keyring.verify(aliases: SignedFile(bytes: bytes, signature: signature), model: model) }
    }
    #expect(refusal(bytes, nil) == .signatureMissing)
    #expect(refusal(bytes, first, "detail") == .signatureInvalid)
    #expect(refusal(Aliases(champion: 2).encoded(), first) == .signatureInvalid)
    // A manifest's signature is none of aliases, even over the same bytes.
    #expect(refusal(bytes, key.sign(manifest: bytes, model: "home", version: 3, timestamp: 1)) == .signatureInvalid)
  }

  @Test func `a time that lies in the place of the aliases' signature is believed no further than its signer`() throws {
    let bytes = Aliases(champion: 3).encoded()
    let (foreign, now) = (MinisignVectors.foreignKey, 1_795_364_439)
    func time(after previous: [UInt8]) throws -> Int? {
      let signature = key.sign(aliases: bytes, model: "home", timestamp: now, after: previous)
      return try keyring.verify(aliases: SignedFile(bytes: bytes, signature: signature), model: "home").comment
        .timestamp
    }
    for beyond in [Int.max, .max - 1, now + 86_401] {
      #expect(try time(after: foreign.sign(aliases: bytes, model: "home", timestamp: beyond, after: nil)) == now)
      #expect(try time(after: key.sign(aliases: bytes, model: "detail", timestamp: beyond, after: nil)) == now)
      let own = key.sign(aliases: bytes, model: "home", timestamp: 100, after: nil)
      let forged = String(decoding: own, as: UTF8.self).replacing("timestamp=100", with: "timestamp=\(beyond)")
      #expect(try time(after: Array(forged.utf8)) == now)
    }
    // The key before this one, on a machine whose clock is ahead.
    #expect(try time(after: foreign.sign(aliases: bytes, model: "home", timestamp: now + 60, after: nil)) == now + 61)
    // Its own times hold whatever they are, and whichever aliases they were of.
    let other = Aliases(champion: 2).encoded()
    #expect(
      try time(after: key.sign(aliases: other, model: "home", timestamp: now + 90_000, after: nil)) == now + 90_001)
    #expect(try time(after: key.sign(aliases: bytes, model: "home", timestamp: .max, after: nil)) == .max)
  }

  @Test func `a keyring is read from files and from keys as they are, and names what is none`() throws {
    let folder = TemporaryFolder()
    let file = folder.write(MinisignVectors.publicKey, to: "a.pub")
    #expect(try Keyring(filesOrKeys: [file]) == keyring)
    #expect(try Keyring(filesOrKeys: [key.publicKey.text]) == keyring)
    #expect(key.publicKey.fileText == MinisignVectors.publicKey)
    for text in ["", "RWQ", MinisignVectors.secretKey, MinisignVectors.publicKey + "x\n"] {
      let error = #expect(throws: SigningError.self) { try Keyring(filesOrKeys: [folder.write(text, to: "b.pub")]) }
      #expect(error?.cause == .malformed && error?.description.contains("b.pub") == true)
    }
    let missing = #expect(throws: SigningError.self) { try Keyring(filesOrKeys: [folder.file("none.pub")]) }
    #expect(missing?.cause == .cannotRead)
  }
}
